#pragma once

#include <vector>

#include "base/clock.h"
#include "circuit_breaker/audit.h"

namespace quotafuse::daemon {

/// Of each trip that failed before `until`, or of which nobody knows, one entry. `entries`, oldest
/// first, may go on after that: what was unknown at first and was found out is none of them,
/// however it ended. The entries must outlive what is returned.
std::vector<const circuit_breaker::Audit::Entry*> failed_trips(
    const std::vector<circuit_breaker::Audit::Entry>& entries, base::Second until);

}  // namespace quotafuse::daemon
