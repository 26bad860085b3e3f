#include "alerts/active_hours.h"

#include <algorithm>

namespace quotafuse::alerts {
namespace {

constexpr std::chrono::hours kDay{24};
constexpr ActiveHours::Range kWholeDay{std::chrono::seconds{0}, kDay};

/// Whether t lies in the range that starts on the local day `day` days after that of t.
bool within(base::Second t, int day, const ActiveHours::Range& range, const base::TimeZone& zone) {
    const auto last_day = range.to > range.from ? day : day + 1;
    return zone.at(t, day, range.from) <= t && t < zone.at(t, last_day, range.to);
}

}  // namespace

bool active(base::Second t, const ActiveHours& hours, const base::TimeZone& zone) {
    const auto weekday = zone.local(t).weekday;
    const bool today = hours.days[weekday];
    const bool yesterday = hours.days[(weekday + 6) % 7];
    // Only a range that started today or yesterday can reach t.
    const auto reaches = [&](const ActiveHours::Range& range) {
        return (today && within(t, 0, range, zone)) || (yesterday && within(t, -1, range, zone));
    };
    if (hours.ranges.empty()) return reaches(kWholeDay);
    return std::any_of(hours.ranges.begin(), hours.ranges.end(), reaches);
}

}  // namespace quotafuse::alerts
