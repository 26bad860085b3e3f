#pragma once

#include <vector>

#include "alerts/rule.h"
#include "circuit_breaker/grants.h"
#include "sync/gateway_info.h"

namespace quotafuse::daemon {

/// What of the gateway's objects these rules look at: more is neither read nor granted.
sync::InfoNeeds needs_of(const std::vector<alerts::Rule>& rules);

/// What these rules ask of the accounts beside that. An action counts whatever its mode: who turns
/// it to live must not find a grant missing.
circuit_breaker::RuleGrants grants_of(const std::vector<alerts::Rule>& rules);

}  // namespace quotafuse::daemon
