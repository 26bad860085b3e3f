#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sync/directory.h"
#include "sync/gauges.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace quotafuse::sync {

// The tables of gauges and of the directory, and what is asked of them, by whoever has the file
// open. All calls throw SQLite::Exception.

/// As a part of a migration of the room.
std::string gauge_tables();

/// The columns of both: gauge, object, grp, model, at, value (see read_change()), series.
/// Changes after (at, series) = (?, ?) with at ≤ ?, in order.
inline constexpr auto kGaugeChangesInTurn =
    "SELECT gauge, object, grp, model, at, value, series FROM gauge_change "
    "INDEXED BY gauge_change_by_time CROSS JOIN gauge_series ON id = series "
    "WHERE (at, series) > (?, ?) AND at <= ? ORDER BY at, series";
/// Of each gauge the newest change with at ≤ ?.
inline constexpr auto kGaugesAt =
    "SELECT gauge, object, grp, model, at, value, series FROM gauge_series "
    "CROSS JOIN gauge_change ON series = id AND at = (SELECT max(at) FROM gauge_change WHERE "
    "series = id AND at <= ?)";

GaugeChange read_change(const SQLite::Statement& query);

/// Gauges with a value, as of t, and the status of what is gone, without one.
std::vector<GaugeChange> gauges_at(SQLite::Database& database, std::int64_t t);
Directory read_directory(SQLite::Database& database);

/// A gauge changes often; of the changes older than so many seconds the last of each hour is kept.
/// Until then they are what replay needs.
inline constexpr std::int64_t kGaugeDetail = 35 * 86'400;

/// One step, of about `most` changes, of keeping the tables small: of changes before
/// `hourly_before` all but each hour's last, and those that were over before `gone_before`, are
/// deleted; the value in force at any later second stays known. True when there may be more to do.
/// Within the caller's transaction.
bool expire_gauges(SQLite::Database& database, std::int64_t hourly_before, std::int64_t gone_before,
                   int most);

}  // namespace quotafuse::sync
