#include <doctest/doctest.h>

#include "alerts/baseline.h"
#include "alerts_meter_fixture.h"

namespace quotafuse::tests {
namespace {

using alerts::Comparison;
using alerts::Dimension;
using alerts::Frame;
using alerts::Metric;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kWeek = 7 * kDay;

alerts::Rule compared(Metric metric, Comparison comparison, double limit, bool below = false) {
    auto rule = meter_rule(metric, limit, below);
    rule.compare_to = comparison;
    return rule;
}

void add(MeterRig& rig, std::int64_t second, int count, std::int64_t channel = 3) {
    for (int i = 0; i < count; ++i) rig.add(answer(second, channel));
}

}  // namespace

TEST_CASE("a change is in percent of the base, and of a base of nothing there is none") {
    CHECK(alerts::change_in_percent(30, 10) == doctest::Approx(200));
    CHECK(alerts::change_in_percent(5, 10) == doctest::Approx(-50));
    CHECK(alerts::change_in_percent(0, 10) == doctest::Approx(-100));
    CHECK_FALSE(alerts::change_in_percent(10, 0).has_value());
    CHECK_FALSE(alerts::change_in_percent(10, -5).has_value());  // more given back than spent
}

TEST_CASE("what is usual is the median of at least three weeks, and how far they lie from it") {
    const auto usual = [](std::vector<double> weeks) { return alerts::usual_of(weeks); };
    CHECK_FALSE(usual({}).has_value());
    CHECK_FALSE(usual({1, 2}).has_value());
    REQUIRE(usual({30, 10, 11}).has_value());
    CHECK(usual({30, 10, 11})->median == 11);
    CHECK(usual({30, 10, 11})->spread == doctest::Approx(3 * 1.4826 * 1));
    CHECK(usual({4, 1, 2, 3})->median == 2.5);
    CHECK(usual({4, 1, 2, 3})->spread == doctest::Approx(3 * 1.4826 * 1));
    CHECK(usual({7, 7, 7, 1000})->spread == 0);
}

TEST_CASE("previous is the window just before, yesterday and last week the same one earlier") {
    const auto change = [](Comparison comparison, std::int64_t base_second) {
        MeterRig rig{compared(Metric::tokens, comparison, 100), kWeek};
        add(rig, base_second, 2);
        add(rig, kWeek, 5);
        rig.step();
        const auto reading = rig.read(number_key(3));
        CHECK(reading.now == 500);
        return reading;
    };
    CHECK(change(Comparison::previous, kWeek - 70).value == doctest::Approx(150));
    CHECK(change(Comparison::previous, kWeek - 70).base == 200);
    CHECK(change(Comparison::previous, kWeek - 70).oldest == meter_time(kWeek - 70));
    CHECK(change(Comparison::yesterday, kWeek - kDay - 20).value == doctest::Approx(150));
    CHECK(change(Comparison::last_week, -20).value == doctest::Approx(150));
    CHECK_FALSE(change(Comparison::last_week, -70).value.has_value());
}

TEST_CASE("a rise is sighted when its base goes down, too") {
    MeterRig rig{compared(Metric::requests, Comparison::previous, 100)};
    add(rig, -115, 2);
    add(rig, -100, 1);
    add(rig, -30, 3);
    // 3 against 3, until the two leave the base.
    CHECK(rig.first_sighting(100) == 5);
    CHECK(rig.read(number_key(3)).value == doctest::Approx(200));
    rig.run_to(20);
    CHECK_FALSE(rig.read(number_key(3)).value.has_value());
}

TEST_CASE("a drop to nothing is a change by a hundred percent of what was there") {
    auto rule = compared(Metric::requests, Comparison::yesterday, -50, true);
    rule.min_requests = 3;
    MeterRig rig{rule, kDay};
    add(rig, 10, 4);
    add(rig, 12, 2, 4);
    add(rig, kDay - 20, 4);
    // The base begins to count with yesterday's second 10; today's rows leave at 40.
    rig.run_to(kDay + 39);
    CHECK(rig.read(number_key(3)).value == 0);
    const auto dropped = rig.step();
    REQUIRE(dropped.size() == 1);
    CHECK(dropped[0].key == number_key(3));
    CHECK(dropped[0].reading.value == doctest::Approx(-100));
    CHECK(dropped[0].reading.now == 0);
    CHECK(dropped[0].reading.base == 4);
    CHECK(dropped[0].reading.requests == 4);  // what the drop stands on is yesterday's traffic
    CHECK_FALSE(dropped[0].reading.has_rows);
    CHECK(dropped[0].reading.oldest == meter_time(10));
    // Two requests are too few to be a base.
    CHECK_FALSE(rig.read(number_key(4)).value.has_value());
    CHECK_FALSE(rig.read(number_key(4)).base.has_value());
    CHECK_FALSE(rig.read(number_key(99)).value.has_value());
}

TEST_CASE("of a time that began before the mirror did nobody knows the half") {
    MeterRig rig{compared(Metric::requests, Comparison::previous, 50), 0, alerts::kLeastWeeks,
                 MeterRig::Mirror::young};
    add(rig, -61, 1);  // the first row that there is
    add(rig, -10, 5);
    for (const std::int64_t second : {1, 20, 57}) {
        rig.run_to(second);
        CHECK_FALSE(rig.read(number_key(3)).base.has_value());
    }
    rig.run_to(58);  // from the second of the first row on, a minute long
    CHECK(rig.read(number_key(3)).base == 6);
    CHECK(rig.read(number_key(3)).value == doctest::Approx(-100));
}

TEST_CASE("a change whose base is known from some second on is sighted in that second") {
    const auto sighted = [](Comparison comparison, std::int64_t apart) {
        MeterRig rig{compared(Metric::requests, comparison, 100), 0, alerts::kLeastWeeks,
                     MeterRig::Mirror::young};
        add(rig, -40 - apart, 1, 99);  // the first row that there is
        add(rig, -10 - apart, 2);
        add(rig, -10, 5);
        return rig.first_sighting(45);
    };
    CHECK(sighted(Comparison::previous, 60) == 19);
    CHECK(sighted(Comparison::yesterday, kDay) == 19);
    CHECK(sighted(Comparison::last_week, kWeek) == 19);
}

TEST_CASE("a rate has no change where there is no traffic now, or was none") {
    MeterRig rig{compared(Metric::error_rate, Comparison::previous, 10)};
    auto failed = answer(-70);
    failed.kind = sync::Kind::error;
    failed.status = 500;
    rig.add(failed);
    add(rig, -70, 1);
    rig.step();
    CHECK_FALSE(rig.read(number_key(3)).value.has_value());
    CHECK(rig.read(number_key(3)).base == 50);
    failed.created_at = kMeterMonday + 1;
    rig.add(failed);
    const auto sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].reading.value == doctest::Approx(100));  // from 50 % to 100 %
}

