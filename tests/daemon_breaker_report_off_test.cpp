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
    ledger.row(kNoon, 3, 6 * kDollar);
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
    CHECK((text.find("; a person had it given back (`quotafuse breaker restore` or `undo`) within "
                     "1h, so that about $") != std::string::npos) == taken_back);
    CHECK(report.trips.at(0).by_order == taken_back);
    CHECK(text.find("enabled it") == std::string::npos);
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

TEST_CASE("a live trip from before the period counts with what it saved in it") {
    Ledger ledger;
    ledger.rule("burn").action->mode = alerts::ActionMode::live;
    ledger.config.breaker.mode = circuit_breaker::Mode::live;
    std::int64_t at = kNoon - kHour;
    std::int64_t off = 2 * kHour;
    std::string id;
    const auto trip = [&] {
        ledger.row(at, 3, 3 * kDollar);
        id = ledger.trip(at, live());
    };
    SUBCASE("it is off all the time") {
        trip();
    }
    SUBCASE("however old it is") {
        at = kNoon - 100 * 24 * kHour;
        trip();
    }
    SUBCASE("it was given back in the period") {
        trip();
        ledger.given_back(id, kNoon + 600, circuit_breaker::Way::whole);
        off = 600;
    }
    SUBCASE("it was on trial when the period began, and failed in it") {
        trip();
        ledger.given_back(id, kNoon - 60, circuit_breaker::Way::trial);
        ledger.given_back(id, kNoon + kHour, circuit_breaker::Way::again);
        off = kHour;
    }
    SUBCASE("a shadow trip came before it") {
        ledger.trip(kNoon - 2 * kHour, {.target = Target::of_channel(4)});
        trip();
    }
    const auto report = ledger.report(kNoon, kNoon + 2 * kHour);
    REQUIRE(report.trips.size() == 1);
    CHECK(report.trips[0].earlier);
    CHECK(report.trips[0].off == base::Seconds{off});
    const auto& sum = report.rules.at(0);
    CHECK(sum.live == 0);
    CHECK(sum.earlier_live == 1);
    CHECK(sum.live_quota ==
          doctest::Approx(3 * kDollar * static_cast<double>(off) / static_cast<double>(kHour)));
    const auto text = BreakerReportText{report, ledger.config}.text();
    CHECK(text.find("saved about, burn: also what 1 trip from before saved in this time\n") !=
          std::string::npos);
    CHECK(text.find("burn: asked for nothing new: what it switched off before went on\n") !=
          std::string::npos);
    CHECK(text.find(off == 2 * kHour ? "; off for 2h so far in this time, about $6.00 saved at"
                                     : " in this time, about $") != std::string::npos);
}

TEST_CASE("what is given back in the very second of the report is not off any more") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    CHECK(ledger.report(kNoon - 60, kNoon + 7).trips.at(0).still_off);
    ledger.ordered_back(id, kNoon + 7);
    const auto report = ledger.report(kNoon - 60, kNoon + 7);
    CHECK(!report.trips.at(0).still_off);
    CHECK(report.trips.at(0).undone);
    CHECK(report.trips.at(0).off == base::Seconds{7});
    // And it was off still in a report of the time before.
    CHECK(ledger.report(kNoon - 60, kNoon + 6).trips.at(0).still_off);
}

TEST_CASE("what was on again before the period is none of it, also where it was off by a trip") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon - kHour, live());
    SUBCASE("given back") {
        ledger.ordered_back(id, kNoon - 60);
    }
    SUBCASE("left to a person") {
        ledger.released(id, kNoon - 60);
    }
    CHECK(ledger.report(kNoon, kNoon + kHour).trips.empty());
    CHECK(ledger.report(kNoon, kNoon + kHour).rules.empty());
}

TEST_CASE("a guard that has held since before the period counts with what it lets through in it") {
    Ledger ledger;
    ledger.alert("burn", kSeries, kNoon - kHour);
    ledger.trip(kNoon - kHour, refused(TripCause::Kind::last_usable));
    ledger.row(kNoon, 3, 1);
    ledger.row(kNoon + 1, 3, 10);
    ledger.row(kNoon + kHour, 3, 100);
    ledger.row(kNoon + kHour + 1, 3, 1000);
    SUBCASE("its alert is over in the period") {
        ledger.alert("burn", kSeries, kNoon + kHour, "recovered");
        const auto report = ledger.report(kNoon, kNoon + 2 * kHour);
        REQUIRE(report.trips.size() == 1);
        CHECK(report.trips[0].earlier);
        CHECK(report.trips[0].quota == 110);
        CHECK(report.rules.at(0).refused == 0);
        CHECK(report.rules.at(0).earlier_refused == 1);
        CHECK(report.rules.at(0).refused_by.empty());
        CHECK(report.rules.at(0).refused_quota == 110);
        const auto text = BreakerReportText{report, ledger.config}.text();
        CHECK(text.find("let through, burn: also what guards that held 1 trip from before let "
                        "through in this time") != std::string::npos);
        CHECK(text.find("let through since 2026-01-05 04:00:00 until 2026-01-05 05:00:00") !=
              std::string::npos);
        // Two reports of times that meet tell each row once.
        CHECK(ledger.report(kNoon - 2 * kHour, kNoon).rules.at(0).refused_quota == 1);
    }
    SUBCASE("it was over before") {
        ledger.alert("burn", kSeries, kNoon - 60, "recovered");
        CHECK(ledger.report(kNoon, kNoon + 2 * kHour).trips.empty());
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
