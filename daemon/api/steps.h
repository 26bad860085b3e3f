#pragma once

#include <cstdint>
#include <vector>

#include "base/time_zone.h"
#include "daemon/api/parameters.h"
#include "daemon/api/span.h"

namespace quotafuse::daemon::api {

/// The steps of a chart: some minutes, an hour, or a local day.
struct Step {
    std::int64_t seconds = 3600;  // 86,400 for a day, however long it is

    bool is_minutes() const { return seconds < 3600; }
    bool is_day() const { return seconds == 86'400; }
};

/// `step=auto|1m|5m|15m|1h|1d`; auto gives some 60 to 300 steps. Throws BadParameter for what is
/// none of them, and for more than kMostSteps.
inline constexpr std::int64_t kMostSteps = 800;
Step step_of(const Parameters& parameters, const Span& span);

/// When the steps of the span begin, unix seconds: those of minutes and hours by the clock, those
/// of days as the store's days do, with the hour in which midnight falls.
std::vector<std::int64_t> times_of(const Span& span, const Step& step, const base::TimeZone& zone);

/// What the steps of the span are exact for where only whole ones are kept: all of the first, of
/// the last what there is by `now`.
Span whole_steps(const Span& span, const Step& step, base::Second now);

}  // namespace quotafuse::daemon::api
