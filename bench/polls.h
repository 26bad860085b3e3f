#pragma once

#include "bench/budgets.h"
#include "bench/gateway.h"

namespace quotafuse::bench {

/// P8: what idle polls, new rows beside open gaps, and the look at the gateway's objects cost the
/// server, by its own counters, printed beside the budget. `gateway` has rows; nobody else uses the
/// server.
void measure_polls(Gateway& gateway, Budgets& budgets);

}  // namespace quotafuse::bench
