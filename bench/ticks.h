#pragma once

#include <cstddef>
#include <string>

#include "bench/budgets.h"

namespace quotafuse::bench {

struct TickOptions {
    std::size_t rows = 10'000'000;  // in the store before the first tick, over 30 d
    int ticks = 300;                // that are measured
    std::string store;              // file that is kept and used again; empty: a temporary one
};

/// P3, P4 at P3 and P5: what a tick of the engine costs on a store of its own, from the append of
/// 200 new rows to the commit of what came of them, what memory it needs, and how long a restart
/// takes. Prints what it finds.
void measure_ticks(const TickOptions& options, Budgets& budgets);

}  // namespace quotafuse::bench
