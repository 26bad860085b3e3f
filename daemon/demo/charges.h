#pragma once

#include <span>

#include "daemon/demo/rows.h"
#include "sync/gateway_session.h"

namespace quotafuse::demo {

/// Takes what these rows cost from their keys and owners, counts it as used of these and of the
/// channels, and gives refunds back, as New API does. In one transaction. Throws
/// sync::GatewayError.
void charge(sync::GatewaySession& session, std::span<const LogInsert> rows);

}  // namespace quotafuse::demo
