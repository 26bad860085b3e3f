#pragma once

#include <chrono>
#include <string>

#include "sync/dsn.h"
#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// What the connector said, and what it was doing.
struct MysqlFailure {
    int code = 0;  // of the server or of the client library
    std::string text;
    bool connecting = false;
    /// No answer came for as long as a read may take.
    bool timed_out = false;
    /// interrupt() was called meanwhile.
    bool interrupted = false;
};

/// The failure in terms that a loop and a person can act upon: what failed, where, what to do. The
/// connector itself tells neither a silent server from a cut connection nor a lock from a slow one.
GatewayError explain(const MysqlFailure& failure, const Dsn& dsn, const SessionOptions& options);

}  // namespace quotafuse::sync
