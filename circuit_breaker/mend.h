#pragma once

#include "circuit_breaker/circuit.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// Disables the abilities of a channel that is off by our hand, where some are enabled: the second
/// statement of a gateway that was writing at the moment of the trip came after it. With the
/// gateway's cache off it would go on serving. False, and nothing written, when the channel is not
/// ours any more. Throws GatewayError.
bool mend(sync::GatewaySession& session, const Circuit& circuit);

}  // namespace quotafuse::circuit_breaker
