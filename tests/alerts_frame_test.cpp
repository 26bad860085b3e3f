#include <random>
#include <string>

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include "alerts/frame.h"

using namespace quotafuse;
using alerts::Comparison;
using alerts::Frame;
using alerts::Span;
using alerts::weeks_before;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::hours kDay{24};
const Frame kToday{Frame::Kind::today, {}, {}, {}};
const Frame kWeek{Frame::Kind::this_week, {}, {}, {}};
const Frame kMonth{Frame::Kind::this_month, {}, {}, {}};

base::TimeZone zone(const char* name) {
    const auto found = base::TimeZone::find(name);
    REQUIRE(found);
    return *found;
}

/// UTC.
base::Second utc(int year, unsigned month, unsigned day, std::chrono::seconds of_day = 0s) {
    return std::chrono::sys_days{std::chrono::year{year} / std::chrono::month{month} /
                                 std::chrono::day{day}} +
           of_day;
}

/// "2026-03-29 00:00:00 .. 2026-03-29 05:00:00": first and last second, local.
std::string written(Span span, const base::TimeZone& zone) {
    return zone.format(span.tail + 1s) + " .. " + zone.format(span.head);
}

/// The C library's clock, which shares nothing with ours but the files of tzdata.
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

    static ::tm local(base::Second t) {
        const ::time_t seconds = base::unix_seconds(t);
        ::tm local{};
        ::localtime_r(&seconds, &local);
        return local;
    }
};

bool same_period(Frame::Kind kind, const ::tm& a, const ::tm& b) {
    if (kind == Frame::Kind::this_month) return a.tm_mon == b.tm_mon && a.tm_year == b.tm_year;
    if (kind == Frame::Kind::today) return a.tm_yday == b.tm_yday && a.tm_year == b.tm_year;
    const auto monday = [](::tm t) {
        t.tm_mday -= (t.tm_wday + 6) % 7;
        t.tm_hour = 12;
        return ::timegm(&t) / 86'400;
    };
    return monday(a) == monday(b);
}

/// By definition: the period of t begins with the first second of an unbroken run to t whose
/// calendar says the same period.
base::Second brute_start(Frame::Kind kind, base::Second t) {
    const auto now = ProcessZone::local(t);
    auto start = t;
    // Clocks of the tested zones change at whole quarters of an hour.
    start -= std::chrono::seconds{base::unix_seconds(start) % 900};
    while (same_period(kind, ProcessZone::local(start - 1s), now)) start -= 900s;
    return start;
}

}  // namespace

TEST_CASE("a rolling window reaches back its length, to the second") {
    const base::TimeZone zone;
    const auto t = utc(2026, 1, 5, 10h);
    CHECK(span_of(Frame::rolling(1h), t, zone) == Span{t - 1h, t});
    CHECK(base_span_of(Frame::rolling(1h), Comparison::previous, t, zone) == Span{t - 2h, t - 1h});
    CHECK(base_span_of(Frame::rolling(1h), Comparison::yesterday, t, zone) ==
          Span{t - 25h, t - 24h});
    CHECK(base_span_of(Frame::rolling(1h), Comparison::last_week, t, zone) ==
          Span{t - 169h, t - 168h});
}

