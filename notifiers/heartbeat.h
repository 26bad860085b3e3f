#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "notifiers/heartbeat_settings.h"
#include "notifiers/http_client.h"

namespace quotafuse::notifiers {

/// Calls a URL while all is well, so that whoever listens there notices when quotafuse dies. A
/// thread of its own does the calling; it never decides on its own that all is well: without a
/// fresh alive(true) nothing is called.
class Heartbeat {
public:
    /// Told once when calls begin to fail, with the reason and without the URL's path, and once
    /// when they are heard again, with an empty reason. Comes from the heartbeat's thread.
    using Report = std::function<void(const std::string& failure)>;

    /// `clock` must outlive this. Throws std::runtime_error when libcurl cannot start.
    Heartbeat(HeartbeatSettings settings, const base::Clock& clock, Report report);
    /// Cuts a running call off and joins.
    ~Heartbeat();
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

    /// To be told again and again, more often than `every`, by whoever knows; from any thread,
    /// never waits for a call. The first true calls at once; after a call that failed the next one
    /// comes sooner than usual.
    void alive(bool well);

private:
    void run();
    std::string call();  // why it failed, empty when it was heard

    const HeartbeatSettings settings_;
    const base::Clock& clock_;
    const Report report_;
    HttpClient client_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable woken_;
    bool wanted_ = false;
    bool stopped_ = false;
    base::MonoTime next_{};
    std::thread thread_;  // the last, for it uses the others
};

}  // namespace quotafuse::notifiers
