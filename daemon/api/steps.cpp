#include "daemon/api/steps.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "sync/rollup_cells.h"
#include "sync/rollup_days.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kSteps{{
    {"1m", 60},
    {"5m", 300},
    {"15m", 900},
    {"1h", 3600},
    {"1d", 86'400},
}};

std::int64_t fitting(base::Seconds length) {
    const auto hours = (length.count() + 3599) / 3600;
    if (hours <= 2) return 60;
    if (hours <= 12) return 300;
    if (hours <= 48) return 900;
    if (hours <= 8 * 24) return 3600;
    return 86'400;
}

}  // namespace

Step step_of(const Parameters& parameters, const Span& span) {
    const auto name = parameters.choice("step", {"auto", "1m", "5m", "15m", "1h", "1d"});
    Step step{fitting(span.length())};
    for (const auto& [known, seconds] : kSteps)
        if (known == name) step.seconds = seconds;
    if (span.length().count() / step.seconds > kMostSteps) {
        throw BadParameter{
            fmt::format("that is more than {} steps: ask for longer steps", kMostSteps)};
    }
    return step;
}

std::vector<std::int64_t> times_of(const Span& span, const Step& step, const base::TimeZone& zone) {
    const auto from = base::unix_seconds(span.from);
    const auto until = base::unix_seconds(span.until);
    std::vector<std::int64_t> times;
    if (!step.is_day()) {
        for (auto t = from / step.seconds * step.seconds; t < until; t += step.seconds)
            times.push_back(t);
        return times;
    }
    sync::RollupDays days{zone};
    for (auto day = days.day_of(sync::hour_of(from));; ++day) {
        const auto begin = days.start_of(day) * sync::kSecondsOfHour;
        if (begin >= until) return times;
        times.push_back(begin);
    }
}

Span whole_steps(const Span& span, const Step& step, base::Second now) {
    const auto length = step.seconds;
    const auto from = base::unix_seconds(span.from) / length * length;
    const auto until = (base::unix_seconds(span.until) + length - 1) / length * length;
    const auto known = std::max(span.until, now + base::Seconds{1});
    return {base::from_unix(from), std::min(base::from_unix(until), known)};
}

}  // namespace quotafuse::daemon::api
