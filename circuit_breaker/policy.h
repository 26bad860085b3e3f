#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/pause.h"
#include "circuit_breaker/settings.h"

namespace quotafuse::circuit_breaker {

/// A trip of the last hour that was carried out, or would have been (shadow).
struct RecentTrip {
    Target target;
    Mode mode = Mode::shadow;
    base::Second at{};
    std::optional<LeadingKey> leading{};
    std::string rule{};  // whose alert asked, and its series; empty: a person
    std::string series{};
    bool ended = false;  // it was given back since, or somebody changed it
};

/// From this share on (percent) the key is to blame, and not the channels that it runs through.
inline constexpr int kKeyToBlame = 80;

/// What the settings judge a request by.
struct Situation {
    Counts counts;  // before the intent of the request
    std::vector<RecentTrip> recent;
    /// What is off by our hand: a person's order (rule empty) against it is refused as held.
    std::vector<Circuit> circuits;
    std::optional<Pause> pause;
    /// Seconds between now and the newest second that was read; empty where nothing was.
    std::optional<std::int64_t> rows_age;
    /// The key that a token target belongs to, for protect.users; 0 unknown.
    std::int64_t owner = 0;
};

/// Why what we know ourselves forbids the trip, in shadow mode as well (but for a pause, which
/// holds writes only); empty when it allows it. A trip that a person asks for (rule empty) is not
/// held by same_key and the age of rows. Shadow trips use up nothing of what a live one may; for a
/// shadow one both count, for it shows what would happen.
std::optional<TripCause> guard_policy(const Settings& settings, const Situation& situation,
                                      const TripRequest& request);

/// Channels tripped (or, for a shadow request, that would have been) within `settle`, but for the
/// request's own: see Guard::settling. In order, each once. One that ended since is none, and keys
/// settle nothing.
std::vector<std::int64_t> settling(const Settings& settings, const std::vector<RecentTrip>& recent,
                                   const TripRequest& request, base::Second now);

}  // namespace quotafuse::circuit_breaker
