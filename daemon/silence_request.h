#pragma once

#include <string>
#include <vector>

#include "alerts/silence.h"
#include "base/clock.h"
#include "base/time_zone.h"

namespace quotafuse::daemon {

/// What a person asks for, as typed.
struct SilenceRequest {
    std::string rule;   // name or glob
    std::string match;  // "channel=3,model=gpt-4*"; a dimension twice: either value
    std::string lasts;  // "2h"; this or …
    std::string until;  // … "2026-11-22 08:00", local time
    std::string reason;
    bool no_action = false;
};

inline constexpr base::Seconds kLongestSilence{366 * 86400};

/// The silence from `from` on. Throws Failure (usage) that says what is wrong and what is allowed.
alerts::Silence parse_silence(const SilenceRequest& request, base::Second from, base::Second now,
                              const base::TimeZone& zone);

/// "channel=3,model=gpt-4*", as parse_silence reads it back.
std::string match_text(const alerts::Where& where);

/// Why the silence will not do what it seems to: it is about no rule, or asks for what the key of a
/// rule does not have. One sentence each.
std::vector<std::string> doubts(const alerts::Silence& silence,
                                const std::vector<alerts::Rule>& rules);

}  // namespace quotafuse::daemon
