// Half-open: little traffic first, and back to the channel's own rank or off again.

#include <doctest/doctest.h>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

std::string rank_of(TestGateway& gateway, std::int64_t channel) {
    const auto row =
        gateway.sql(fmt::format("SELECT priority, weight FROM channels WHERE id = {}", channel));
    return row[0][0] + "/" + row[0][1];
}

std::set<std::string> ability_ranks(TestGateway& gateway, std::int64_t channel) {
    std::set<std::string> ranks;
    for (const auto& row :
         gateway.sql(fmt::format("SELECT priority, {} FROM abilities WHERE channel_id = {}",
                                 gateway.new_api() ? "weight" : "0", channel))) {
        ranks.insert(row[0] + "/" + row[1]);
    }
    return ranks;
}

void retry(TestGateway& gateway, const std::string& times) {
    gateway.sql("INSERT INTO options VALUES('RetryTimes', '" + times + "')");
}

}  // namespace

TEST_CASE("a trial is on at the lowest rank, and settles into what was before the trip") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        retry(*gateway, "2");
        set_rank(*gateway, 1, 4, 0);
        set_rank(*gateway, 2, 9, kNull);
        gateway->sql(
            "UPDATE abilities SET priority = NULL WHERE channel_id = 2 AND `group` = "
            "'vip'");
        const auto before = everything(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        const auto result = give_back(*gateway, circuit, Way::trial);
        CHECK(kind(result) == "done");
        CHECK(status_of(*gateway, 2) == "1");
        CHECK(rank_of(*gateway, 2).starts_with("3/"));
        CHECK(ability_ranks(*gateway, 2) == std::set<std::string>{"3/0"});
        for (const auto cache : {Cache::off, Cache::on})
            CHECK(gateway->candidates(cache, "vip", "gpt-4o") == std::set<std::int64_t>{1, 2});
        if (gateway->new_api()) {
            const auto info = Json::parse(info_of(*gateway, 2));
            CHECK(info["status_reason"] == "[quotafuse] on trial: tokens 2,400,000 in 1h");
            CHECK(info["quotafuse"]["trip"] == "t1");
            CHECK(info["quotafuse"]["trial"] == true);
            CHECK(info["quotafuse"]["kept"] == Json::parse(result.kept));
        }
        const auto after = Json::parse(result.after);
        CHECK(after["priority"] == 3);
        const auto settled = give_back(*gateway, on_trial(circuit, result), Way::settle);
        CHECK(Json::parse(settled.after)["priority"] == 9);
        CHECK(Json::parse(settled.after)["abilities"].size() == 1);
        CHECK(kind(settled) == "done");
        CHECK(everything(*gateway) == before);
        CHECK(kind(give_back(*gateway, on_trial(circuit, result), Way::settle, true)) == "done");
    }
}

TEST_CASE("One API's first retry asks the highest priority again: two make a trial of retries") {
    for (const auto& [times, priority] :
         std::map<std::string, std::string>{{"1", "4"}, {"2", "3"}}) {
        TestGateway gateway{Engine::sqlite, "oneapi"};
        add_two_channels(gateway);
        retry(gateway, times);
        set_rank(gateway, 1, 4, 0);
        set_rank(gateway, 2, 9, 0);
        put_on_trial(gateway, 2, "t1");
        CHECK(rank_of(gateway, 2) == priority + "/0");
    }
}

TEST_CASE("a trial that is given back whole, or goes off again, leaves no trace of its rank") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        retry(*gateway, "3");
        set_rank(*gateway, 2, 9, 5);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2 AND `group` = 'vip'");
        const auto before = everything(*gateway);
        CHECK(kind(give_back(*gateway, put_on_trial(*gateway, 2, "t1"), Way::whole)) == "done");
        CHECK(everything(*gateway) == before);

        const auto circuit = tripped(*gateway, 2, "t2");
        const auto off = everything(*gateway);
        const auto trial = on_trial(circuit, give_back(*gateway, circuit, Way::trial));
        const auto again = give_back(*gateway, trial, Way::again);
        CHECK(kind(again) == "done");
        CHECK(again.status_written == 3);
        CHECK(status_of(*gateway, 2) == "3");
        CHECK(rank_of(*gateway, 2) == "9/5");
        CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1});
        if (gateway->new_api()) {
            const auto mark = read_mark(info_of(*gateway, 2));
            REQUIRE(mark);
            CHECK(mark->trip == "t2");
            CHECK_FALSE(mark->trial);
            CHECK(mark->off == decltype(mark->off){{"vip", "gpt-4o"}});
        } else {
            CHECK(everything(*gateway) == off);
        }
        CHECK(kind(give_back(*gateway, trial, Way::again, true)) == "done");  // a repeat
        CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
        CHECK(everything(*gateway) == before);
    }
}

