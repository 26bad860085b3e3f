#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include "alerts/active_hours.h"

using namespace quotafuse;
using alerts::ActiveHours;
using namespace std::chrono_literals;

namespace {

/// The C library's view of a zone, which shares nothing with ours but the files of tzdata.
class ProcessZone {
public:
    explicit ProcessZone(const char* name) {
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~ProcessZone() {
        ::unsetenv("TZ");
        ::tzset();
    }
    ProcessZone(const ProcessZone&) = delete;
    ProcessZone& operator=(const ProcessZone&) = delete;
};

struct Reading {
    std::int64_t day;  // days since 1970 on the local calendar
    int minute;
    int weekday;  // Monday 0
};

std::vector<Reading> readings(std::int64_t first, std::size_t minutes) {
    std::vector<Reading> all;
    for (std::size_t i = 0; i < minutes; ++i) {
        const ::time_t t = first + static_cast<std::int64_t>(i) * 60;
        ::tm local{};
        ::localtime_r(&t, &local);
        ::tm as_utc = local;
        const auto day = ::timegm(&as_utc) / 86'400;
        all.push_back({day, local.tm_hour * 60 + local.tm_min, (local.tm_wday + 6) % 7});
    }
    return all;
}

/// By definition: from the first minute whose clock has reached the start, day by day, until the
/// first one whose clock has reached the end.
std::vector<bool> brute_force(const std::vector<Reading>& clock, int from, int to,
                              const std::array<bool, 7>& days) {
    std::vector<bool> active(clock.size());
    const auto first_at = [&](std::int64_t day, int minute) {
        std::size_t i = 0;
        // Only the neighbourhood matters; the year is searched once for each day.
        const auto guess = (day - clock.front().day - 1) * 1440 - 240;
        if (guess > 0) i = static_cast<std::size_t>(guess);
        const auto target = day * 1440 + minute;
        while (i < clock.size() && clock[i].day * 1440 + clock[i].minute < target) ++i;
        return i;
    };
    for (auto day = clock.front().day - 1; day <= clock.back().day; ++day) {
        const auto weekday = static_cast<std::size_t>((day + 3) % 7);  // 1970-01-01 was a Thursday
        if (!days[weekday]) continue;
        const auto end = first_at(to > from ? day : day + 1, to);
        for (auto i = first_at(day, from); i < end; ++i) active[i] = true;
    }
    return active;
}

void compare_a_year(const char* name) {
    const ProcessZone process{name};
    const auto zone = base::TimeZone::find(name);
    REQUIRE(zone);
    constexpr std::int64_t kNewYear = 1'767'225'600;  // 2026-01-01 00:00 UTC
    const auto clock = readings(kNewYear, 366 * 1440);
    const ActiveHours::Range ranges[] = {{22h, 6h}, {9h, 18h},         {1h + 30min, 2h + 30min},
                                         {2h, 3h},  {23h, 2h + 15min}, {0h, 24h}};
    const std::array<bool, 7> workdays{true, true, true, true, true, false, false};
    for (const auto& range : ranges) {
        const ActiveHours hours{workdays, {range}};
        const auto expected = brute_force(clock, static_cast<int>(range.from / 1min),
                                          static_cast<int>(range.to / 1min), workdays);
        std::size_t differences = 0;
        // The first and last two days lack their neighbours in the brute force.
        // Every range begins and ends on a quarter of an hour: its first and last minute show each
        // change.
        for (std::size_t i = 2 * 1440; i + 2 * 1440 < clock.size(); i += i % 15 == 0 ? 14 : 1) {
            const auto t = base::from_unix(kNewYear + static_cast<std::int64_t>(i) * 60);
            const bool is = alerts::active(t, hours, *zone);
            if (is != expected[i]) ++differences;
        }
        INFO(name << " " << range.from / 1min << "-" << range.to / 1min);
        CHECK(differences == 0);
    }
}

}  // namespace

TEST_CASE("active hours agree with the C library's clock in every quarter of an hour of a year") {
    compare_a_year("Asia/Shanghai");
    compare_a_year("Europe/Berlin");
    compare_a_year("Australia/Lord_Howe");  // its summer time is half an hour
}

TEST_CASE("a night in Shanghai is a night in Shanghai although the process runs in UTC") {
    const ProcessZone process{"UTC"};
    const auto zone = *base::TimeZone::find("Asia/Shanghai");
    ActiveHours hours;
    hours.ranges = {{22h, 6h}};
    const auto local = [](std::chrono::seconds of_day) {
        return base::from_unix(1'767'571'200) - 8h + of_day;  // 2026-01-05 there
    };
    CHECK(alerts::active(local(23h + 30min), hours, zone));
    CHECK(alerts::active(local(5h + 30min), hours, zone));
    CHECK_FALSE(alerts::active(local(12h), hours, zone));
    CHECK_FALSE(alerts::active(local(6h), hours, zone));
    CHECK(alerts::active(local(22h), hours, zone));
}

TEST_CASE("a range over midnight belongs to the day on which it starts") {
    ActiveHours friday;
    friday.days = {false, false, false, false, true, false, false};
    friday.ranges = {{22h, 6h}};
    const auto monday = base::from_unix(1'767'571'200);
    const base::TimeZone utc;
    CHECK_FALSE(alerts::active(monday + 4 * 24h + 5h, friday, utc));  // the end of Thursday's night
    CHECK(alerts::active(monday + 4 * 24h + 23h, friday, utc));
    CHECK(alerts::active(monday + 5 * 24h + 5h, friday, utc));  // Saturday morning
    CHECK_FALSE(alerts::active(monday + 5 * 24h + 23h, friday, utc));
}
