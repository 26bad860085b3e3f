#include "alerts/frame.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/duration.h"

namespace quotafuse::alerts {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::hours kWeek{7 * 24};
/// A local day, week or month is at most this much longer than its days: the clock goes back in it.
constexpr std::chrono::hours kClockBack{1};

/// The first existing instant of the local day that is `days` after that of t.
base::Second day_start(base::Second t, int days, const base::TimeZone& zone) {
    return zone.at(t, days, 0s);
}

base::Second period_start(Frame::Kind kind, base::Second t, const base::TimeZone& zone) {
    const auto local = zone.local(t);
    switch (kind) {
        case Frame::Kind::today:
            return day_start(t, 0, zone);
        case Frame::Kind::this_week:
            return day_start(t, -static_cast<int>(local.weekday), zone);
        case Frame::Kind::this_month:
            return day_start(t, 1 - static_cast<int>(local.day), zone);
        case Frame::Kind::rolling:
        case Frame::Kind::fixed:
            break;
    }
    std::abort();
}

/// Where the period after the one that begins at `start` begins.
base::Second period_end(Frame::Kind kind, base::Second start, const base::TimeZone& zone) {
    switch (kind) {
        case Frame::Kind::today:
            return day_start(start, 1, zone);
        case Frame::Kind::this_week:
            return day_start(start, 7, zone);
        case Frame::Kind::this_month:
            // 31 days after the 1st is in the next month, whatever the month.
            return period_start(kind, day_start(start, 31, zone), zone);
        case Frame::Kind::rolling:
        case Frame::Kind::fixed:
            break;
    }
    std::abort();
}

/// Days that yesterday and last_week go back.
int days_back(Comparison comparison) {
    return comparison == Comparison::yesterday ? 1 : 7;
}

/// As much of a calendar period as has passed of the one around t.
Span calendar_base(const Frame& frame, Comparison comparison, base::Second t,
                   const base::TimeZone& zone) {
    const auto start = period_start(frame.kind, t, zone);
    auto from = period_start(frame.kind, start - 1s, zone);
    auto end = start;
    if (comparison != Comparison::previous) {
        from = day_start(start, -days_back(comparison), zone);
        end = day_start(period_end(frame.kind, start, zone), -days_back(comparison), zone);
    }
    return {from - 1s, std::min(from + (t - start), end - 1s)};
}

Span moved_back(Span span, std::chrono::seconds by) {
    return {span.tail - by, span.head - by};
}

}  // namespace

std::string describe(const Frame& frame, const base::TimeZone& zone) {
    switch (frame.kind) {
        case Frame::Kind::rolling:
            return base::format_duration(frame.length);
        case Frame::Kind::today:
            return "today";
        case Frame::Kind::this_week:
            return "this week";
        case Frame::Kind::this_month:
            return "this month";
        case Frame::Kind::fixed:
            return fmt::format("{} to {}", zone.format(frame.from), zone.format(frame.to));
    }
    std::abort();
}

std::chrono::seconds longest(const Frame& frame) {
    switch (frame.kind) {
        case Frame::Kind::rolling:
            return frame.length;
        case Frame::Kind::today:
            return kDay + kClockBack;
        case Frame::Kind::this_week:
            return kWeek + kClockBack;
        case Frame::Kind::this_month:
            return 31 * kDay + kClockBack;
        case Frame::Kind::fixed:
            return frame.to - frame.from;
    }
    std::abort();
}

const std::vector<std::string_view>& comparison_names() {
    static const std::vector<std::string_view> kNames{"previous", "yesterday", "last_week",
                                                      "usual"};
    return kNames;
}

Span span_of(const Frame& frame, base::Second t, const base::TimeZone& zone) {
    switch (frame.kind) {
        case Frame::Kind::rolling:
            return {t - frame.length, t};
        case Frame::Kind::fixed:
            return {frame.from, std::clamp(t, frame.from, frame.to)};
        case Frame::Kind::today:
        case Frame::Kind::this_week:
        case Frame::Kind::this_month:
            return {period_start(frame.kind, t, zone) - 1s, t};
    }
    std::abort();
}

Span base_span_of(const Frame& frame, Comparison comparison, base::Second t,
                  const base::TimeZone& zone) {
    if (comparison == Comparison::none || comparison == Comparison::usual) std::abort();
    if (frame.is_calendar()) return calendar_base(frame, comparison, t, zone);
    return moved_back(span_of(frame, t, zone), comparison == Comparison::previous
                                                   ? longest(frame)
                                                   : days_back(comparison) * kDay);
}

base::Second weeks_before(base::Second t, int weeks, const base::TimeZone& zone) {
    return zone.at(t, -7 * weeks, zone.local(t).of_day);
}

std::chrono::seconds reach_of(const Frame& frame, Comparison comparison, int weeks,
                              std::chrono::seconds delay) {
    const auto length = longest(frame);
    switch (comparison) {
        case Comparison::none:
            return length + delay;
        case Comparison::previous:
            return 2 * length + delay;
        case Comparison::yesterday:
        case Comparison::last_week:
            return length + days_back(comparison) * kDay + (frame.is_calendar() ? kClockBack : 0h) +
                   delay;
        case Comparison::usual:
            // One hour for a clock that went back since, one because bases move once an hour.
            return length + weeks * kWeek + kClockBack + 1h + delay;
    }
    std::abort();
}

}  // namespace quotafuse::alerts
