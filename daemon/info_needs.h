#pragma once

#include <vector>

#include "alerts/rule.h"
#include "sync/gateway_info.h"

namespace quotafuse::daemon {

/// What of the gateway's objects these rules look at: more is neither read nor granted.
sync::InfoNeeds needs_of(const std::vector<alerts::Rule>& rules);

}  // namespace quotafuse::daemon
