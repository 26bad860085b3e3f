// A kill at any moment of a trial: nobody is left with its rank and without the former one.

#include <functional>

#include <doctest/doctest.h>

#include "circuit_breaker/audit.h"
#include "circuit_breaker/kept_ranks.h"
#include "circuit_breaker_return_fixture.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

constexpr auto kLater = kNow + base::Seconds{60};

/// No error that anybody may catch.
struct Killed {};

/// Dies before its nth moment: a statement, the end of a commit, or what is done with the store.
struct Doom {
    int at = 0;
    int passed = 0;
    void moment() {
        if (passed++ == at) throw Killed{};
    }
};

/// The pipeline and the breaker's thread in one, over the trial that is pending.
void carry_out(TestGateway& gateway, Audit& audit, bool resumed, Doom& doom) {
    AccidentSession session{gateway.session()};
    session.before = [&](const std::string&) { doom.moment(); };
    session.after_commit = [&] { doom.moment(); };
    for (auto kind = ReturnResult::Kind::ranks_read; kind == ReturnResult::Kind::ranks_read;) {
        const auto circuit = audit.circuits().of_trip("t1");
        REQUIRE(circuit);
        doom.moment();
        const auto result = circuit_breaker::give_back(
            session, gateway.database(),
            {.circuit = *circuit, .way = Way::trial, .resumed = resumed}, {}, kLater);
        doom.moment();
        audit.record(result, kLater);
        kind = result.kind;
    }
}

/// The order has expired: it is only looked for.
void look_for(TestGateway& gateway, Audit& audit) {
    const ReturnRequest request{
        .circuit = *audit.circuits().of_trip("t1"), .way = Way::trial, .resumed = true};
    auto result = find_return(*gateway.session(), gateway.database(), request, kLater);
    if (!result) {
        result.emplace();
        result->kind = ReturnResult::Kind::failed;
        result->request = request;
    }
    audit.record(*result, kLater);
}

/// Channel 2 with ranks of which each is another, and an ability that is off.
void fresh(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels");
    gateway.sql("DELETE FROM abilities");
    gateway.sql("DELETE FROM options");
    gateway.sql("INSERT INTO options VALUES('RetryTimes', '3')");
    gateway.add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o", "o1"});
    set_rank(gateway, 1, 4, 0);
    set_rank(gateway, 2, 9, 5);
    gateway.sql(
        "UPDATE abilities SET priority = NULL WHERE channel_id = 2 AND `group` = 'vip' AND "
        "model = 'o1'");
    gateway.sql(
        "UPDATE abilities SET enabled = 0 WHERE channel_id = 2 AND `group` = 'vip' AND model = "
        "'gpt-4o'");
}

enum class Then { goes_on, too_late, mark_lost };

/// False once the trial comes through before the kill.
bool killed_at(TestGateway& gateway, int at, Then then) {
    fresh(gateway);
    const auto before = everything(gateway);
    const auto trip_result = trip(gateway, live(2, "t1"));
    REQUIRE(kind_name(trip_result.kind) == "tripped");
    const auto off = everything(gateway);
    const tests::TempDir folder;
    Doom doom{at};
    try {
        base::Database store{folder.file("s.db"), {Audit::schema()}};
        Audit audit{store};
        audit.record(trip_result, kNow);
        const auto circuit = *audit.circuits().of_trip("t1");
        REQUIRE(audit.intend_return({.circuit = circuit, .way = Way::trial}, kLater));
        carry_out(gateway, audit, false, doom);
    } catch (const Killed&) {
        doom.passed = -1;
    }
    base::Database store{folder.file("s.db"), {Audit::schema()}};
    Audit audit{store};
    const bool through = doom.passed >= 0;
    const bool written = status_of(gateway, 2) == "1";
    if (written && then == Then::mark_lost)
        gateway.sql("UPDATE channels SET other_info = '{}' WHERE id = 2");
    if (!through) {
        Doom never{-1};
        if (then == Then::too_late) {
            look_for(gateway, audit);
        } else {
            carry_out(gateway, audit, true, never);
        }
    }
    const auto circuit = audit.circuits().of_trip("t1");
    REQUIRE(circuit);
    CHECK_FALSE(circuit->pending);
    CHECK(circuit->intended.empty());
    if (circuit->state == Circuit::State::open) {
        CHECK(then == Then::too_late);
        CHECK(everything(gateway) == off);
    } else {
        const auto kept = read_kept(circuit->kept);
        REQUIRE(kept);
        CHECK(kept->channel.priority == 9);
        CHECK(kept->abilities.size() == 1);
        CHECK(kept->off == decltype(kept->off){{"vip", "gpt-4o"}});
    }
    // Without its mark a trial is somebody else's.
    if (written && then == Then::mark_lost) return !through;
    CHECK(kind(give_back(gateway, *circuit, Way::whole)) == "done");
    CHECK(everything(gateway) == before);
    return !through;
}

}  // namespace

TEST_CASE("whenever a trial is killed, the ranks are the former ones or the trial is known") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        for (const auto* schema : {"oneapi", "newapi_2026"}) {
            TestGateway gateway{engine, schema};
            for (const auto then : {Then::goes_on, Then::too_late, Then::mark_lost}) {
                if (then == Then::mark_lost && !gateway.new_api()) continue;
                int at = 0;
                CAPTURE(gateway.describe());
                CAPTURE(static_cast<int>(then));
                while (killed_at(gateway, at, then)) {
                    CAPTURE(at);
                    ++at;
                }
                CHECK(at > 15);
            }
        }
    }
}

