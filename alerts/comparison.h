#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "alerts/replay.h"
#include "alerts/rule.h"
#include "alerts/step.h"
#include "base/clock.h"
#include "sync/history.h"

namespace quotafuse::alerts {

/// The events that the daemon wrote against those of a replay of the same time, as it was.
struct HistoryComparison {
    struct Difference {
        Event event;
        bool recorded = false;  // the daemon wrote it, and replay does not; else the other way
    };
    base::Second from{};  // events after it
    base::Second until{};
    std::size_t same = 0;
    std::vector<Difference> differences;  // by time
    std::vector<std::string> notes;       // what is not compared, and what may explain a difference
};

/// Compares what the rules decided in (options.from, options.until], at most up to the second that
/// is on record. A rule counts from the first look that it had as it is now: what was written
/// before was decided by another; and a series that fired at options.from from its end on. Built-in
/// alerts go by the clock and are left out. Throws as replay() does.
HistoryComparison compare_with_history(const std::vector<Rule>& rules, sync::History& history,
                                       ReplayOptions options);

}  // namespace quotafuse::alerts
