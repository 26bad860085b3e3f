#pragma once

#include <string>
#include <vector>

namespace quotafuse::daemon {

struct Readiness {
    bool ready = false;
    std::vector<std::string> reasons;  // sentences for people; empty when ready
    std::vector<std::string> notes{};  // what they should know of, ready or not
};

/// What the status endpoint and the control socket ask of the running daemon.
/// Implemented on a published snapshot: thread-safe, never waits for the pipeline, never touches a
/// database.
class StatusView {
public:
    virtual ~StatusView() = default;
    /// One JSON object; the fields are those that daemon/web/app.js reads. An absent field means
    /// unknown.
    virtual std::string status_json() const = 0;
    virtual Readiness readiness() const = 0;
    /// False when a loop of the daemon has stopped turning: a restart would help.
    virtual bool alive() const = 0;
};

}  // namespace quotafuse::daemon