TEST_CASE("One API: an enabling by a person is not taken for a trial that was killed") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        TestGateway gateway{engine, "oneapi"};
        fresh(gateway);
        auto circuit = tripped(gateway, 2, "t1");
        const ReturnRequest request{.circuit = circuit, .way = Way::trial};
        const auto read =
            circuit_breaker::give_back(*gateway.session(), gateway.database(), request, {}, kLater);
        REQUIRE(kind(read) == "ranks_read");
        circuit.intended = read.kept;
        gateway.sql("UPDATE channels SET status = 1 WHERE id = 2");
        const auto theirs = everything(gateway);
        const auto result = give_back(gateway, circuit, Way::trial, true);
        CHECK(kind(result) == "theirs");
        CHECK(result.change == Change::enabled);
        CHECK(everything(gateway) == theirs);
    }
}

TEST_CASE("a trial at the channel's own rank is known after a kill, also on One API") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        gateway->sql(
            "DELETE FROM channels WHERE id = 1; DELETE FROM abilities WHERE channel_id = 1");
        set_rank(*gateway, 2, 9, 5);  // nobody shares its models
        auto circuit = tripped(*gateway, 2, "t1");
        const auto read =
            circuit_breaker::give_back(*gateway->session(), gateway->database(),
                                       {.circuit = circuit, .way = Way::trial}, {}, kLater);
        REQUIRE(kind(read) == "ranks_read");
        circuit.intended = read.kept;
        SUBCASE("killed before it was written") {
            CHECK(kind(give_back(*gateway, circuit, Way::trial, true)) == "done");
        }
        SUBCASE("killed after it was written") {
            CHECK(kind(give_back(*gateway, circuit, Way::trial)) == "done");
        }
        const auto written = everything(*gateway);
        CHECK(status_of(*gateway, 2) == "1");
        const auto found = give_back(*gateway, circuit, Way::trial, true);
        CHECK(kind(found) == "done");
        CHECK(found.kept == read.kept);
        CHECK(everything(*gateway) == written);
        const auto trial = on_trial(circuit, found);
        CHECK(look_at(*gateway->session(), {trial}).sightings.at(0).change == Change::none);
        // Who enables it by the gateway switches on what was off before the trip, too.
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        if (!gateway->new_api()) {
            const auto theirs = give_back(*gateway, circuit, Way::trial, true);
            CHECK(kind(theirs) == "theirs");
            CHECK(theirs.change == Change::enabled);
        }
        // With a mark to be had, a rank that is anybody's tells nothing.
        if (gateway->new_api()) {
            gateway->sql("UPDATE channels SET other_info = '{}' WHERE id = 2");
            CHECK(kind(give_back(*gateway, circuit, Way::trial, true)) == "theirs");
        }
    }
}

TEST_CASE("a trial that the gateway disabled before its record is known, and goes off whole") {
    TestGateway gateway{Engine::sqlite, "oneapi"};
    fresh(gateway);
    const auto before = everything(gateway);
    auto circuit = tripped(gateway, 2, "t1");
    circuit.intended = give_back(gateway, circuit, Way::trial).kept;
    gateway.sql("UPDATE channels SET status = 3 WHERE id = 2");
    gateway.sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
    const auto found = give_back(gateway, circuit, Way::trial, true);
    CHECK(kind(found) == "done");
    const auto trial = on_trial(circuit, found);
    CHECK(look_at(*gateway.session(), {trial}).sightings.at(0).change == Change::gateway_disabled);
    CHECK(kind(give_back(gateway, trial, Way::again)) == "done");
    CHECK(kind(give_back(gateway, circuit, Way::whole)) == "done");
    CHECK(everything(gateway) == before);
}

TEST_CASE("ranks that change between their record and the trial are read and kept anew") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        auto circuit = tripped(*gateway, 2, "t1");
        const auto first =
            circuit_breaker::give_back(*gateway->session(), gateway->database(),
                                       {.circuit = circuit, .way = Way::trial}, {}, kLater);
        REQUIRE(kind(first) == "ranks_read");
        circuit.intended = first.kept;
        gateway->sql("UPDATE channels SET priority = 77 WHERE id = 2");
        const auto off = everything(*gateway);
        const auto second =
            circuit_breaker::give_back(*gateway->session(), gateway->database(),
                                       {.circuit = circuit, .way = Way::trial}, {}, kLater);
        CHECK(kind(second) == "ranks_read");
        CHECK(read_kept(second.kept)->channel.priority == 77);
        CHECK(everything(*gateway) == off);
        circuit.intended = second.kept;
        CHECK(read_kept(give_back(*gateway, circuit, Way::trial).kept)->channel.priority == 77);
    }
}

TEST_CASE("a rank that a trial left to another trip comes back with it") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        if (gateway->new_api()) gateway->sql("UPDATE channels SET other_info = '{}'");
        const auto before = everything(*gateway);
        auto trial = put_on_trial(*gateway, 2, "t1");
        auto circuit = tripped(*gateway, 2, "t2");
        circuit.kept = trial.kept;
        const auto second = on_trial(circuit, give_back(*gateway, circuit, Way::trial));
        CHECK(read_kept(second.kept)->channel == read_kept(trial.kept)->channel);
        CHECK(kind(give_back(*gateway, second, Way::settle)) == "done");
        CHECK(everything(*gateway) == before);

        trial = put_on_trial(*gateway, 2, "t3");
        circuit = tripped(*gateway, 2, "t4");
        circuit.kept = trial.kept;
        CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
        CHECK(everything(*gateway) == before);
    }
}
