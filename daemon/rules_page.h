#pragma once

#include <string>

#include "daemon/api/inquiry.h"
#include "daemon/config.h"
#include "daemon/http_message.h"

namespace quotafuse::daemon {

/// /api/v1/rules: {"at", "rules": [{name, enabled, severity, metric, unit, by, window, below,
/// threshold, clear, min_requests, cooldown, breaker (mode or null), notify, state ("disabled",
/// "error", "warming", "firing", "pending" or "inactive"), warm_percent, value (the furthest of
/// those that are over the threshold, else null), series (so many are shown as firing or pending),
/// firing, blind (why it cannot be evaluated, or null)}]}. /api/v1/rules with `name=` tells one, or
/// none.
///
/// `status` is what StatusBoard publishes. Thread-safe.
HttpReply answer_rules(const Config& config, const std::string& status, const HttpRequest& request);

/// An entry of `rules`.
api::Json rule_json(const alerts::Rule& rule, const Config& config, const api::Json& status);

}  // namespace quotafuse::daemon
