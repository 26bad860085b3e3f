#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/backoff.h"
#include "base/clock.h"
#include "notifiers/outcome.h"
#include "notifiers/settings.h"

namespace quotafuse::notifiers {

/// How fast a service takes messages from one robot, a little under what it documents.
struct Pace {
    std::string robot;  // a hash of its secret: notifiers with one robot share its limits
    std::chrono::milliseconds spacing{0};
    std::size_t most_per_minute = 0;  // 0 = no bound
};

Pace pace_of(const Settings& settings);

/// Decides when a notifier may send, by monotonic time. Not thread-safe: the pipeline asks and
/// tells. After failures a notifier waits 1 s … 10 min with full jitter; what a service itself asks
/// for (at most 1 h of it) holds for its robot, whoever uses it. Windows start half full, so that a
/// program that crashes and starts again and again does not exceed them.
class Pacing {
public:
    /// `clock` must outlive this.
    Pacing(const base::Clock& clock, std::uint64_t seed) : clock_(clock), seed_(seed) {}

    void add(const std::string& notifier, const Pace& pace);

    /// The instant from which it may send; at most about an hour away.
    base::MonoTime ready_at(const std::string& notifier) const;
    bool ready(const std::string& notifier) const { return ready_at(notifier) <= clock_.mono(); }

    /// A send starts now. Failed ones count as well.
    void begin(const std::string& notifier);
    void note(const std::string& notifier, const Outcome& outcome);

private:
    struct Robot {
        Pace pace;
        std::deque<base::MonoTime> sent;  // the last most_per_minute of them
        std::optional<base::MonoTime> last;
        base::MonoTime closed_until{};
    };
    struct Notifier {
        Robot* robot;
        base::Backoff backoff;
        base::MonoTime retry_at{};
    };

    const base::Clock& clock_;
    std::uint64_t seed_;
    std::map<std::string, Robot> robots_;  // their addresses are stable
    std::map<std::string, Notifier> notifiers_;
};

}  // namespace quotafuse::notifiers
