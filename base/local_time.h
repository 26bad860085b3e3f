#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/time_zone.h"

namespace quotafuse::base {

/// What people write for a time in the zone: "2026-10-01" (its first second), "2026-10-01 08:00" or
/// "2026-10-01 08:00:30", from 1970 on. Empty for anything else, a day that no calendar has and
/// 24:00 too. A time that exists twice is the first, one that does not exist the instant to which
/// the clock jumps.
std::optional<Second> parse_local_time(std::string_view text, const TimeZone& zone);

}  // namespace quotafuse::base
