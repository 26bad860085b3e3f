#pragma once

#include "circuit_breaker/circuit.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// Disables the abilities of a channel that is off by our hand, where some are enabled: the second
/// statement of a gateway that was writing at the moment of the trip came after it. With the
/// gateway's cache off it would go on serving. False, and nothing written, when the channel is not
/// ours any more. Throws GatewayError.
bool mend(sync::GatewaySession& session, const Circuit& circuit);

/// The same after a return: a gateway that disables the abilities first (One API, New API of 2025)
/// began before it and set the status after it, so that what we enabled is on in `abilities` alone.
/// Waits for who waited for our locks. False, and nothing written, when there is no such half.
/// Throws GatewayError.
bool mend_after_return(sync::GatewaySession& session, const Circuit& circuit);

}  // namespace quotafuse::circuit_breaker
