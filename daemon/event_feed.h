#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace quotafuse::daemon {

/// What changes so that an open page has to ask anew.
struct StatusEvent {
    std::int64_t rows = 0;     // mirrored
    std::size_t firing = 0;    // alerts, built-in ones included
    std::size_t open = 0;      // circuits
    std::int64_t pending = 0;  // letters that wait in the outbox

    bool operator==(const StatusEvent&) const = default;
};

/// Decides what pages are told: changes, at most one a second. Not thread-safe.
class EventFeed {
public:
    explicit EventFeed(const base::Clock& clock) : clock_(clock) {}

    /// One line of JSON, {"at","rows","firing","open","pending"}, where it differs from what was
    /// told last and that was a second ago. Else nothing: a later call tells it.
    std::optional<std::string> next(const StatusEvent& event);

private:
    const base::Clock& clock_;
    std::optional<StatusEvent> told_;
    base::MonoTime told_at_{};
};

}  // namespace quotafuse::daemon
