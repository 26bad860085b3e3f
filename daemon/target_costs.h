#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "circuit_breaker/target.h"
#include "sync/history.h"

namespace quotafuse::daemon {

/// What the rows of a target cost with after < created_at ≤ until: charged − given back, without
/// the gateway's own tests of channels, which a trip does not end.
struct CostSpan {
    circuit_breaker::Target target;
    base::Second after{};
    base::Second until{};
    std::optional<std::size_t> total{};  // the sum that it belongs to, by its number
    std::int64_t quota = 0;
};

/// Fills in `quota` of all in one pass over the stored rows of their times. Returns `totals` sums:
/// of the rows that are in any span of the sum, each row once. Throws SQLite::Exception.
std::vector<std::int64_t> sum_costs(sync::History& history, std::vector<CostSpan>& spans,
                                    std::size_t totals);

}  // namespace quotafuse::daemon
