#pragma once

#include <functional>
#include <string>

#include "alerts/engine.h"
#include "daemon/api/inquiry.h"
#include "daemon/config.h"
#include "daemon/http_message.h"

namespace quotafuse::daemon {

/// /api/v1/rules: {"at", "rules": [{name, enabled, severity, metric, unit, by, window, below,
/// threshold, clear, min_requests, cooldown, hold (`for`), keep_firing (all three in seconds),
/// max_series, inhibited_by, breaker (mode or null), notify, state ("disabled", "error", "warming",
/// "firing", "pending" or "inactive"), warm_percent, value (the furthest of those that are over the
/// threshold; else the nearest to it; null where nothing is measured), series (so many are shown as
/// firing or pending), firing, blind (why it cannot be evaluated, or null)}]}. /api/v1/rules with
/// `name=` tells one, or none.
///
/// `status` is what StatusBoard publishes. `values` gives what values_json() says; where it throws
/// Failure, as the pipeline is busy, or is empty, rules within their limits have no value.
/// Thread-safe.
HttpReply answer_rules(const Config& config, const std::string& status, const HttpRequest& request,
                       const std::function<std::string()>& values = {});

/// {rule: value} of Engine::nearest(), so many series that the pipeline spends some milliseconds on
/// it. The thread of the engine only.
std::string values_json(const alerts::Engine& engine);

/// An entry of `rules`.
api::Json rule_json(const alerts::Rule& rule, const Config& config, const api::Json& status);

}  // namespace quotafuse::daemon
