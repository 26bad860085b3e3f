#include "daemon/failed_trips.h"

#include <set>
#include <string>

namespace quotafuse::daemon {

std::vector<const circuit_breaker::Audit::Entry*> failed_trips(
    const std::vector<circuit_breaker::Audit::Entry>& entries, base::Second until) {
    std::set<std::string> known;  // how they ended, or that they are counted
    for (const auto& entry : entries) {
        if (circuit_breaker::is_trip_end(entry.step) && entry.step != "failed")
            known.insert(entry.trip_id);
    }
    std::vector<const circuit_breaker::Audit::Entry*> failed;
    for (const auto& entry : entries) {
        if (entry.at >= until) break;
        if (entry.step != "failed" && entry.step != "unknown") continue;
        if (known.insert(entry.trip_id).second) failed.push_back(&entry);
    }
    return failed;
}

}  // namespace quotafuse::daemon