TEST_CASE("calendar periods begin where the C library's calendar begins them, all year round") {
    for (const auto* const name : {"Asia/Shanghai", "Europe/Berlin", "America/Havana",
                                   "Australia/Lord_Howe", "Africa/Cairo"}) {
        const ProcessZone process{name};
        const auto there = zone(name);
        std::mt19937 random{7};
        std::uniform_int_distribution<std::int64_t> second{0, 366 * 86'400};
        for (int i = 0; i < 300; ++i) {
            const auto t = utc(2028, 1, 1) + std::chrono::seconds{second(random)};  // a leap year
            INFO(name << " " << there.format(t));
            for (const auto& frame : {kToday, kWeek, kMonth}) {
                CHECK(span_of(frame, t, there) == Span{brute_start(frame.kind, t) - 1s, t});
            }
        }
    }
}

TEST_CASE("both changes of the clock in Berlin: days of 23 and 25 hours") {
    const auto berlin = zone("Europe/Berlin");
    const auto spring = utc(2026, 3, 29, 3h);  // 05:00 summer time, 4 hours after midnight
    CHECK(written(span_of(kToday, spring, berlin), berlin) ==
          "2026-03-29 00:00:00 .. 2026-03-29 05:00:00");
    CHECK(spring - span_of(kToday, spring, berlin).tail == 4h + 1s);
    // The same elapsed time of the day before is until 04:00.
    CHECK(written(base_span_of(kToday, Comparison::previous, spring, berlin), berlin) ==
          "2026-03-28 00:00:00 .. 2026-03-28 04:00:00");
    // The last second of the day of 23 hours, and the first of the next.
    const auto end = utc(2026, 3, 29, 22h);
    CHECK(written(span_of(kToday, end - 1s, berlin), berlin) ==
          "2026-03-29 00:00:00 .. 2026-03-29 23:59:59");
    CHECK(span_of(kToday, end, berlin) == Span{end - 1s, end});

    const auto autumn = utc(2026, 10, 25, 23h) - 1s;  // 23:59:59, 25 hours after midnight
    CHECK(autumn - span_of(kToday, autumn, berlin).tail == 25h);
    // A day of 24 hours has no 25th: the base stops at its end.
    CHECK(written(base_span_of(kToday, Comparison::previous, autumn, berlin), berlin) ==
          "2026-10-24 00:00:00 .. 2026-10-24 23:59:59");
    CHECK(written(base_span_of(kToday, Comparison::last_week, autumn, berlin), berlin) ==
          "2026-10-18 00:00:00 .. 2026-10-18 23:59:59");
}

TEST_CASE("a midnight that does not exist is the instant to which the clock jumps") {
    const auto cairo = zone("Africa/Cairo");  // 2026-04-24: 00:00 is 01:00
    const auto t = utc(2026, 4, 24, 9h);
    CHECK(written(span_of(kToday, t, cairo), cairo) ==
          "2026-04-24 01:00:00 .. 2026-04-24 12:00:00");
    const auto havana = zone("America/Havana");  // 2026-11-01: 00:00 to 01:00 comes twice
    const auto twice = utc(2026, 11, 1, 5h + 30min);
    CHECK(twice - span_of(kToday, twice, havana).tail == 90min + 1s);
}

TEST_CASE("weeks begin on Monday and months on the 1st, over leap day and the end of a year") {
    const base::TimeZone zone;
    CHECK(written(span_of(kWeek, utc(2026, 1, 4, 12h), zone), zone) ==
          "2025-12-29 00:00:00 .. 2026-01-04 12:00:00");
    CHECK(written(span_of(kMonth, utc(2028, 2, 29, 12h), zone), zone) ==
          "2028-02-01 00:00:00 .. 2028-02-29 12:00:00");
    CHECK(written(span_of(kMonth, utc(2028, 3, 1), zone), zone) ==
          "2028-03-01 00:00:00 .. 2028-03-01 00:00:00");
}

TEST_CASE("a period is compared with as much of the former one as has passed, up to its end") {
    const base::TimeZone zone;
    CHECK(written(base_span_of(kMonth, Comparison::previous, utc(2028, 3, 10, 8h), zone), zone) ==
          "2028-02-01 00:00:00 .. 2028-02-10 08:00:00");
    CHECK(written(base_span_of(kMonth, Comparison::previous, utc(2028, 3, 31), zone), zone) ==
          "2028-02-01 00:00:00 .. 2028-02-29 23:59:59");
    CHECK(written(base_span_of(kMonth, Comparison::previous, utc(2026, 1, 5), zone), zone) ==
          "2025-12-01 00:00:00 .. 2025-12-05 00:00:00");
    const auto wednesday = utc(2026, 1, 7, 6h);
    for (const auto comparison : {Comparison::previous, Comparison::last_week}) {
        CHECK(written(base_span_of(kWeek, comparison, wednesday, zone), zone) ==
              "2025-12-29 00:00:00 .. 2025-12-31 06:00:00");
    }
    CHECK(written(base_span_of(kToday, Comparison::yesterday, wednesday, zone), zone) ==
          "2026-01-06 00:00:00 .. 2026-01-06 06:00:00");
    CHECK(written(base_span_of(kToday, Comparison::last_week, wednesday, zone), zone) ==
          "2025-12-31 00:00:00 .. 2025-12-31 06:00:00");
}

TEST_CASE("a fixed window is empty before it begins and keeps still after its end") {
    const base::TimeZone zone;
    const auto from = utc(2026, 1, 5, 9h);
    const auto to = from + 9h;
    const Frame frame{Frame::Kind::fixed, {}, from, to};
    CHECK(span_of(frame, from - 1h, zone) == Span{from, from});
    CHECK(span_of(frame, from + 1h, zone) == Span{from, from + 1h});
    CHECK(span_of(frame, to + kDay, zone) == Span{from, to});
    CHECK(describe(frame, zone) == "2026-01-05 09:00:00 to 2026-01-05 18:00:00");
    CHECK(describe(Frame::rolling(90min), zone) == "1h30m");
    CHECK(describe(kMonth, zone) == "this month");
}

TEST_CASE("the usual time is the same local time of the week, over changes of the clock") {
    const auto berlin = zone("Europe/Berlin");
    const auto monday = utc(2026, 3, 30, 7h);  // 09:00 summer time
    CHECK(berlin.format(weeks_before(monday, 1, berlin)) == "2026-03-23 09:00:00");
    CHECK(monday - weeks_before(monday, 1, berlin) == 7 * kDay - 1h);
    CHECK(berlin.format(weeks_before(monday, 8, berlin)) == "2026-02-02 09:00:00");
    // 02:30 did not exist on 29 March: the clock jumped to 03:00.
    const auto sunday = utc(2026, 4, 5, 30min);
    CHECK(berlin.format(sunday) == "2026-04-05 02:30:00");
    CHECK(berlin.format(weeks_before(sunday, 1, berlin)) == "2026-03-29 03:00:00");
}

TEST_CASE("a rule reaches back as far as any second of its windows may lie") {
    CHECK(reach_of(Frame::rolling(1h), Comparison::none, 0, 3s) == 1h + 3s);
    CHECK(reach_of(Frame::rolling(1h), Comparison::previous, 0, 0s) == 2h);
    CHECK(reach_of(Frame::rolling(1h), Comparison::last_week, 0, 0s) == 169h);
    const auto berlin = zone("Europe/Berlin");
    const Comparison comparisons[] = {Comparison::previous, Comparison::yesterday,
                                      Comparison::last_week};
    for (const auto& frame : {Frame::rolling(26h), kToday, kWeek, kMonth}) {
        for (const auto comparison : comparisons) {
            const auto reach = reach_of(frame, comparison, 0, 5s);
            for (auto t = utc(2026, 3, 1); t < utc(2026, 12, 1); t += 5h + 17s) {
                INFO(describe(frame, berlin) << " " << berlin.format(t));
                CHECK(t - 5s - base_span_of(frame, comparison, t - 5s, berlin).tail <= reach);
            }
        }
        for (auto t = utc(2026, 3, 1); t < utc(2026, 12, 1); t += 5h + 17s) {
            const auto moved = t - 1h;  // the bases of `usual` stand for an hour
            const auto tail = span_of(frame, weeks_before(moved, 4, berlin), berlin).tail;
            CHECK(t - tail <= reach_of(frame, Comparison::usual, 4, 0s));
        }
    }
}
