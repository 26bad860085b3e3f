#include <string>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "circuit_breaker/audit.h"
#include "circuit_breaker/audit_entries.h"
#include "circuit_breaker/stored_columns.h"
#include "circuit_breaker/stored_json.h"

namespace quotafuse::circuit_breaker {
namespace {

/// Entries after ?1 that stand for one trip each, which was, would have been or may have been: of
/// what was unknown at first its end counts, once it is known.
std::string trips() {
    return fmt::format(
        "FROM breaker_audit AS entry WHERE at > ?1 AND (step IN ('tripped', 'would_trip') "
        "OR step = 'unknown' AND NOT EXISTS(SELECT 1 FROM breaker_audit WHERE trip = entry.trip "
        "AND step IN ('{}')))",
        fmt::join(kTripEnds, "', '"));
}

constexpr std::int64_t kHour = 3600;

}  // namespace

Counts Audit::counts(base::Second now) {
    // is_key and is_live: 0 or 1.
    SQLite::Statement query{
        db_, fmt::format("SELECT target_kind = 'token' AS is_key, step <> 'would_trip' AS is_live, "
                         "count(*) {} GROUP BY 1, 2",
                         trips())};
    Binder{query}(now - base::Seconds{kHour});
    Counts counts;
    while (query.executeStep()) {
        RowReader row{query};
        const bool key = row.number() != 0;
        const bool live = row.number() != 0;
        auto& count = live ? (key ? counts.live_keys_last_hour : counts.live_last_hour)
                           : (key ? counts.shadow_keys_last_hour : counts.shadow_last_hour);
        count += row.number();
    }
    SQLite::Statement off{
        db_,
        "SELECT count(DISTINCT target_key) FROM breaker_circuits WHERE target_kind <> 'token'"};
    off.executeStep();
    counts.open = off.getColumn(0).getInt64();
    return counts;
}

std::vector<RecentTrip> Audit::recent(base::Second now) {
    // What has no circuit any more has ended.
    SQLite::Statement query{
        db_,
        fmt::format("SELECT {}, iif(step = 'would_trip', 'shadow', 'live'), at AS since, leading, "
                    "rule, series, step <> 'would_trip' AND trip NOT IN (SELECT trip FROM "
                    "breaker_circuits) "
                    "{} ORDER BY since DESC, id DESC",
                    kTargetColumns, trips())};
    Binder{query}(now - base::Seconds{kHour});
    std::vector<RecentTrip> trips;
    while (query.executeStep()) {
        RowReader row{query};
        auto& trip = trips.emplace_back();
        trip.target = row.target();
        trip.mode = mode_from(row.text());
        trip.at = row.time();
        trip.leading = leading_from(row.text());
        trip.rule = row.text();
        trip.series = row.text();
        trip.ended = row.number() != 0;
    }
    return trips;
}

}  // namespace quotafuse::circuit_breaker
