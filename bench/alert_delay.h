#pragma once

#include "bench/budgets.h"
#include "bench/gateway.h"

namespace quotafuse::bench {

/// P2: from the commit of a row at the gateway to the bytes of its alert at an idle chat service,
/// while 2,000 rows a second arrive. Prints; takes about two seconds a sample.
void measure_alert_delay(Gateway& gateway, int samples, Budgets& budgets);

}  // namespace quotafuse::bench
