#pragma once

#include <csignal>

#include "base/clock.h"

namespace quotafuse::daemon {

/// SIGTERM, SIGINT and SIGHUP as values instead of interrupts: blocked in every thread that starts
/// after it.
class Signals {
public:
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// The next signal, or 0 after `most`.
    int wait(base::Milliseconds most) const;
    /// Gives the signals their usual effect again.
    void release();

private:
    sigset_t set_{};
    sigset_t former_{};
};

}  // namespace quotafuse::daemon
