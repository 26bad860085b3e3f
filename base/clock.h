#pragma once

#include <chrono>

namespace quotafuse::base {

using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
/// Wall time. Whole seconds decide windows and rules; milliseconds only show how late something is.
using WallTime = std::chrono::sys_time<Milliseconds>;
using Second = std::chrono::sys_seconds;
using MonoTime = std::chrono::steady_clock::time_point;

/// Time is injected: windows go by wall time, waits and backoff by monotonic time.
/// A step of the host's clock therefore never shortens or lengthens a wait.
class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    virtual WallTime wall() const = 0;
    virtual MonoTime mono() const = 0;

    Second now() const { return std::chrono::floor<Seconds>(wall()); }
};

class SystemClock final : public Clock {
public:
    WallTime wall() const override {
        return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now());
    }
    MonoTime mono() const override { return std::chrono::steady_clock::now(); }
};

inline std::int64_t unix_seconds(Second t) {
    return t.time_since_epoch().count();
}
inline Second from_unix(std::int64_t seconds) {
    return Second{Seconds{seconds}};
}

}  // namespace quotafuse::base
