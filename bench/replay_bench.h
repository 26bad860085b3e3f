#pragma once

#include <cstddef>
#include <string>

#include "bench/budgets.h"

namespace quotafuse::bench {

struct ReplayOptions {
    std::size_t rows = 10'000'000;  // over 30 d
    std::string store;              // file that is kept and used again; empty: a temporary one
};

/// P9: a replay of 30 days with 100 rules on 20 distinct windows up to 7 d: how long it takes, and
/// the most memory that it needs. Prints what it finds.
void measure_replay(const ReplayOptions& options, Budgets& budgets);

}  // namespace quotafuse::bench
