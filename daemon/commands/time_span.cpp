#include "daemon/commands/time_span.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/duration.h"
#include "base/failure.h"
#include "base/local_time.h"

namespace quotafuse::daemon {

base::Second parse_since(const std::string& text, base::Second now, const base::TimeZone& zone) {
    if (const auto ago = base::parse_duration(text)) return now - *ago;
    if (const auto time = base::parse_local_time(text, zone)) return *time;
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("--since: '{}' is neither a duration (30d, 12h) nor a local time (2026-10-01, "
                    "\"2026-10-01 08:00\")",
                    text));
}

base::Second parse_until(const std::string& text, base::Second now, const base::TimeZone& zone) {
    if (text.empty()) return now;
    if (const auto time = base::parse_local_time(text, zone)) return std::min(*time, now);
    throw base::Failure(base::ExitCode::usage,
                        fmt::format("--until: '{}' is no local time; write it as 2026-10-31 or "
                                    "\"2026-10-31 08:00\"",
                                    text));
}

}  // namespace quotafuse::daemon