TEST_CASE("usual is the median of the weeks before, at the hour that the clock shows") {
    auto rule = compared(Metric::requests, Comparison::usual, 50);
    MeterRig rig{rule, 4 * kWeek + 1800, 4};
    // The hour's bases stand at 00:00 of each week.
    add(rig, 0 * kWeek - 10, 8);
    add(rig, 1 * kWeek - 10, 10);
    add(rig, 2 * kWeek - 10, 12);
    add(rig, 3 * kWeek - 10, 30);
    add(rig, 3 * kWeek + 10, 99);
    rig.step();
    add(rig, rig.now, 15);
    rig.step();
    auto reading = rig.read(number_key(3));
    CHECK(reading.base == doctest::Approx(11));
    CHECK(reading.value == doctest::Approx(100.0 * 4 / 11));
    // MAD of {8, 10, 12, 30} around 11 is 2: up to 11 + 8.9 is usual.
    CHECK_FALSE(reading.unusual);
    add(rig, rig.now, 4);
    rig.step();
    CHECK_FALSE(rig.read(number_key(3)).unusual);
    add(rig, rig.now, 1);
    const auto sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].reading.now == 20);
    CHECK(sighted[0].reading.unusual);
}

TEST_CASE("a week of which the store has nothing does not count, a silent series in another does") {
    auto rule = compared(Metric::requests, Comparison::usual, 50);
    rule.min_requests = 0;
    const auto base = [&](std::vector<int> weeks, std::vector<int> others,
                          std::int64_t min_requests) {
        rule.min_requests = min_requests;
        MeterRig rig{rule, 8 * kWeek, 8};
        for (std::size_t week = 0; week < weeks.size(); ++week) {
            const auto second = static_cast<std::int64_t>(week) * kWeek - 10;
            add(rig, second, weeks[week]);
            add(rig, second, others[week], 4);
        }
        add(rig, 8 * kWeek - 5, 1);
        rig.step();
        return rig.read(number_key(3)).base;
    };
    CHECK_FALSE(base({0, 0, 0, 0, 0, 0, 5, 7}, {0, 0, 0, 0, 0, 0, 0, 0}, 0).has_value());
    CHECK(base({0, 0, 0, 0, 0, 6, 5, 7}, {0, 0, 0, 0, 0, 0, 0, 0}, 0) == 6);
    CHECK(base({0, 0, 0, 0, 2, 6, 5, 7}, {0, 0, 0, 1, 1, 1, 1, 1}, 0) == 5);
    CHECK(base({0, 0, 0, 0, 2, 6, 5, 7}, {0, 0, 0, 1, 1, 1, 1, 1}, 2) == 5.5);
    CHECK_FALSE(base({0, 0, 0, 0, 2, 6, 5, 7}, {0, 0, 0, 1, 1, 1, 1, 1}, 6).has_value());
}

