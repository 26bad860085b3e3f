#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace quotafuse::base {

/// Waits after failures: a random time up to first · 2^n, n = failures so far, never above `most`
/// (full jitter, so that many clients do not come back together). Randomness is injected.
class Backoff {
public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most, std::uint64_t seed)
        : first_(first), most_(most), random_(seed) {}

    /// At least 1/10 of the bound: a wait of nothing would be a busy loop.
    std::chrono::milliseconds next() {
        const auto doublings = std::min(failures_++, 30U);
        const auto bound = std::min<std::int64_t>(most_.count(), first_.count() << doublings);
        return std::chrono::milliseconds{
            std::uniform_int_distribution<std::int64_t>{bound / 10, bound}(random_)};
    }
    void reset() { failures_ = 0; }

private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds most_;
    unsigned failures_ = 0;
    std::mt19937_64 random_;
};

}  // namespace quotafuse::base