TEST_CASE("off again is status 2 where the gateway enables by itself") {
    const auto gateway = new_api(Engine::sqlite);
    const auto trial = put_on_trial(*gateway, 2, "t1");
    gateway->sql("INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')");
    CHECK(give_back(*gateway, trial, Way::again).status_written == 2);
    CHECK(status_of(*gateway, 2) == "2");
    gateway->sql("UPDATE options SET value = 'false'");
    const auto repeat = give_back(*gateway, trial, Way::again, true);
    CHECK(kind(repeat) == "done");
    CHECK(repeat.status_written == 2);
}

TEST_CASE("a trial that the gateway itself disabled is still ours") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        set_rank(*gateway, 2, 9, 5);
        const auto before = everything(*gateway);
        const auto disable = [&] {
            gateway->sql("UPDATE channels SET status = 3 WHERE id = 2");
            gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
        };
        auto trial = put_on_trial(*gateway, 2, "t1");
        disable();
        const auto settle = give_back(*gateway, trial, Way::settle);
        CHECK(kind(settle) == "refused");
        CHECK(settle.cause.kind == TripCause::Kind::was_off);
        CHECK(kind(give_back(*gateway, trial, Way::whole)) == "done");
        CHECK(everything(*gateway) == before);

        trial = put_on_trial(*gateway, 2, "t2");
        disable();
        // It is off: nobody loses a channel by what we write.
        const Guard guard{.served = {{"default", "gpt-4o", 5}}, .firing = {1}};
        CHECK(kind(give_back(*gateway, trial, Way::again, false, guard)) == "done");
        CHECK(rank_of(*gateway, 2) == "9/5");
    }
}

TEST_CASE("between the gateway's two statements a trial is not given back") {
    const auto gateway = new_api();
    const auto trial = put_on_trial(*gateway, 2, "t1");
    gateway->sql("UPDATE channels SET status = 3 WHERE id = 2");  // its abilities come next
    const auto before = everything(*gateway);
    const auto result = give_back(*gateway, trial, Way::whole);
    CHECK(kind(result) == "refused");
    CHECK(result.cause.kind == TripCause::Kind::kept_changing);
    CHECK(result.try_again);
    CHECK(everything(*gateway) == before);
}

TEST_CASE("a trial that somebody changed is theirs, and is not touched") {
    const std::vector<Scene> scenes = {
        {"UPDATE channels SET status = 2 WHERE id = 2", Change::disabled_by_hand},
        {"DELETE FROM channels WHERE id = 2", Change::deleted},
        {"UPDATE channels SET priority = 77 WHERE id = 2", Change::altered},
        {"UPDATE channels SET weight = 77 WHERE id = 2", Change::altered, true},
        {"UPDATE abilities SET priority = 77 WHERE channel_id = 2 AND `group` = 'vip'",
         Change::altered},
        {"UPDATE channels SET other_info = '{}' WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = '{\"quotafuse\":{\"trip\":\"t1\"}}' WHERE id = 2",
         Change::altered, true},
    };
    in_each_scene(scenes, [](TestGateway& gateway, const Scene& scene) {
        const auto trial = put_on_trial(gateway, 2, "t1");
        gateway.sql(scene.sql);
        const auto before = everything(gateway);
        for (const auto way : {Way::whole, Way::settle, Way::again}) {
            const auto result = give_back(gateway, trial, way);
            CHECK(kind(result) == "theirs");
            CHECK(result.change == scene.change);
        }
        CHECK(everything(gateway) == before);
    });
}

TEST_CASE("a trial that is repeated after a crash has its ranks from the mark") {
    for (const auto* schema : {"newapi_2025", "newapi_2026"}) {
        for (const bool disabled : {false, true}) {  // by the gateway, before we came back
            TestGateway gateway{Engine::mariadb, schema};
            add_two_channels(gateway);
            set_rank(gateway, 2, 9, 5);
            const auto before = everything(gateway);
            const auto circuit = tripped(gateway, 2, "t1");
            const auto first = give_back(gateway, circuit, Way::trial);
            if (disabled) {
                gateway.sql("UPDATE channels SET status = 3 WHERE id = 2");
                gateway.sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
            }
            const auto after = everything(gateway);
            const auto repeat = give_back(gateway, circuit, Way::trial, true);
            CHECK(kind(repeat) == "done");
            CHECK(Json::parse(repeat.kept) == Json::parse(first.kept));
            CHECK(everything(gateway) == after);
            CHECK(kind(give_back(gateway, on_trial(circuit, repeat), Way::whole)) == "done");
            CHECK(everything(gateway) == before);
        }
    }
}

