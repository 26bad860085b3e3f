#pragma once

#include <atomic>

#include "base/clock.h"

namespace quotafuse::tests {

/// A clock that moves only when told. advance() moves both readings, step_wall() only the wall: an
/// NTP step. advance_mono() only the other.
class FakeClock final : public base::Clock {
public:
    explicit FakeClock(std::int64_t unix_seconds) : wall_ms_(unix_seconds * 1000) {}
    base::WallTime wall() const override { return base::WallTime{base::Milliseconds{wall_ms_}}; }
    base::MonoTime mono() const override { return base::MonoTime{base::Milliseconds{mono_ms_}}; }
    void advance(base::Milliseconds by) {
        wall_ms_ += by.count();
        mono_ms_ += by.count();
    }
    void advance_mono(base::Milliseconds by) { mono_ms_ += by.count(); }
    void step_wall(base::Milliseconds by) { wall_ms_ += by.count(); }

private:
    std::atomic<std::int64_t> wall_ms_;
    std::atomic<std::int64_t> mono_ms_{0};
};

}  // namespace quotafuse::tests
