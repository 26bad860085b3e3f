#pragma once

#include <cstddef>
#include <cstdint>
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
    std::vector<std::size_t> totals{};  // the sums that it belongs to, by their numbers
};

/// One pass over the stored rows of the spans' times. Returns `totals` sums: of the rows that are
/// in any span of the sum, each row once. Throws SQLite::Exception.
std::vector<std::int64_t> sum_costs(sync::History& history, const std::vector<CostSpan>& spans,
                                    std::size_t totals);

}  // namespace quotafuse::daemon
