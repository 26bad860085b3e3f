// What the report makes of the times in which something was, or would have been, off.
#include "daemon/breaker_report_text.h"
#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kHour = 3600;

}  // namespace

TEST_CASE("no guard let through what a shadow trip would have had off already") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    ledger.alert("other", "[]", kNoon + 600);
    auto no = refused(TripCause::Kind::last_usable);
    no.rule = "other";
    no.series = "[]";
    SUBCASE("the same target") {}
    SUBCASE("a model of the channel") {
        no.target = Target::of_model(3, "gpt-4o");
    }
    ledger.trip(kNoon + 601, no);
    ledger.alert("other", "[]", kNoon + 1200, "recovered");
    ledger.alert("burn", kSeries, kNoon + kHour, "recovered");
    ledger.row(kNoon + 700, 3, 50);
    const auto report = ledger.report();
    REQUIRE(report.trips.size() == 1);
    CHECK(report.trips[0].quota == 50);
    CHECK(report.trips[0].repeats == 1);
    REQUIRE(report.rules.size() == 2);
    CHECK(report.rules[1].refused == 0);
    CHECK(report.rules[1].refused_quota == 0);
    CHECK(report.rules[1].repeats == 1);
    CHECK(report.shadow_quota == 50);
}

TEST_CASE("a guard let nothing more through once a shadow trip would have had it off") {
    Ledger ledger;
    ledger.alert("other", "[]", kNoon);
    auto no = refused(TripCause::Kind::max_open);
    no.rule = "other";
    no.series = "[]";
    ledger.trip(kNoon, no);
    ledger.alert("burn", kSeries, kNoon + 1000);
    ledger.trip(kNoon + 1000);
    ledger.alert("burn", kSeries, kNoon + kHour, "recovered");
    ledger.alert("other", "[]", kNoon + 2 * kHour, "recovered");
    ledger.row(kNoon + 500, 3, 1);
    ledger.row(kNoon + 1090, 3, 10);           // within the lag of the trip
    ledger.row(kNoon + 1091, 3, 100);          // it is off
    ledger.row(kNoon + kHour, 3, 1000);        // the last of that
    ledger.row(kNoon + kHour + 1, 3, 10'000);  // and on again
    std::string only;
    SUBCASE("of all rules") {
        const auto report = ledger.report();
        REQUIRE(report.trips.size() == 2);
        CHECK(report.trips[0].quota == 10'011);
        CHECK(report.trips[1].quota == 1100);
        CHECK(report.rules[1].refused_quota == 10'011);
        CHECK(report.shadow_quota == 1100);
    }
    SUBCASE("asked about the one rule alone") {
        const auto report = ledger.report(kNoon - 60, kNoon + 3 * kHour, "other");
        REQUIRE(report.trips.size() == 1);
        CHECK(report.trips[0].quota == 10'011);
    }
}

TEST_CASE("a repeat saves its episode, too, as far as the target would still be off") {
    Ledger ledger;
    ledger.rule("burn").action->recover = {.kind = base::Recovery::Kind::after,
                                           .wait = base::Seconds{2 * kHour}};
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    ledger.row(kNoon + 100, 3, 1);
    ledger.alert("burn", kSeries, kNoon + 600, "recovered");
    ledger.row(kNoon + 1800, 3, 10);  // off, but nothing was wrong with it
    std::int64_t saved = 101;
    std::int64_t end = kNoon + 2 * kHour;
    std::size_t trips = 1;
    const auto again = kNoon + kHour;
    Ledger::Asked other{.rule = "other", .series = "[]"};
    ledger.row(again + 10, 3, 100);
    ledger.row(kNoon + 2 * kHour + 1, 3, 1000);
    SUBCASE("its own alert is waited for: it stays off") {
        ledger.alert("burn", kSeries, again);
        ledger.trip(again);
        end = kNoon + 3 * kHour;
        ledger.alert("burn", kSeries, end, "recovered");
        saved += 1000;
    }
    SUBCASE("another's is not: it is back in its time, and may bleed again") {
        ledger.alert("other", "[]", again);
        ledger.trip(again, other);
        ledger.alert("other", "[]", kNoon + 3 * kHour, "recovered");
    }
    SUBCASE("that one asks again later: a trip of its own, until its own end") {
        ledger.alert("other", "[]", again);
        ledger.trip(again, other);
        end = again + 60;
        ledger.alert("other", "[]", end, "recovered");
        ledger.alert("other", "[]", kNoon + 2 * kHour + 100);
        ledger.trip(kNoon + 2 * kHour + 100, other);
        ledger.alert("other", "[]", kNoon + 3 * kHour, "recovered");
        ledger.row(kNoon + 2 * kHour + 300, 3, 10'000);
        trips = 2;
    }
    SUBCASE("both at once: each row counts once") {
        ledger.alert("other", "[]", again - 30);
        ledger.trip(again - 30, other);
        ledger.alert("burn", kSeries, again);
        ledger.trip(again);
        ledger.alert("other", "[]", again + 500, "recovered");
        ledger.alert("burn", kSeries, again + 400, "recovered");
        end = again + 500;
    }
    const auto report = ledger.report();
    REQUIRE(report.trips.size() == trips);
    CHECK(report.trips[0].quota == saved);
    CHECK(report.trips[0].counted_until == base::from_unix(end));
    if (trips == 2) CHECK(report.trips[1].quota == 10'000);
    CHECK(report.shadow_quota == saved + (trips == 2 ? 10'000 : 0));
}

TEST_CASE("an alert that only traffic can end keeps nothing off longer than its time") {
    Ledger ledger;
    auto& rule = ledger.rule("burn");
    rule.below = true;
    rule.action->recover = {.kind = base::Recovery::Kind::after, .wait = base::Seconds{kHour}};
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    ledger.row(kNoon + kHour, 3, 1);
    ledger.row(kNoon + kHour + 1, 3, 10);
    SUBCASE("it goes on") {}
    SUBCASE("it is over later") {
        ledger.alert("burn", kSeries, kNoon + 2 * kHour, "recovered");
    }
    const auto report = ledger.report();
    CHECK(report.trips.at(0).quota == 1);
    CHECK(report.trips.at(0).counted_until == base::from_unix(kNoon + kHour));
}

TEST_CASE("a person's own order within the hour takes a live trip back") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    ledger.row(kNoon, 3, 400);
    bool taken_back = true;
    SUBCASE("within the hour") {
        ledger.ordered_back(id, kNoon + kHour);
    }
    SUBCASE("answered a little later") {
        ledger.ordered_back(id, kNoon + kHour, 20);
    }
    SUBCASE("later") {
        ledger.ordered_back(id, kNoon + kHour + 1);
        taken_back = false;
    }
    SUBCASE("its time has come") {
        ledger.given_back(id, kNoon + 60, circuit_breaker::Way::whole);
        taken_back = false;
    }
    SUBCASE("the order failed, and its time has come later") {
        ledger.ordered_back(id, kNoon + 60, 1, circuit_breaker::ReturnResult::Kind::failed);
        ledger.given_back(id, kNoon + 600, circuit_breaker::Way::whole);
        taken_back = false;
    }
    SUBCASE("the order failed, and a second one did not") {
        ledger.ordered_back(id, kNoon + 60, 1, circuit_breaker::ReturnResult::Kind::failed);
        ledger.ordered_back(id, kNoon + 70);
    }
    const auto report = ledger.report(kNoon - 60, kNoon + 2 * kHour);
    CHECK(report.trips.at(0).undone == taken_back);
    CHECK(report.rules.at(0).taken_back == (taken_back ? 1 : 0));
    CHECK((report.rules.at(0).live_quota == 0) == taken_back);
    const auto text = BreakerReportText{report, ledger.config}.text();
    CHECK((text.find("somebody enabled it again soon after") != std::string::npos) == taken_back);
    // The answer may come after the end of the period.
    CHECK(ledger.report(kNoon - 60, kNoon + 1).trips.at(0).undone == taken_back);
}

TEST_CASE("a shadow trip from before the period counts with what it would have saved in it") {
    Ledger ledger;
    ledger.rule("burn");
    ledger.alert("burn", kSeries, kNoon);
    ledger.trip(kNoon);
    const auto from = kNoon + kHour;
    ledger.row(from - 60, 3, 1);
    ledger.row(from, 3, 10);  // the last of the time before
    ledger.row(from + 1, 3, 100);
    SUBCASE("its alert goes on in the period") {
        ledger.trip(from + 600, {.rule = "other", .series = "[]"});  // would be off already
        ledger.row(from + 700, 3, 1000);
        ledger.alert("burn", kSeries, from + 2 * kHour, "recovered");
        ledger.row(from + 2 * kHour + 1, 3, 10'000);
        const auto report = ledger.report(from, from + 3 * kHour);
        REQUIRE(report.trips.size() == 1);
        CHECK(report.trips[0].earlier);
        CHECK(report.trips[0].quota == 1100);
        CHECK(report.trips[0].repeats == 1);
        CHECK(report.shadow_quota == 1100);
        REQUIRE(report.rules.size() == 2);
        CHECK(report.rules[0].rule == "burn");
        CHECK(report.rules[0].shadow == 0);
        CHECK(report.rules[0].earlier == 1);
        CHECK(report.rules[0].shadow_quota == 1100);
        CHECK(report.rules[1].shadow == 0);
        CHECK(report.rules[1].repeats == 1);
        // Two reports of times that meet tell each row once.
        CHECK(ledger.report(kNoon - kHour, from).shadow_quota == 11);
        const auto text = BreakerReportText{report, ledger.config}.text();
        CHECK(text.find("would save, burn: also what 1 shadow trip from before would have saved "
                        "in this time") != std::string::npos);
        CHECK(text.find("saved since " + ledger.config.timezone.format(report.from) + " until ") !=
              std::string::npos);
        CHECK(text.find("burn: asked for nothing new") != std::string::npos);
    }
    SUBCASE("it would have been off for its time, and its alert fires again in the period") {
        ledger.config.rules[0].action->recover = {.kind = base::Recovery::Kind::after,
                                                  .wait = base::Seconds{3 * kHour}};
        ledger.alert("burn", kSeries, kNoon + 600, "recovered");
        ledger.alert("burn", kSeries, from + kHour);
        ledger.trip(from + kHour);
        ledger.row(from + kHour + 1, 3, 1000);
        ledger.alert("burn", kSeries, from + kHour + 60, "recovered");
        const auto report = ledger.report(from, from + 6 * kHour);
        REQUIRE(report.trips.size() == 1);
        CHECK(report.trips[0].earlier);
        CHECK(report.trips[0].repeats == 1);
        CHECK(report.shadow_quota == 1000);
    }
    SUBCASE("it had ended by then") {
        ledger.alert("burn", kSeries, from - 30, "recovered");
        const auto report = ledger.report(from, from + kHour);
        CHECK(report.trips.empty());
        CHECK(report.shadow_quota == 0);
    }
    SUBCASE("it was tripped and given back since, in live mode") {
        ledger.alert("burn", kSeries, kNoon + 60, "recovered");
        ledger.alert("burn", kSeries, kNoon + 120);
        const auto trip = ledger.trip(kNoon + 120, live());
        ledger.ordered_back(trip, kNoon + 180);
        ledger.alert("burn", kSeries, kNoon + 240, "recovered");
        ledger.alert("burn", kSeries, from + 60);
        ledger.trip(from + 60);
        const auto report = ledger.report(from, from + kHour);
        REQUIRE(report.trips.size() == 1);
        CHECK(!report.trips[0].earlier);
        CHECK(report.rules[0].shadow == 1);
    }
}

TEST_CASE("of an order of before the period, and of a trip without its episode, nobody knows") {
    Ledger ledger;
    ledger.trip(kNoon, {.rule = "", .series = ""});
    ledger.trip(kNoon + 1, {.target = Target::of_channel(4)});
    ledger.row(kNoon + kHour + 1, 3, 100);
    ledger.row(kNoon + kHour + 1, 4, 100);
    const auto report = ledger.report(kNoon + kHour, kNoon + 2 * kHour);
    CHECK(report.trips.empty());
    CHECK(report.shadow_quota == 0);
}
