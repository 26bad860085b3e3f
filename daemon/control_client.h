#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/failure.h"

namespace quotafuse::daemon {

/// Somebody is there, but does not answer: whether the request arrived, nobody knows. For whoever
/// types a command it is as good as not there (unavailable).
class NoReply : public base::Failure {
public:
    explicit NoReply(const std::string& what) : Failure(base::ExitCode::unavailable, what) {}
};

/// Sends one request to the daemon behind the control socket at `path` and gives its line of JSON,
/// without the line break. nullopt: no daemon is there. Throws NoReply when somebody is
/// there but does not answer within `timeout`, Failure (unavailable) when this user may not ask.
std::optional<std::string> ask_daemon(const std::string& path, const std::string& request_json,
                                      base::Milliseconds timeout);

}  // namespace quotafuse::daemon
