#pragma once

#include <string>

#include "base/clock.h"
#include "base/time_zone.h"

namespace quotafuse::daemon {

/// What --since says: how long before `now` ("30d", "12h"), or a local time. Throws Failure (usage)
/// for anything else.
base::Second parse_since(const std::string& text, base::Second now, const base::TimeZone& zone);
/// What --until says: a local time, `now` where it is later or the text is empty. Throws Failure
/// (usage).
base::Second parse_until(const std::string& text, base::Second now, const base::TimeZone& zone);

}  // namespace quotafuse::daemon
