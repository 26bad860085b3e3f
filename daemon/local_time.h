#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/time_zone.h"

namespace quotafuse::daemon {

/// What people type for a time in the zone: "2026-10-01" (its first second), "2026-10-01 08:00",
/// "2026-10-01 08:00:30". Empty for anything else.
std::optional<base::Second> parse_local_time(const std::string& text, const base::TimeZone& zone);

}  // namespace quotafuse::daemon
