#include <doctest/doctest.h>

#include "base/time_zone.h"

using namespace quotafuse::base;
using namespace std::chrono_literals;

TEST_CASE("a zone tells local time, whatever the host's own zone is") {
    const auto zone = TimeZone::find("Asia/Shanghai");
    REQUIRE(zone.has_value());
    const auto local = zone->local(from_unix(1'767'625'200));  // 2026-01-05 15:00 UTC
    CHECK(local.year == 2026);
    CHECK(local.month == 1);
    CHECK(local.day == 5);
    CHECK(local.weekday == 0);
    CHECK(local.of_day == 23h);
    CHECK(zone->format(from_unix(1'767'625'200)) == "2026-01-05 23:00:00");
    CHECK_FALSE(TimeZone::find("Mars/Olympus").has_value());
    CHECK_FALSE(TimeZone::find("../../etc/passwd").has_value());
    CHECK(TimeZone{}.name() == "UTC");
}

TEST_CASE(
    "local times that exist twice are the first, and ones that do not exist move to the jump") {
    const auto zone = *TimeZone::find("America/New_York");
    const auto spring = from_unix(1'772'953'200);  // 2026-03-08 07:00 UTC, the hour of the jump
    CHECK(zone.at(spring, 0, 2h + 30min) == from_unix(1'772'953'200));  // 02:30 is not: 03:00 EDT
    CHECK(zone.at(spring, 0, 1h) == from_unix(1'772'949'600));
    const auto autumn = from_unix(1'793'520'000);  // 2026-11-01
    CHECK(zone.local(zone.at(autumn, 0, 1h + 30min)).of_day == 1h + 30min);
    CHECK(zone.at(autumn, 0, 1h + 30min) + 1h ==
          from_unix(1'793'514'600));  // 06:30 UTC is the second one
    CHECK(zone.at(autumn, 1, 0h) - zone.at(autumn, 0, 0h) == 25h);
}
