#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace quotafuse::daemon {

/// How fast the daemon reads a backlog, so that the gateway does not feel it: never more rows a
/// second than asked for, half of it when a batch takes twice its usual time (the gateway has other
/// work to do), and then slowly more again. Without a clock of its own: what it is told is all.
class CatchUpPace {
public:
    /// `most` is in rows a second, ≥ 1.
    explicit CatchUpPace(double most) : most_(most), rate_(most) {}

    /// A full batch of `rows` took `took` to read. Returns how long after its beginning the next
    /// one may begin.
    base::Milliseconds after(std::size_t rows, base::Milliseconds took);

    /// Rows a second, as of now.
    double rate() const { return rate_; }

private:
    double most_;
    double rate_;
    std::optional<double> usual_;  // milliseconds a row, of the batches so far
};

}  // namespace quotafuse::daemon
