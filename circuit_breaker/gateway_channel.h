#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// Disables a channel in the gateway's database, or says why not. Never throws GatewayError.
///
/// Live mode is one transaction: lock the abilities of every group × model that the channel serves,
/// judge, set `channels.status` where status and other_info are still what was read, clear
/// `abilities.enabled`. Both tables, because New API routes by the first with its cache on and by
/// the second with it off. The last-channel guard is asked again after the commit (a person may
/// have disabled the other channel in between) and the trip undone where nothing is left. Any other
/// mode only reads, without locks.
///
/// The status is 3 (automatic), or 2 on New API where AutomaticEnableChannelEnabled is true or
/// cannot be read: the gateway's own test would bring 3 back. `database` is the gateway's, for that
/// option.
TripResult trip_channel(sync::GatewaySession& session, const std::string& database,
                        const TripRequest& request, const Guard& guard, base::Second now);

/// The result of a request that was carried out before, told by its mark; empty when it was not.
/// Only reads. Throws GatewayError.
std::optional<TripResult> find_trip(sync::GatewaySession& session, const TripRequest& request);

}  // namespace quotafuse::circuit_breaker
