#include "circuit_breaker_memory_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests::memory;
using Back = ReturnResult::Kind;

namespace {

TripRequest trial_request(const std::string& trip) {
    auto asked = request(3, trip);
    asked.rule = "burn";
    asked.recover = half_open();
    asked.back_at = kNow + 300s;
    return asked;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a return is asked for once, and its end closes the circuit") {
    const auto circuit = trip(request(3, "a"));
    const auto asked = give(circuit, Way::whole, "after");
    REQUIRE(audit.intend_return(asked, kNow + 60s));
    CHECK_FALSE(audit.intend_return(asked, kNow + 61s));
    CHECK_FALSE(audit.intend_return(give(circuit, Way::trial), kNow + 61s));
    CHECK(this->circuit("a").pending == Way::whole);
    CHECK(this->circuit("a").pending_at == kNow + 60s);

    auto done = returned(asked, Back::done);
    done.after = R"({"status":1})";
    audit.record(done, kNow + 62s);
    audit.record(done, kNow + 63s);
    CHECK(open().empty());
    CHECK_FALSE(audit.intend_return(asked, kNow + 64s));
    const auto entries = audit.of_trip("a");
    REQUIRE(entries.size() == 3);
    CHECK(entries[1].step == "whole_asked");
    CHECK(entries[1].why == "after");
    CHECK(entries[1].at == kNow + 60s);
    CHECK(entries[2].step == "whole");
    CHECK(entries[2].at == kNow + 62s);
    CHECK(entries[2].before == R"({"status":3})");
    CHECK(entries[2].after == R"({"status":1})");
    CHECK(entries[2].mode == "live");
    CHECK(audit.counts(kNow + 64s).open == 0);
    CHECK(audit.counts(kNow + 64s).live_last_hour == 1);
    CHECK(audit.recent(kNow + 64s).at(0).ended);
    // The trip told again, late, does not open it anew.
    audit.record(result(request(3, "a"), Kind::tripped), kNow + 65s);
    CHECK(open().empty());
}

TEST_CASE_FIXTURE(Fixture, "a dry run leaves no trace") {
    auto asked = give(trip(request(3, "a")), Way::whole);
    asked.dry_run = true;
    CHECK(audit.intend_return(asked, kNow));
    audit.record(returned(asked, Back::would_be), kNow);
    CHECK(audit.of_trip("a").size() == 1);
    CHECK_FALSE(circuit("a").pending);
    CHECK(audit.intend_return(give(circuit("a"), Way::whole), kNow));
    audit.record(returned(asked, Back::would_be), kNow);
    CHECK(circuit("a").pending == Way::whole);
}

TEST_CASE_FIXTURE(Fixture, "a trial keeps the ranks, and settling it ends the circuit") {
    const auto trial = on_trial(trial_request("a"), kNow + 300s);
    CHECK(trial.state == Circuit::State::trial);
    CHECK(trial.trial_at == kNow + 300s);
    CHECK(trial.kept == R"({"priority":5,"weight":2})");
    CHECK(trial.after == R"({"status":1})");
    CHECK_FALSE(trial.pending);
    CHECK(audit.counts(kNow + 301s).open == 1);  // it may go off again at any moment
    const auto settled = give(trial, Way::settle, "half_open");
    REQUIRE(audit.intend_return(settled, kNow + 500s));
    audit.record(returned(settled, Back::done), kNow + 501s);
    CHECK(open().empty());
    CHECK(steps() == Texts{"a live settle: ", "a live settle_asked: half_open",
                           "a live trial: ", "a live trial_asked: half_open", "a live tripped: "});
    CHECK(audit.off_at(kNow + 200s, kNow, 10).size() == 1);
    CHECK(audit.off_at(kNow + 400s, kNow, 10).empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a trial that failed is off again, and may be tried as often as it takes") {
    auto trial = on_trial(trial_request("a"), kNow + 300s);
    for (int round = 1; round <= 3; ++round) {
        const auto at = kNow + 300s + round * 2h;
        auto again = returned(give(trial, Way::again, "half_open"), Back::done);
        REQUIRE(audit.intend_return(again.request, at));
        again.status_written = 2;
        again.after = R"({"status":2})";
        audit.record(again, at);
        audit.record(again, at + 1s);
        const auto off = circuit("a");
        CHECK(off.state == Circuit::State::open);
        CHECK(off.failed_trials == round);
        CHECK(off.back_at == at + 300s * (1 << round));
        CHECK(off.status_written == 2);
        CHECK(off.after == R"({"status":2})");
        CHECK(off.kept.empty());
        CHECK(off.trial_at == base::Second{});
        CHECK(off.before == R"({"status":1})");  // from before the trip, for a whole return
        CHECK(audit.off_at(at + 60s, kNow, 10).size() == 1);
        auto begun = returned(give(off, Way::trial, "half_open"), Back::done);
        REQUIRE(audit.intend_return(begun.request, at + 1h));
        begun.after = R"({"status":1})";
        audit.record(begun, at + 1h);
        trial = circuit("a");
    }
    CHECK(audit.of_trip("a").size() == 1 + 2 + 3 * 4);
    CHECK(audit.counts(kNow).live_last_hour == 1);  // one trip, however often it was tried
}

TEST_CASE_FIXTURE(Fixture, "a return that came to nothing leaves the circuit as it was") {
    const auto before = trip(trial_request("a"));
    for (const auto kind : {Back::refused, Back::failed}) {
        auto nothing = returned(give(before, Way::whole, "after"), kind);
        nothing.why = "no";
        REQUIRE(audit.intend_return(nothing.request, kNow + 60s));
        audit.record(nothing, kNow + 61s);
        CHECK_FALSE(circuit("a").pending);
        CHECK(circuit("a").pending_at == kNow + 61s);
        CHECK(circuit("a").state == Circuit::State::open);
        CHECK(circuit("a").after == before.after);
        CHECK(circuit("a").back_at == before.back_at);
    }
    CHECK(steps() == Texts{"a live whole_failed: no", "a live whole_asked: after",
                           "a live whole_refused: no", "a live whole_asked: after",
                           "a live tripped: "});
}

TEST_CASE_FIXTURE(Fixture, "a return of which nobody knows stays asked for until it is known") {
    const auto asked = give(trip(request(3, "a")), Way::whole);
    REQUIRE(audit.intend_return(asked, kNow + 60s));
    audit.record(returned(asked, Back::unknown), kNow + 61s);
    audit.record(returned(asked, Back::unknown), kNow + 70s);
    CHECK(circuit("a").pending == Way::whole);
    CHECK(audit.of_trip("a").size() == 3);
    CHECK(audit.of_trip("a").back().step == "whole_unknown");
    audit.record(returned(give(circuit("a"), Way::trial), Back::done), kNow + 71s);  // never asked
    CHECK(circuit("a").state == Circuit::State::open);
    audit.record(returned(asked, Back::done), kNow + 80s);
    CHECK(open().empty());
    CHECK(audit.of_trip("a").back().step == "whole");
}

TEST_CASE_FIXTURE(Fixture, "what the return found changed is theirs") {
    auto theirs = returned(give(trip(request(3, "a")), Way::whole), Back::theirs);
    REQUIRE(audit.intend_return(theirs.request, kNow + 60s));
    theirs.change = Change::disabled_by_hand;
    theirs.why = sentence(theirs.change);
    audit.record(theirs, kNow + 61s);
    CHECK(open().empty());
    const auto entry = audit.of_trip("a").back();
    CHECK(entry.step == "released");
    CHECK(entry.change == Change::disabled_by_hand);
    CHECK(entry.why == "a person disabled it by hand");
}

TEST_CASE_FIXTURE(Fixture, "a look leaves alone what changed while it looked") {
    const std::vector<Sighting> seen{{"a", Change::enabled}};
    trip(trial_request("a"));
    const auto asked = give(circuit("a"), Way::trial, "half_open");
    REQUIRE(audit.intend_return(asked, kNow + 300s));
    CHECK(audit.observe(seen, kNow + 310s, kNow + 311s).empty());  // a return is on its way
    audit.record(returned(asked, Back::refused), kNow + 320s);
    CHECK(audit.observe(seen, kNow + 320s, kNow + 325s).empty());  // answered while it looked
    REQUIRE(audit.intend_return(asked, kNow + 400s));
    audit.record(returned(asked, Back::done), kNow + 401s);
    CHECK(audit.observe(seen, kNow + 401s, kNow + 410s).empty());
    CHECK(audit.observe({{"a", Change::gateway_disabled}}, kNow + 500s, kNow + 501s).empty());
    auto later = circuit("a");
    later.trial_at = kNow + 405s;  // whatever was answered before
    audit.circuits().put(later);
    CHECK(audit.observe({{"a", Change::altered}}, kNow + 405s, kNow + 410s).empty());
    later.trial_at = kNow + 401s;
    audit.circuits().put(later);
    const auto released = audit.observe({{"a", Change::altered}}, kNow + 402s, kNow + 410s);
    REQUIRE(released.size() == 1);
    CHECK(released[0].change == Change::altered);
    CHECK(released[0].circuit.state == Circuit::State::trial);
    CHECK(audit.of_trip("a").back().why == "somebody changed it");
}

TEST_CASE_FIXTURE(Fixture, "a trip during a trial takes its ranks over") {
    on_trial(trial_request("a"), kNow + 300s);
    trip(request(3, "b"), kNow + 400s);
    CHECK(open() == Texts{"b"});
    CHECK(circuit("b").kept == R"({"priority":5,"weight":2})");
    CHECK(audit.of_trip("a").back().why == "it was on trial, and was tripped again");
}

TEST_CASE_FIXTURE(Fixture, "what a trial will replace is on record before it is begun") {
    auto read = returned(give(trip(trial_request("a")), Way::trial, "half_open"), Back::ranks_read);
    read.kept = R"({"priority":5})";
    audit.record(read, kNow);  // nobody asked for it
    CHECK(circuit("a").intended.empty());
    REQUIRE(audit.intend_return(read.request, kNow + 60s));
    audit.record(read, kNow + 61s);
    CHECK(circuit("a").intended == R"({"priority":5})");
    CHECK(circuit("a").pending == Way::trial);
    CHECK(circuit("a").pending_at == kNow + 60s);
    CHECK(audit.of_trip("a").back().step == "trial_asked");
    audit.record(returned(read.request, Back::unknown), kNow + 62s);
    CHECK(circuit("a").intended == R"({"priority":5})");
    SUBCASE("and not when it came to nothing") {
        audit.record(returned(read.request, Back::failed), kNow + 63s);
        CHECK(circuit("a").state == Circuit::State::open);
        CHECK(circuit("a").kept.empty());
    }
    SUBCASE("nor when it has begun") {
        auto begun = returned(read.request, Back::done);
        begun.kept =
            R"({"priority":5,"weight":2,"abilities":[],"trial":{"priority":1,"weight":0}})";
        audit.record(begun, kNow + 63s);
        CHECK(circuit("a").kept == begun.kept);
        // A trip has not touched the ranks: its image gets them here.
        CHECK(audit.of_trip("a").back().before ==
              R"({"status":3,"priority":5,"weight":2,"abilities":[]})");
    }
    CHECK(circuit("a").intended.empty());
}

TEST_CASE_FIXTURE(Fixture, "an entry tells how its target was to come back") {
    const auto asked = trial_request("a");
    REQUIRE(audit.intend_return(give(trip(asked), Way::whole), kNow));
    audit.record(returned(give(circuit("a"), Way::whole), Back::done), kNow);
    for (const auto& entry : audit.of_trip("a")) CHECK(entry.recover == asked.recover);
}
