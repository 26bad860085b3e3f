#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/backoff.h"
#include "base/clock.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

/// How fast a service takes messages from one robot, a little under what it documents.
struct Pace {
    std::string robot;  // robot_of() its secret: notifiers with one robot share its limits
    std::chrono::milliseconds spacing{0};
    std::size_t most_per_minute = 0;  // 0 = no bound
    /// Where several robots in that sense are one account, which is limited as a whole.
    std::string account = {};
    std::chrono::milliseconds account_spacing{0};
};

/// A name for who the service counts messages of, from which the secret cannot be read.
std::string robot_of(std::string_view secret);

/// Decides when a notifier may send, by monotonic time. Not thread-safe: the pipeline asks and
/// tells. After failures a notifier waits 1 s … 10 min with full jitter; what a service itself asks
/// for (at most 1 h of it) holds for its robot, whoever uses it. Windows start half full, and with
/// what is recalled, so that a program that crashes or is reloaded again and again does not exceed
/// them.
class Pacing {
public:
    /// `clock` must outlive this.
    Pacing(const base::Clock& clock, std::uint64_t seed) : clock_(clock), seed_(seed) {}

    void add(const std::string& notifier, const Pace& pace);

    /// The instant from which it may send; at most about an hour away.
    base::MonoTime ready_at(const std::string& notifier) const;
    bool ready(const std::string& notifier) const { return ready_at(notifier) <= clock_.mono(); }

    /// A send of an earlier run, so long ago. Before the first begin().
    void recall(const std::string& notifier, std::chrono::seconds ago);

    /// A send starts now. Failed ones count as well.
    void begin(const std::string& notifier);
    /// Further requests of that send (Outcome::requests) count from now on.
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
        Robot* account;  // or null
        base::Backoff backoff;
        base::MonoTime retry_at{};
    };

    Robot& robot_with(const Pace& pace);
    void count(Notifier& notifier);

    const base::Clock& clock_;
    std::uint64_t seed_;
    std::map<std::string, Robot> robots_;  // their addresses are stable
    std::map<std::string, Notifier> notifiers_;
};

}  // namespace quotafuse::notifiers
