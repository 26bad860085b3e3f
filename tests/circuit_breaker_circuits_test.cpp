#include "circuit_breaker/stored_json.h"
#include "circuit_breaker_memory_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests::memory;

namespace {

/// With no value that is the default one.
Circuit full(const std::string& trip, Target target) {
    Circuit circuit;
    circuit.trip_id = trip;
    circuit.target = std::move(target);
    circuit.name = "azure";
    circuit.gateway = sync::Gateway::one_api;
    circuit.reason = "too dear";
    circuit.rule = "burn";
    circuit.series = "channel=3";
    circuit.state = Circuit::State::trial;
    circuit.opened_at = kNow;
    circuit.status_written = 2;
    circuit.before = R"({"a":"ö"})";
    circuit.after = R"({"b":1})";
    circuit.recover = half_open();
    circuit.back_at = kNow + 1h;
    circuit.failed_trials = 4;
    circuit.trial_at = kNow + 2h;
    circuit.kept = R"({"priority":5})";
    circuit.leading = LeadingKey{"u4/ci", "ci (\"alice\")", 87};
    circuit.pending = Way::settle;
    circuit.pending_at = kNow + 3h;
    circuit.off_since = kNow + 4h;
    circuit.asked_again = true;
    circuit.intended = R"({"priority":6})";
    circuit.told = "refused";
    return circuit;
}

void check_equal(const Circuit& a, const Circuit& b) {
    CHECK(a.trip_id == b.trip_id);
    CHECK(a.target == b.target);
    CHECK(a.name == b.name);
    CHECK(a.gateway == b.gateway);
    CHECK(a.reason == b.reason);
    CHECK(a.rule == b.rule);
    CHECK(a.series == b.series);
    CHECK(a.state == b.state);
    CHECK(a.opened_at == b.opened_at);
    CHECK(a.status_written == b.status_written);
    CHECK(a.before == b.before);
    CHECK(a.after == b.after);
    CHECK(a.recover == b.recover);
    CHECK(a.back_at == b.back_at);
    CHECK(a.failed_trials == b.failed_trials);
    CHECK(a.trial_at == b.trial_at);
    CHECK(a.kept == b.kept);
    CHECK(a.leading == b.leading);
    CHECK(a.pending == b.pending);
    CHECK(a.pending_at == b.pending_at);
    CHECK(a.off_since == b.off_since);
    CHECK(a.asked_again == b.asked_again);
    CHECK(a.intended == b.intended);
    CHECK(a.told == b.told);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a circuit is kept whole, for every kind of target") {
    auto& circuits = audit.circuits();
    const Target key{.kind = Target::Kind::token, .user = 4, .token_name = "ci/2"};
    const std::vector<Target> targets{Target::of_channel(3), Target::of_model(3, "o1/mini"),
                                      Target::of_token(17), key};
    for (const auto& target : targets) circuits.put(full(stored_key(target), target));
    CHECK(circuits.all().size() == 4);
    for (const auto& target : targets) {
        const auto found = circuits.of_target(target);
        REQUIRE(found);
        check_equal(*found, full(stored_key(target), target));
    }
    CHECK_FALSE(circuits.of_target(Target::of_channel(17)));
    CHECK_FALSE(circuits.of_trip("unheard of"));
    Circuit bare;
    bare.trip_id = "bare";
    circuits.put(bare);
    check_equal(circuit("bare"), bare);
}

TEST_CASE_FIXTURE(Fixture, "circuits are replaced by their trip, and read oldest first") {
    auto& circuits = audit.circuits();
    auto later = full("a", Target::of_channel(1));
    later.opened_at = kNow + 1s;
    circuits.put(later);
    circuits.put(full("c", Target::of_channel(2)));
    circuits.put(full("b", Target::of_channel(1)));
    CHECK(open() == Texts{"b", "c", "a"});
    CHECK(circuits.of_target(Target::of_channel(1))->trip_id == "a");  // the newest
    later.opened_at = kNow - 1s;
    later.pending.reset();
    circuits.put(later);
    CHECK(open() == Texts{"a", "b", "c"});
    CHECK_FALSE(circuit("a").pending);
    circuits.remove("b");
    circuits.remove("b");
    CHECK(open() == Texts{"a", "c"});
}

TEST_CASE_FIXTURE(Fixture, "a circuit outlives the program, with its transaction only") {
    {
        base::WriteTransaction transaction{store};
        audit.circuits().put(full("undone", Target::of_channel(1)));
    }
    audit.circuits().put(full("a", Target::of_channel(1)));
    base::Database again{store.path(), {Audit::schema()}};
    Audit reopened{again};
    REQUIRE(reopened.circuits().all().size() == 1);
    check_equal(reopened.circuits().all()[0], full("a", Target::of_channel(1)));
}

TEST_CASE("a stored value that cannot be read is the careful one") {
    for (const auto* const text :
         {"", "{", "[]", "null", R"({"kind":"by_moonlight"})", R"({"kind":7,"wait":"long"})"}) {
        CHECK(recovery_from(text) == base::Recovery{});
        CHECK_FALSE(leading_from(text));
        CHECK(names_from(text).size() <= 1);
    }
    using Kind = base::Recovery::Kind;
    for (const auto kind :
         {Kind::manual, Kind::after, Kind::tomorrow, Kind::next_month, Kind::half_open}) {
        auto recover = half_open();
        recover.kind = kind;
        CHECK(recovery_from(stored(recover)) == recover);
    }
    const std::optional<LeadingKey> leading{LeadingKey{"t1", "a \xff", 80}};
    CHECK(leading_from(stored(leading))->name == "a \xEF\xBF\xBD");
    CHECK_FALSE(leading_from(stored(std::optional<LeadingKey>{})));
    CHECK(names_from(stored(Texts{"a", "运维"})) == Texts{"a", "运维"});
    CHECK(names_from(R"(["a", 7])") == Texts{"a"});
}
