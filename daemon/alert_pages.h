#pragma once

#include <functional>
#include <string>

#include "alerts/engine.h"
#include "daemon/alert_causes.h"
#include "daemon/api/inquiry.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

// What /api/v1/… of these names answers; the fields are those of openapi.json. `status` is what
// StatusBoard publishes. Thread-safe but for what is said.

/// /api/v1/alerts: what fires or is pending, with what explains it and what the breaker made of it.
api::Json alerts_page(const api::Inquiry& inquiry, const std::string& status, AlertCauses& causes);

/// /api/v1/silences: those that have not ended.
HttpReply answer_silences(const std::string& status, const HttpRequest& request);

/// /api/v1/rules/NAME: the rule, its series with their values, and its last evaluations; 404 for
/// one that there is not. `ask` gives what standing_json() says, and may throw Failure.
HttpReply answer_rule(const Config& config, const std::string& status,
                      const std::function<std::string(const std::string& rule)>& ask,
                      const HttpRequest& request);
inline constexpr std::string_view kRulePath = "/api/v1/rules/";

/// {"at", "series": [{labels, state, value, now, base, requests, since, told, silenced,
/// inhibited}], "more", "too_many", "evaluations"}: of a rule that there is. The thread of the
/// engine only.
std::string standing_json(const alerts::Engine& engine, const std::string& rule);

}  // namespace quotafuse::daemon
