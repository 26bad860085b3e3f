#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace quotafuse::daemon {

/// Sends one request to the daemon behind the control socket at `path` and gives its line of JSON,
/// without the line break. nullopt: no daemon is there. Throws Failure: io_error when somebody is
/// there but does not answer within `timeout`, unavailable when this user may not ask.
std::optional<std::string> ask_daemon(const std::string& path, const std::string& request_json,
                                      base::Milliseconds timeout);

}  // namespace quotafuse::daemon
