#include "daemon/report_times.h"

#include <cstdint>

namespace quotafuse::daemon {
namespace {

using base::Second;
using base::TimeZone;

/// Days since 1970-01-01 of the local date.
std::int64_t day_number(const TimeZone& zone, Second t) {
    const auto local = zone.local(t);
    const std::chrono::sys_days date{std::chrono::year{local.year} /
                                     std::chrono::month{local.month} / std::chrono::day{local.day}};
    return date.time_since_epoch().count();
}

/// The days from `first` to before `end`, counted from the local day of t.
sync::LocalDays days_of(const TimeZone& zone, Second t, int first, int end) {
    const auto today = day_number(zone, t);
    return {today + first, today + end, zone.at(t, first, base::Seconds{0}),
            zone.at(t, end, base::Seconds{0})};
}

bool is_day(const notifiers::ReportPlan& plan, const TimeZone& zone, Second at) {
    return !plan.weekly || zone.local(at).weekday + 1 == plan.day.iso_encoding();
}

}  // namespace

DueReport last_due(const notifiers::ReportPlan& plan, const TimeZone& zone, Second now) {
    int day = 0;
    const auto at = [&] { return zone.at(now, day, plan.at); };
    while (at() > now || !is_day(plan, zone, at())) --day;
    DueReport due;
    due.at = at();
    due.date = zone.format(due.at).substr(0, 10);
    const int length = plan.weekly ? 7 : 1;
    due.period = days_of(zone, due.at, -length, 0);
    due.before = days_of(zone, due.at, -2 * length, -length);
    return due;
}

}  // namespace quotafuse::daemon
