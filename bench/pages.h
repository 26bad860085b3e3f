#pragma once

#include <cstddef>
#include <string>

#include "bench/budgets.h"

namespace quotafuse::bench {

struct PageOptions {
    std::size_t rows = 10'000'000;  // in the store, over 30 d
    int clients = 50;               // with one request a second each
    int seconds = 10;               // of each page; of each turn beside ticks
    std::string store;              // file that is kept and used again; empty: a temporary one
};

/// P7: what pages of a month take while many clients ask for them, each by itself; and what one
/// takes that nobody has asked for before.
void measure_pages(const PageOptions& options, Budgets& budgets);

/// P7 beside the daemon's own work: 2,000 rows a second arrive, 100 rules look at them, and the
/// clients ask for any page. In turns with and without clients, whose effect on a tick's CPU is
/// told.
void measure_busy_pages(const PageOptions& options, Budgets& budgets);

}  // namespace quotafuse::bench
