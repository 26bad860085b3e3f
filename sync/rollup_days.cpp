#include "sync/rollup_days.h"

#include <chrono>

#include "sync/rollup_cells.h"

namespace quotafuse::sync {

std::int64_t RollupDays::day_of(std::int64_t hour) {
    const auto [found, is_new] = days_.try_emplace(hour);
    if (!is_new) return found->second;
    const auto local = zone_.local(base::from_unix((hour + 1) * kSecondsOfHour - 1));
    const std::chrono::sys_days date{std::chrono::year{local.year} /
                                     std::chrono::month{local.month} / std::chrono::day{local.day}};
    return found->second = date.time_since_epoch().count();
}

std::int64_t RollupDays::day_start(std::int64_t hour) {
    return start_of(day_of(hour));
}

std::int64_t RollupDays::first_hour_of_day(std::int64_t hour) {
    const auto start = day_start(hour);
    return start == hour ? start : start_of(day_of(hour) + 1);
}

std::int64_t RollupDays::start_of(std::int64_t day) {
    const auto [found, is_new] = starts_.try_emplace(day);
    if (!is_new) return found->second;
    // No zone is further from UTC than 15 hours: what is left is a few steps.
    auto hour = day * 24 - 16;
    while (day_of(hour) < day) ++hour;
    return found->second = hour;
}

}  // namespace quotafuse::sync
