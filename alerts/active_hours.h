#pragma once

#include <array>
#include <chrono>
#include <vector>

#include "base/clock.h"
#include "base/time_zone.h"

namespace quotafuse::alerts {

/// When a rule may speak and act. Without ranges: the whole of each day.
struct ActiveHours {
    /// Times of day, from ≤ t < to, both 0 … 24 h. to < from runs into the next day. Never equal.
    struct Range {
        std::chrono::seconds from;
        std::chrono::seconds to;
        bool operator==(const Range&) const = default;
    };
    std::array<bool, 7> days{true, true, true, true, true, true, true};  // Monday first
    std::vector<Range> ranges;
    bool operator==(const ActiveHours&) const = default;
};

/// Whether t lies in one of the ranges, each on the days that it starts on. A local time that
/// exists twice means the first, one that does not exist the instant to which the clock jumps.
bool active(base::Second t, const ActiveHours& hours, const base::TimeZone& zone);

}  // namespace quotafuse::alerts
