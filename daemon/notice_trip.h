#pragma once

#include <optional>
#include <string>

#include "alerts/notice.h"
#include "alerts/rule.h"
#include "base/clock.h"
#include "base/recovery.h"
#include "base/time_zone.h"
#include "circuit_breaker/action.h"
#include "sync/directory.h"

namespace quotafuse::daemon {

// What an alert asks of the breaker, in the breaker's words.

circuit_breaker::Target target_of(const alerts::Action& action);
/// Of the channel or key; empty where it is not known.
std::string name_of(const circuit_breaker::Target& target, const sync::Directory& directory);
/// The same as the alert names it.
std::string name_of(const circuit_breaker::Target& target, const alerts::Notice& notice);
/// What becomes of a request that is refused before the gateway is asked.
circuit_breaker::TripResult refusal_of(const circuit_breaker::TripRequest& request,
                                       circuit_breaker::TripCause cause,
                                       const sync::Directory& directory);
/// When it may come back by itself; 0 where it does not.
base::Second back_at(const base::Recovery& recover, const base::TimeZone& zone, base::Second now);
/// The key that makes most of what a notice of this rule tells, if one makes 80 % of it: the one
/// that the rule is about, or by what explains the alert. Of ratios and the like there is none.
/// `rule` may be null.
std::optional<circuit_breaker::LeadingKey> leading_key(const alerts::Notice& notice,
                                                       const alerts::Rule* rule);

}  // namespace quotafuse::daemon
