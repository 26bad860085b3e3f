#pragma once

#include <string>

#include "base/clock.h"
#include "base/time_zone.h"
#include "notifiers/settings.h"
#include "sync/rollup_reader.h"

namespace quotafuse::daemon {

/// One report: when it is due, and which whole days it is about.
struct DueReport {
    base::Second at{};
    std::string date;        // local, of `at`: "2026-11-22"
    sync::LocalDays period;  // the day, or the seven days, before that date
    sync::LocalDays before;  // as many days before those
};

/// The last one that was due at `now`. By the calendar of the zone: days of 23 and 25 hours count
/// as days, and a time of day that does not exist is when the clock jumps.
DueReport last_due(const notifiers::ReportPlan& plan, const base::TimeZone& zone, base::Second now);

}  // namespace quotafuse::daemon
