// What `quotafuse breaker report` makes of trips, alerts and rows.
#include <map>

#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

namespace {

using Kind = TripResult::Kind;
constexpr std::int64_t kHour = 3600;

}  // namespace

TEST_CASE(
    "a shadow trip would have saved what came after the cache's lag until its alert was over") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon + 2);
    ledger.alert("burn", kSeries, kNoon + kHour, "recovered");
    ledger.row(kNoon + 92, 3, 1000);      // within the lag
    ledger.row(kNoon + 93, 3, 20);        // the first that counts
    ledger.row(kNoon + 100, 4, 100'000);  // another channel
    ledger.row(kNoon + 101, 3, 5, sync::Kind::refund);
    ledger.row(kNoon + 102, 3, 7000, sync::Kind::error);
    ledger.row(kNoon + 103, 3, 9000).channel_test = true;
    ledger.row(kNoon + kHour, 3, 300);       // the last
    ledger.row(kNoon + kHour + 1, 3, 4000);  // it was over
    const auto report = ledger.report();
    REQUIRE(report.trips.size() == 1);
    CHECK(report.trips[0].quota == 315);
    CHECK(report.trips[0].over == base::from_unix(kNoon + kHour));
    CHECK(!report.trips[0].undone);
    CHECK(report.shadow_quota == 315);
    REQUIRE(report.rules.size() == 1);
    CHECK(report.rules[0].rule == "burn");
    CHECK(report.rules[0].shadow == 1);
    CHECK(report.rules[0].shadow_quota == 315);
}

TEST_CASE("what goes on at the end of the period counts until then") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    ledger.row(kNoon + kHour, 3, 20);
    ledger.row(kNoon + kHour + 1, 3, 4000);
    SUBCASE("the alert goes on") {}
    SUBCASE("the alert is over later") {
        ledger.alert("burn", kSeries, kNoon + 2 * kHour, "recovered");
    }
    const auto report = ledger.report(kNoon - 10, kNoon + kHour);
    REQUIRE(report.trips.size() == 1);
    CHECK(report.trips[0].quota == 20);
    CHECK(report.trips[0].counted_until == base::from_unix(kNoon + kHour));
}

TEST_CASE("what is asked for while it would be off already is the same trip") {
    Ledger ledger;
    auto& rule = ledger.rule("burn");
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    ledger.trip(kNoon + 600, {.rule = "other", .series = "[]"});
    ledger.alert("burn", kSeries, kNoon + kHour, "recovered");
    std::int64_t next = kNoon + kHour + 60;
    std::size_t trips = 2;
    SUBCASE("without a time to come back it would be on again then") {}
    SUBCASE("it would have been off until its time") {
        rule.action->recover = {.kind = base::Recovery::Kind::after,
                                .wait = base::Seconds{2 * kHour}};
        trips = 1;
    }
    SUBCASE("its time has come") {
        rule.action->recover = {.kind = base::Recovery::Kind::after,
                                .wait = base::Seconds{2 * kHour}};
        next = kNoon + 2 * kHour + 1;
    }
    SUBCASE("it would have been off until tomorrow") {
        rule.action->recover.kind = base::Recovery::Kind::tomorrow;
        next = kNoon + 11 * kHour;
        trips = 1;
    }
    SUBCASE("it would have been off until the next month") {
        rule.action->recover.kind = base::Recovery::Kind::next_month;
        next = kNoon + 25 * 24 * kHour;  // 30 January
        trips = 1;
    }
    SUBCASE("the next month has begun") {
        rule.action->recover.kind = base::Recovery::Kind::next_month;
        next = kNoon + 27 * 24 * kHour;
    }
    ledger.alert("burn", kSeries, next);
    ledger.trip(next);
    const auto report = ledger.report(kNoon - kHour, next + kHour);
    REQUIRE(report.trips.size() == trips);
    CHECK(report.trips[0].repeats == (trips == 1 ? 2 : 1));
    REQUIRE(report.rules.size() == 2);
    CHECK(report.rules[1].rule == "other");
    CHECK(report.rules[1].shadow == 0);
    CHECK(report.rules[1].repeats == 1);
}

