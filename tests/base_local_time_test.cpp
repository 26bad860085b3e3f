#include <string>

#include <doctest/doctest.h>

#include "base/local_time.h"

using namespace quotafuse::base;

namespace {

std::string read(const std::string& zone_name, const std::string& text) {
    const auto zone = *TimeZone::find(zone_name);
    const auto time = parse_local_time(text, zone);
    return time ? zone.format(*time) : "refused";
}

}  // namespace

TEST_CASE("a local time is a date, with minutes or seconds where they matter") {
    const auto shanghai = *TimeZone::find("Asia/Shanghai");
    CHECK(parse_local_time("2026-01-05 23:00:30", shanghai) == from_unix(1'767'625'230));
    CHECK(parse_local_time("2026-01-05 23:00", shanghai) == from_unix(1'767'625'200));
    CHECK(read("Asia/Shanghai", "2026-01-05") == "2026-01-05 00:00:00");
    CHECK(read("UTC", "1970-01-01") == "1970-01-01 00:00:00");
    CHECK(read("UTC", "2028-02-29 23:59:59") == "2028-02-29 23:59:59");
}

TEST_CASE("what is not wholly a local time, or on no calendar, is refused") {
    for (const auto* const text : {"",
                                   "tomorrow",
                                   "08:00",
                                   "2026-1-5",
                                   "2026-01-5 08:00",
                                   "26-01-05",
                                   "2026/01/05",
                                   "2026-01-05 8:00",
                                   "2026-01-05T08:00",
                                   "2026-01-05  08:00",
                                   "2026-01-0508:00",
                                   "2026-01-05 08:00 ",
                                   " 2026-01-05",
                                   "2026-01-05 08:00 or so",
                                   "2026-01-05 08:00:30.5",
                                   "2026-01-05 08",
                                   "2026-01-05 08:00:3",
                                   "2026-01-05 +8:00",
                                   "2026-01-05 -1:00",
                                   "2026-00-05",
                                   "2026-13-05",
                                   "2026-01-00",
                                   "2026-02-29",
                                   "2026-04-31 08:00",
                                   "1969-12-31 23:59",
                                   "2026-01-05 24:00",
                                   "2026-01-05 08:60",
                                   "2026-01-05 08:00:60"}) {
        CAPTURE(text);
        CHECK(read("UTC", text) == "refused");
    }
}

TEST_CASE("a local time is found next to the date line and where the clock is changed") {
    CHECK(read("Pacific/Kiritimati", "2026-01-05 09:00") == "2026-01-05 09:00:00");  // UTC+14
    CHECK(read("Pacific/Niue", "2026-01-05") == "2026-01-05 00:00:00");              // UTC−11
    CHECK(read("Europe/Berlin", "2026-03-29 02:30") == "2026-03-29 03:00:00");  // does not exist
    const auto berlin = *TimeZone::find("Europe/Berlin");
    CHECK(parse_local_time("2026-10-25 02:30", berlin) ==  // exists twice; summer time is first
          parse_local_time("2026-10-25 00:30", TimeZone{}));
}
