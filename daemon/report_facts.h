#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alerts/episode_counts.h"
#include "alerts/names.h"
#include "base/database.h"
#include "circuit_breaker/audit.h"
#include "daemon/report_times.h"
#include "sync/rollup_reader.h"

namespace quotafuse::daemon {

/// What a report tells of its period. Money is in US dollars.
struct ReportFacts {
    struct Object {
        std::string name;
        double dollars = 0;
        sync::Traffic now;
        std::optional<sync::Traffic> before;
    };
    /// What the breaker disabled, or would have.
    struct Trip {
        base::Second at{};
        circuit_breaker::Target target;
        std::string name;  // of its channel or key: "3 (azure-eu)", "k1 (alice)"
        bool live = false;
        /// A person enabled it soon after at the gateway: the trip was false, as far as anybody can
        /// tell.
        bool taken_back = false;
        bool earlier = false;  // before the period, at whose beginning it was off
        /// Of a live one: what it would have cost at its pace for as long as it was off in the
        /// period. Of a channel else what it went on to cost in whole hours until the end.
        std::optional<double> dollars;
    };
    double dollars = 0;
    sync::Traffic now;
    std::optional<sync::Traffic> before;  // empty where rows do not reach back so far
    std::vector<Object> channels;         // the largest
    std::vector<Object> models;
    std::vector<Object> keys;
    std::vector<alerts::RuleEpisodes> alerts;
    /// In order, but those of before the period last; in shadow mode the first of each target.
    std::vector<Trip> trips;
    std::int64_t more_trips = 0;  // that had no room in `trips`
    bool counted_all = true;      // of the breaker; else only the newest of a great many
    bool errors_known = true;     // the gateway logs failed requests
    std::int64_t refused = 0;     // trips that a guard held back
    std::int64_t failed = 0;      // that the gateway refused, or of which nobody knows
};

/// Where the facts of reports come from.
struct ReportSources {
    base::Database& database;
    circuit_breaker::Audit& audit;
    const alerts::Names& names;
    std::optional<sync::Gateway> gateway{};  // empty: not told yet
};
/// Throws SQLite::Exception.
ReportFacts read_report_facts(const ReportSources& sources, const DueReport& due);

}  // namespace quotafuse::daemon
