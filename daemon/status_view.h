#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quotafuse::daemon {

/// A sentence of Readiness for programs.
struct ReadinessCode {
    std::string code;                               // "source_locked", "store_damaged", …
    std::optional<std::chrono::seconds> seconds{};  // how far behind, or how long ago
    std::string detail{};                           // what others say, as they said it
};

struct Readiness {
    bool ready = false;
    std::vector<std::string> reasons;  // sentences for people; empty when ready
    std::vector<std::string> notes{};  // what they should know of, ready or not
    /// Of the reasons, then of the notes, in their order. Empty where nobody has published yet.
    std::vector<ReadinessCode> codes{};

    /// A reason; before the first note only.
    void add(std::string reason, ReadinessCode code) {
        reasons.push_back(std::move(reason));
        codes.push_back(std::move(code));
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
