#pragma once

#include <string>

#include "base/clock.h"

namespace quotafuse::daemon {

/// What systemd wants to hear (sd_notify(3)). Silent when nobody listens.
class ServiceManager {
public:
    ServiceManager();
    void ready() const;
    void reloading() const;
    void stopping() const;
    /// One line for people in `systemctl status`.
    void status(const std::string& line) const;
    /// Only to be called while the daemon really turns: a ping from a free-running loop proves
    /// nothing.
    void alive() const;
    /// How often alive() is wanted; zero when there is no watchdog.
    base::Milliseconds watchdog_interval() const { return watchdog_; }

private:
    base::Milliseconds watchdog_{0};
};

}  // namespace quotafuse::daemon
