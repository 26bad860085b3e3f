#include "daemon/service_manager.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

namespace quotafuse::daemon {

ServiceManager::ServiceManager() {
    std::uint64_t microseconds = 0;
    // Half of the limit, as sd_watchdog_enabled(3) advises.
    if (::sd_watchdog_enabled(0, &microseconds) > 0)
        watchdog_ = base::Milliseconds{microseconds / 2000};
}

// Return values are ignored on purpose: no service manager is a normal state.
void ServiceManager::ready() const {
    ::sd_notify(0, "READY=1");
}
void ServiceManager::stopping() const {
    ::sd_notify(0, "STOPPING=1");
}
void ServiceManager::alive() const {
    ::sd_notify(0, "WATCHDOG=1");
}
void ServiceManager::status(const std::string& line) const {
    ::sd_notify(0, ("STATUS=" + line).c_str());
}

void ServiceManager::reloading() const {
    struct timespec now {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                               now.tv_sec * 1'000'000LL + now.tv_nsec / 1000)
                       .c_str());
}

}  // namespace quotafuse::daemon