TEST_CASE("a person would have undone what cleared by itself within ten minutes") {
    Ledger ledger;
    auto& rule = ledger.rule("burn");
    std::int64_t over = kNoon + 600;
    std::string ending = "recovered";
    bool undone = true;
    SUBCASE("ten minutes") {}
    SUBCASE("a second more") {
        over += 1;
        undone = false;
    }
    SUBCASE("the alert was held on to, the value was back before") {
        rule.keep_firing = base::Seconds{180};
        over += 180;
    }
    SUBCASE("nothing came any more: that is no recovery") {
        ending = "no_traffic";
        undone = false;
    }
    SUBCASE("a new day began: that is no recovery") {
        ending = "new_period";
        undone = false;
    }
    ledger.alert("burn", kSeries, kNoon - 60);
    ledger.trip(kNoon);
    ledger.alert("burn", kSeries, over, ending);
    const auto report = ledger.report();
    REQUIRE(report.trips.size() == 1);
    CHECK(report.trips[0].undone == undone);
    CHECK(report.rules.at(0).undone == (undone ? 1 : 0));
}

TEST_CASE("an answer after the end of the period is known all the same") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    ledger.alert("burn", kSeries, kNoon + 300, "recovered");
    const auto shadow = ledger.report(kNoon - 60, kNoon + 60);
    CHECK(shadow.trips.at(0).undone);
    ledger.released(ledger.trip(kNoon + kHour, live()), kNoon + kHour + 600);
    const auto done = ledger.report(kNoon + kHour, kNoon + kHour + 60);
    CHECK(done.trips.at(0).undone);
}

TEST_CASE("an alert that fired long before it asked has its own end") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon - 20 * kHour);  // silenced until noon
    ledger.alert("burn", "[[4,\"\"]]", kNoon + 60);
    ledger.trip(kNoon);
    ledger.alert("burn", "[[4,\"\"]]", kNoon + 120, "recovered");
    ledger.alert("burn", kSeries, kNoon + 2 * kHour, "recovered");
    const auto report = ledger.report(kNoon - 60, kNoon + 10 * kHour);
    CHECK(report.trips.at(0).over == base::from_unix(kNoon + 2 * kHour));
}

TEST_CASE("a live trip saved at its pace, as long as it was off, unless somebody took it back") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    ledger.row(kNoon - kHour, 3, 77'000);  // before the hour
    ledger.row(kNoon - kHour + 1, 3, 600);
    ledger.row(kNoon, 3, 400);
    ledger.row(kNoon + 10, 3, 5000);
    SUBCASE("it stays off") {
        const auto trip = ledger.report(kNoon - kHour, kNoon + 2 * kHour).trips.at(0);
        CHECK(trip.off == base::Seconds{2 * kHour});
        CHECK(trip.quota == 1000);
        CHECK(trip.saved_quota() == doctest::Approx(2000));
    }
    SUBCASE("with a trial that failed") {
        ledger.given_back(id, kNoon + 600, circuit_breaker::Way::trial);
        ledger.given_back(id, kNoon + 900, circuit_breaker::Way::again);
        ledger.given_back(id, kNoon + 2100, circuit_breaker::Way::whole);
        const auto trip = ledger.report().trips.at(0);
        CHECK(trip.off == base::Seconds{600 + 1200});
        CHECK(trip.saved_quota() == doctest::Approx(500));
        CHECK(!trip.undone);
    }
    SUBCASE("somebody enabled it within the hour") {
        ledger.released(id, kNoon + kHour);
        const auto report = ledger.report();
        CHECK(report.trips.at(0).undone);
        CHECK(report.rules.at(0).taken_back == 1);
        CHECK(report.rules.at(0).live_quota == 0);
    }
    SUBCASE("somebody enabled it later") {
        ledger.released(id, kNoon + kHour + 1);
        CHECK(!ledger.report().trips.at(0).undone);
    }
    SUBCASE("somebody deleted it") {
        ledger.released(id, kNoon + 60, circuit_breaker::Change::deleted);
        const auto report = ledger.report();
        CHECK(!report.trips.at(0).undone);
        CHECK(report.trips.at(0).off == base::Seconds{60});  // by our hand
    }
}