TEST_CASE("a week that comes to have rows changes what is usual of series that have none in it") {
    MeterRig rig{compared(Metric::requests, Comparison::usual, 50), 3 * kWeek, 3};
    add(rig, 0 * kWeek - 10, 2);
    add(rig, 2 * kWeek - 10, 10);
    add(rig, 3 * kWeek - 5, 5);
    CHECK(rig.step().empty());
    CHECK_FALSE(rig.read(number_key(3)).base.has_value());  // two weeks are too few
    add(rig, 1 * kWeek - 10, 1, 4);
    const auto sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].key == number_key(3));
    CHECK(sighted[0].reading.base == 2);
}

TEST_CASE("when the hour turns, the bases move and every value is another") {
    auto rule = compared(Metric::requests, Comparison::usual, 50);
    MeterRig rig{rule, 3 * kWeek + 3500, 3};
    for (int week = 0; week < 3; ++week) {
        add(rig, week * kWeek - 10, 30);
        add(rig, week * kWeek + 3600 - 10, 4);
    }
    add(rig, 3 * kWeek + 3560, 10);
    CHECK(rig.first_sighting(3 * kWeek + 3599) == -1);
    const auto sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].reading.base == 4);
    CHECK(sighted[0].reading.value == doctest::Approx(150));
}

TEST_CASE("what has come of a day so far is compared with as much of the same day of other weeks") {
    auto rule = compared(Metric::requests, Comparison::usual, 50);
    rule.window.kind = Frame::Kind::today;
    constexpr std::int64_t kNow = 110 * 60;  // 01:50
    MeterRig rig{rule, kNow};
    for (const int week : {0, 1, 2, 3}) {
        for (std::int64_t at = 60; at <= kNow; at += 60) add(rig, at - week * kWeek, 1);
    }
    rig.step();
    CHECK(rig.read(number_key(3)).now == 110);
    CHECK(rig.read(number_key(3)).base == 110);
    CHECK(rig.read(number_key(3)).value == doctest::Approx(0));
}

TEST_CASE("a calendar window is compared with as much of the former period") {
    auto rule = compared(Metric::tokens, Comparison::previous, 100);
    rule.window = Frame{Frame::Kind::today, {}, {}, {}};
    MeterRig rig{rule, kDay + 100};
    add(rig, 50, 1);
    add(rig, 150, 2);
    add(rig, kDay + 20, 3);
    rig.step();
    CHECK(rig.read(number_key(3)).base == 100);
    CHECK(rig.read(number_key(3)).value == doctest::Approx(200));
    CHECK(rig.read(number_key(3)).now == 300);
    rig.run_to(kDay + 149);
    CHECK(rig.read(number_key(3)).base == 100);
    // Yesterday's larger part comes to be compared with.
    rig.run_to(kDay + 150);
    CHECK(rig.read(number_key(3)).base == 300);
    CHECK(rig.read(number_key(3)).value == 0);
}

}  // namespace quotafuse::tests
