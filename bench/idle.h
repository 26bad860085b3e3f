#pragma once

#include "bench/budgets.h"
#include "bench/gateway.h"

namespace quotafuse::bench {

/// P10 and the idle part of P4: what `quotafuse run` with 100 rules costs while nothing happens.
/// Prints.
void measure_idle(const Gateway& gateway, std::chrono::seconds length, Budgets& budgets);

}  // namespace quotafuse::bench
