#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "daemon/signals.h"

namespace quotafuse::daemon {

/// For commands that work for a while: SIGINT, SIGTERM and SIGHUP as a stop token, so that Ctrl-C
/// ends cleanly what they do. To be made before other threads.
class SignalWatch {
public:
    SignalWatch();

    std::stop_token token() const { return source_.get_token(); }
    bool stopped() const { return source_.stop_requested(); }
    /// After a signal: ends the process as the signal would have, so that shells and scripts know.
    /// Call it when everything is closed.
    void die_if_stopped();

private:
    Signals signals_;
    std::stop_source source_;
    std::atomic<int> signal_ = 0;
    std::jthread thread_;
};

}  // namespace quotafuse::daemon
