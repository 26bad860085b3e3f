#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/time_zone.h"

namespace quotafuse::alerts {

/// Which rows a rule looks at, by time: those of a rolling window, of a calendar period so far, or
/// of a fixed time.
struct Frame {
    enum class Kind { rolling, today, this_week, this_month, fixed };
    Kind kind = Kind::rolling;
    std::chrono::seconds length{0};  // rolling: 1m … 30d
    base::Second from{};             // fixed: from < created_at ≤ to
    base::Second to{};
    bool operator==(const Frame&) const = default;

    static Frame rolling(std::chrono::seconds length) { return {Kind::rolling, length, {}, {}}; }
    bool is_calendar() const {
        return kind == Kind::today || kind == Kind::this_week || kind == Kind::this_month;
    }
};

/// "1h", "today", "this week", "this month", "2026-01-05 09:00:00 to 2026-01-05 18:00:00".
std::string describe(const Frame& frame, const base::TimeZone& zone);

/// The longest that a window of this frame can be.
std::chrono::seconds longest(const Frame& frame);

/// What a rule compares its value with.
enum class Comparison { none, previous, yesterday, last_week, usual };
const std::vector<std::string_view>& comparison_names();  // without none, in order

/// Rows with tail < created_at ≤ head.
struct Span {
    base::Second tail{};
    base::Second head{};
    bool operator==(const Span&) const = default;
};

/// The window at the second t. A calendar period begins at the first existing instant of its local
/// day (Monday, the 1st); its tail is one second before that, so that the first second counts. Past
/// `to` a fixed window keeps still; before `from` it is empty (tail = head = from).
Span span_of(const Frame& frame, base::Second t, const base::TimeZone& zone);
/// The window that the one at t is compared with: `previous` is the one just before it; yesterday
/// and last_week are 24 h and 7 · 24 h earlier. Of a calendar window it is the same elapsed time of
/// the former period (previous), of the same period begun a day or a week earlier, cut at that
/// period's end. Not for none and usual.
Span base_span_of(const Frame& frame, Comparison comparison, base::Second t,
                  const base::TimeZone& zone);

/// The instants at the same local time of the week as t, 1, 2, … weeks earlier; what does not exist
/// is the instant to which the clock jumped.
base::Second weeks_before(base::Second t, int weeks, const base::TimeZone& zone);

/// How far back from T a rule must be able to read: its window, what it is compared with (`usual`:
/// `weeks` of them), its delay.
std::chrono::seconds reach_of(const Frame& frame, Comparison comparison, int weeks,
                              std::chrono::seconds delay);

}  // namespace quotafuse::alerts
