#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/time_zone.h"

namespace quotafuse::sync {

/// The days of rollups: those of a time zone, counted from 1970-01-01 there; the hour in which a
/// midnight falls is the first one of the day that begins there. Remembers what it was asked: a
/// zone is slow to answer. One thread.
class RollupDays {
public:
    explicit RollupDays(base::TimeZone zone) : zone_(std::move(zone)) {}

    std::int64_t day_of(std::int64_t hour);
    /// The first hour of the day of that hour.
    std::int64_t day_start(std::int64_t hour);
    /// The same, or the first hour of the next day where that hour is not the first.
    std::int64_t first_hour_of_day(std::int64_t hour);
    /// The first hour of a day.
    std::int64_t start_of(std::int64_t day);

private:
    base::TimeZone zone_;
    std::unordered_map<std::int64_t, std::int64_t> days_;    // by hour
    std::unordered_map<std::int64_t, std::int64_t> starts_;  // by day
};

}  // namespace quotafuse::sync
