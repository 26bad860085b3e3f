#pragma once

#include <string>

#include "notifiers/provider.h"

namespace quotafuse::notifiers {

/// What webhook and exec hand to programs: one JSON object, the same bytes in each attempt. Its
/// members stand in docs/notifiers.md; a new one may come at any time, and `version` counts the
/// changes that break readers:
///   version    1
///   event_id   the same in a repeat: what a receiver knows an event by
///   kind       firing | reminder | resolved | breaker | summary | digest | test
///   severity   info | warning | critical
///   raised_at  RFC 3339 in UTC; a retry does not change it
///   title      one line
///   text       the whole message without markup
///   link       URL of the status page, or null
///   alerts     what it is about, one object an alert; empty where it is about none
///   truncated  how many alerts had no room (256 KiB in all)
std::string event_json(const Mail& mail);

}  // namespace quotafuse::notifiers