TEST_CASE("refusals are told by guard, with what they let through") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon, refused(TripCause::Kind::last_usable));
    ledger.trip(kNoon + 60, refused(TripCause::Kind::last_usable));  // the same
    ledger.trip(kNoon + 120, refused(TripCause::Kind::max_open));
    ledger.alert("burn", kSeries, kNoon + kHour, "recovered");
    ledger.alert("burn", kSeries, kNoon + 2 * kHour);
    ledger.trip(kNoon + 2 * kHour, refused(TripCause::Kind::last_usable));
    ledger.row(kNoon + 300, 3, 50);  // after both, and counts once
    ledger.row(kNoon + 3 * kHour, 3, 7);
    const auto report = ledger.report();
    REQUIRE(report.rules.size() == 1);
    CHECK(report.rules[0].refused == 3);
    CHECK(report.rules[0].repeats == 1);
    CHECK(report.rules[0].refused_by ==
          std::map<std::string, std::int64_t>{{"last_usable", 2}, {"max_open", 1}});
    CHECK(report.rules[0].refused_quota == 50 + 7);
    CHECK(report.shadow_quota == 0);
}

TEST_CASE("what an earlier trip had off already was held back by no guard") {
    Ledger ledger;
    ledger.trip(kNoon, live());
    ledger.trip(kNoon + 60, refused(TripCause::Kind::held));
    ledger.trip(kNoon + 120, refused(TripCause::Kind::on_trial));
    const auto report = ledger.report();
    CHECK(report.trips.size() == 1);
    CHECK(report.rules.at(0).refused == 0);
    CHECK(report.rules.at(0).repeats == 2);
}

TEST_CASE("what failed counts once, and not where it was found to be done") {
    Ledger ledger;
    Ledger::Asked asked;
    asked.kind = Kind::failed;
    ledger.trip(kNoon, asked);
    asked.kind = Kind::unknown;
    ledger.trip(kNoon + 60, asked);
    ledger.trip(kNoon + 120, live());
    CHECK(ledger.report().rules.at(0).failed == 2);
    CHECK(ledger.report().rules.at(0).live == 1);
}

TEST_CASE("models and keys cost what their own rows do, and each row counts once in all") {
    Ledger ledger;
    ledger.lag = base::Seconds{0};
    const auto ask = [&](const std::string& rule, Target target) {
        Ledger::Asked asked;
        asked.rule = rule;
        asked.series = "[]";
        asked.target = std::move(target);
        ledger.alert(rule, "[]", kNoon);
        ledger.trip(kNoon, asked);
    };
    ask("a", Target::of_channel(3));
    ask("b", Target::of_model(3, "gpt-4o"));
    ask("c", Target::of_token(7));
    Target by_name;
    by_name.kind = Target::Kind::token;
    by_name.user = 9;
    by_name.token_name = "ci";
    ask("d", by_name);
    ledger.row(kNoon + 1, 3, 1);                        // channel, model, key 7
    ledger.row(kNoon + 2, 3, 10).model = "o3";          // channel, key 7
    ledger.row(kNoon + 3, 5, 100);                      // key 7
    ledger.row(kNoon + 4, 5, 1000).token = 8;           // none
    auto& nameless = ledger.row(kNoon + 5, 5, 10'000);  // the key without an id
    nameless.token = 0;
    nameless.user = 9;
    auto& other = ledger.row(kNoon + 6, 5, 100'000);  // of somebody else
    other.token = 0;
    const auto report = ledger.report();
    REQUIRE(report.rules.size() == 4);
    CHECK(report.rules[0].shadow_quota == 11);
    CHECK(report.rules[1].shadow_quota == 1);
    CHECK(report.rules[2].shadow_quota == 111);
    CHECK(report.rules[3].shadow_quota == 10'000);
    CHECK(report.shadow_quota == 10'111);
}

TEST_CASE("one rule alone, and rules that asked for nothing") {
    Ledger ledger;
    ledger.rule("burn");
    ledger.rule("calm");
    ledger.alert("other", "[]", kNoon);
    ledger.trip(kNoon, {.rule = "other", .series = "[]"});
    CHECK(ledger.report().rules.size() == 3);
    const auto report = ledger.report(kNoon - 60, kNoon + 60, "calm");
    REQUIRE(report.rules.size() == 1);
    CHECK(report.rules[0].shadow == 0);
    CHECK(report.trips.empty());
    CHECK(ledger.report(kNoon - 60, kNoon + 60, "other").trips.size() == 1);
}
