// What a report says of the breaker.
#include <algorithm>

#include "daemon_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

TEST_CASE("what the fuse did, saved, would have done, and what was taken back, is told") {
    using Kind = circuit_breaker::TripResult::Kind;
    Press press;
    const auto noon = kMonday - kDay + 12 * kHour;
    press.row(noon - 60, 3, 10 * kQuota);             // $10 in the hour before the trip
    press.row(noon + 3 * kHour + 60, 3, 5 * kQuota);  // after the shadow trip
    press.at(noon + 1);
    press.read();
    press.trip("t1", Kind::tripped, noon);
    press.enabled_by_somebody(noon + 2 * kHour);
    press.trip("t2", Kind::would_trip, noon + 2 * kHour);
    press.trip("t3", Kind::would_trip, noon + 3 * kHour);  // again, and told once
    press.trip("t4", Kind::refused, noon + 4 * kHour);
    press.trip("t5", Kind::tripped, noon + 5 * kHour);
    press.enabled_by_somebody(noon + 5 * kHour + 300);
    press.trip("t6", Kind::failed, noon + 6 * kHour);
    press.trip("t7", Kind::unknown, noon + 7 * kHour);  // found out a moment later
    press.trip("t7", Kind::would_trip, noon + 7 * kHour + 1);
    press.trip("t8", Kind::unknown, noon + 8 * kHour);
    press.trip("t8", Kind::failed, noon + 8 * kHour + 1);  // one trip
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto lines = press.section("Breaker");
    REQUIRE(lines.size() == 5);
    CHECK(lines[0].starts_with("12:00 channel 3 (azure) disabled, at its pace about $20."));
    CHECK(lines[1] ==
          "14:00 shadow: channel 3 (azure) would have been disabled; it went on to cost $5.00");
    CHECK(lines[2] ==
          "17:00 channel 3 (azure) disabled, enabled again by somebody soon after: perhaps a "
          "false trip");
    CHECK(lines[3] == "Held back by a guard: 1");
    CHECK(lines[4] == "Failed or unknown: 2");
}

TEST_CASE("a channel that somebody deleted or switched off by hand was no false trip") {
    Press press;
    const auto noon = kMonday - kDay + 12 * kHour;
    press.row(noon - 60, 3, 10 * kQuota);
    press.at(noon + 1);
    press.read();
    press.trip("t1", circuit_breaker::TripResult::Kind::tripped, noon);
    press.deleted(noon + 300);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto lines = press.section("Breaker");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "12:00 channel 3 (azure) disabled, at its pace about $0.85 saved");
}

TEST_CASE("a channel that stays off saves on the days after, too, until somebody enables it") {
    Press press;
    const auto late = kMonday - kDay - 600;  // 23:50 of the day before that of the report
    press.row(late - 60, 3, 10 * kQuota);
    press.at(late + 1);
    press.read();
    press.trip("t1", circuit_breaker::TripResult::Kind::tripped, late);
    SUBCASE("it stays off") {
        press.at(kMonday + 9 * kHour + 300);
        press.read();
        press.put();
        const auto lines = press.section("Breaker");
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].starts_with(
            "channel 3 (azure) disabled since 01-03 23:50, at its pace about $24"));
    }
    SUBCASE("it was enabled at noon") {
        press.enabled_by_somebody(kMonday - kDay + 12 * kHour);
        press.at(kMonday + 9 * kHour + 300);
        press.read();
        press.put();
        CHECK(press.section("Breaker").at(0).starts_with(
            "channel 3 (azure) disabled since 01-03 23:50, at its pace about $12"));
    }
    SUBCASE("it was a false trip, which the day before told") {
        press.enabled_by_somebody(kMonday - kDay + 60);
        press.at(kMonday + 9 * kHour + 300);
        press.read();
        press.put();
        CHECK(press.section("Breaker") == Lines{"nothing"});
    }
    SUBCASE("after a week the pace of then says nothing") {
        press.at(kMonday + 8 * kDay);
        press.read();
        press.put();
        CHECK(press.section("Breaker") == Lines{"nothing"});
    }
}

TEST_CASE("more decisions of the breaker than are listed are counted all the same") {
    Press press;
    for (int i = 0; i < 120; ++i)
        press.trip(fmt::format("t{}", i), circuit_breaker::TripResult::Kind::tripped,
                   kMonday - kHour + i);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto lines = press.section("Breaker");
    CHECK(std::ranges::count(lines, "and 115 more") == 1);
}

TEST_CASE("a report that could not count all decisions of the breaker says so") {
    Press press;
    for (int i = 0; i < 5001; ++i)
        press.trip(fmt::format("t{}", i), circuit_breaker::TripResult::Kind::refused,
                   kMonday - kHour);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    CHECK(press.section("Breaker") ==
          Lines{"Held back by a guard: 5,000",
                "There were too many decisions: only the newest count here"});
}

TEST_CASE("models and keys are named, and what they saved is that of their own traffic") {
    using Kind = circuit_breaker::TripResult::Kind;
    Press press;
    const auto noon = kMonday - kDay + 12 * kHour;
    press.row(noon - 60, 3, 10 * kQuota);  // of gpt-4o and key 7
    press.at(noon + 1);
    press.read();
    press.trip("t1", Kind::tripped, noon, circuit_breaker::Target::of_model(3, "gpt-4o"));
    press.trip("t2", Kind::tripped, noon + 60, circuit_breaker::Target::of_model(3, "o3"));
    press.trip("t3", Kind::tripped, noon + 120, circuit_breaker::Target::of_token(7));
    press.trip("t4", Kind::would_trip, noon + 180, circuit_breaker::Target::of_token(17));
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto lines = press.section("Breaker");
    REQUIRE(lines.size() == 4);
    CHECK(
        lines[0].starts_with("12:00 model gpt-4o of channel 3 (azure) disabled, at its pace "
                             "about $12"));
    CHECK(lines[1] == "12:01 model o3 of channel 3 (azure) disabled");
    CHECK(lines[2].starts_with("12:02 key k1"));
    CHECK(lines[2].find(" disabled, at its pace about $") != std::string::npos);
    CHECK(lines[3] == "12:03 shadow: key ci would have been disabled");
}

TEST_CASE("what was given back saved for as long as it was off") {
    using circuit_breaker::Way;
    Press press;
    const auto noon = kMonday - kDay + 12 * kHour;
    press.row(noon - 60, 3, 10 * kQuota);
    press.at(noon + 1);
    press.read();
    press.trip("t1", circuit_breaker::TripResult::Kind::tripped, noon);
    press.given_back("t1", noon + kHour, Way::trial);
    press.given_back("t1", noon + 2 * kHour, Way::again);
    press.given_back("t1", noon + 4 * kHour, Way::whole);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto lines = press.section("Breaker");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("12:00 channel 3 (azure) disabled, at its pace about $3"));
}