TEST_CASE("a trial does not go off where it is all that is left, and stays on trial") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto trial = put_on_trial(*gateway, 1, "t1");
        const auto before = everything(*gateway);
        const auto refused = give_back(*gateway, trial, Way::again, false, o1_has_traffic());
        CHECK(kind(refused) == "refused");
        CHECK(refused.cause.kind == TripCause::Kind::again_dark);
        CHECK(refused.cause.pairs == std::vector<UsedPair>{{"default/o1", 1234}});
        // A channel under an alert is no replacement.
        const Guard firing{.served = {{"vip", "gpt-4o", 1}}, .firing = {2}};
        CHECK(kind(give_back(*gateway, trial, Way::again, false, firing)) == "refused");
        CHECK(everything(*gateway) == before);

        // The other one goes off between our look and our commit.
        AccidentSession session{gateway->session()};
        session.after_commit = [&] { gateway->sql("UPDATE channels SET status = 2 WHERE id = 2"); };
        const Guard guard{.served = {{"vip", "gpt-4o", 1}}};
        const auto undone =
            give_back(session, *gateway, {.circuit = trial, .way = Way::again}, guard);
        CHECK(kind(undone) == "refused");
        CHECK(undone.cause.kind == TripCause::Kind::again_dark);
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        CHECK(everything(*gateway) == before);
        CHECK(kind(give_back(*gateway, trial, Way::again, false, guard)) == "done");
    }
}

TEST_CASE("a trial that could not put back the rank of a name is refused, and says which") {
    // A server does not store such a name.
    for (const auto* schema : {"oneapi", "newapi_2026"}) {
        TestGateway gateway{Engine::sqlite, schema};
        CAPTURE(gateway.describe());
        add_two_channels(gateway);
        set_rank(gateway, 2, 9, 5);
        gateway.sql(
            "UPDATE abilities SET model = CAST(x'6dff' AS TEXT), priority = 4 WHERE channel_id = 2 "
            "AND `group` = 'vip'");
        auto circuit = tripped(gateway, 2, "t1");
        const auto before = everything(gateway);
        for (const bool dry_run : {false, true}) {
            const auto result = circuit_breaker::give_back(
                *gateway.session(), gateway.database(),
                {.circuit = circuit, .way = Way::trial, .dry_run = dry_run}, {}, kNow);
            CHECK(kind(result) == "refused");
            CHECK(result.cause.kind == TripCause::Kind::bad_name);
            CHECK(result.why ==
                  "channel 2 serves vip/m\xEF\xBF\xBD, a name that is not valid UTF-8: its rank "
                  "could not be put back after a trial");
            CHECK_FALSE(result.try_again);
        }
        CHECK(everything(gateway) == before);
        // What needs no rank comes back.
        CHECK(kind(give_back(gateway, circuit, Way::whole)) == "done");
    }
}

TEST_CASE("what was off before a trip stays off whatever bytes its name has") {
    for (const auto* schema : {"oneapi", "newapi_2026"}) {
        for (const auto way : {Way::whole, Way::trial, Way::again}) {
            CAPTURE(schema);
            CAPTURE(std::string{way_name(way)});
            TestGateway gateway{Engine::sqlite, schema};
            add_two_channels(gateway);
            set_rank(gateway, 2, 9, 5);
            gateway.sql(
                "UPDATE abilities SET model = CAST(x'6dffc328' AS TEXT), enabled = 0 WHERE "
                "channel_id = 2 AND `group` = 'vip'");
            const auto before = everything(gateway);
            auto circuit = tripped(gateway, 2, "t1");
            if (way != Way::whole) {
                const auto result = give_back(gateway, circuit, Way::trial);
                CHECK(kind(result) == "done");
                CHECK(gateway.value("SELECT SUM(enabled) FROM abilities WHERE channel_id = 2") ==
                      "1");
                const auto trial = on_trial(circuit, result);
                if (way == Way::trial) circuit = trial;
                if (way == Way::again) {
                    CHECK(kind(give_back(gateway, trial, Way::again)) == "done");
                    circuit.failed_trials = 1;
                }
            }
            CHECK(kind(give_back(gateway, circuit, Way::whole)) == "done");
            CHECK(everything(gateway) == before);
        }
    }
}
