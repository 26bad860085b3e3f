#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// Switches a target off in the gateway's database, or says why not. Never throws GatewayError.
///
/// Live mode is one transaction, compare-and-set on what was read:
/// - a channel: lock the abilities of every group × model that it serves, judge, set
///   `channels.status` and other_info (reason and mark), clear `abilities.enabled`. Both tables,
///   because New API routes by the first with its cache on and by the second with it off;
/// - a model: the same judgement for this model's groups; take it out of `channels.models` and
///   clear its `abilities.enabled`, for the same reason. No mark: the audit decides whose it is;
/// - a key: `tokens.status` 1 → 2 of a key that is not deleted. No mark either.
/// The last-channel guard is asked again after the commit (a person may have disabled the other
/// channel in between) and the trip undone where nothing is left. Abilities that the gateway
/// enabled meanwhile (the second half of an edit begun before) are disabled again; where somebody
/// changed the target itself since, theirs stands: lost_race. Any other mode only reads, without
/// locks.
///
/// A channel's status is 3 (automatic), or 2 on New API where AutomaticEnableChannelEnabled is true
/// or cannot be read: the gateway's own test would bring 3 back. `database` is the gateway's, for
/// that option.
TripResult trip(sync::GatewaySession& session, const std::string& database,
                const TripRequest& request, const Guard& guard, base::Second now);

/// The result of a request that was carried out before, told by its mark (or, without one, by what
/// a resumed request finds); empty when it was not. Only reads. Throws GatewayError.
std::optional<TripResult> find_trip(sync::GatewaySession& session, const TripRequest& request);

}  // namespace quotafuse::circuit_breaker
