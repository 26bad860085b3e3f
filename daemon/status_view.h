#pragma once

#include <string>
#include <utility>
#include <vector>

namespace quotafuse::daemon {

struct Readiness {
    bool ready = false;
    std::vector<std::string> reasons;  // sentences for people; empty when ready
    std::vector<std::string> codes{};  // of the reasons: "stale", …, for programs and translations
    std::vector<std::string> notes{};  // what they should know of, ready or not

    void add_reason(std::string code, std::string sentence) {
        codes.push_back(std::move(code));
        reasons.push_back(std::move(sentence));
    }
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
