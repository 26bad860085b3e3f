#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <SQLiteCpp/Statement.h>

#include "base/database.h"
#include "sync/fingerprint.h"
#include "sync/gaps.h"
#include "sync/row.h"
#include "sync/row_query.h"

namespace quotafuse::sync {

// The tables of the room, but for the rollups, and how their rows are written and read.

base::Schema store_schema();

/// The columns of log, in the order of bind_row() and RowQuery.
inline constexpr int kRowColumns = 24;
const std::string& row_columns();
/// Inserts a row that is not there yet.
std::string insert_row_sql();
void bind_row(SQLite::Statement& statement, const Row& row);
/// What the column `flags` says.
void apply_flags(int flags, Row& row);

/// Rows that were seen more than so many seconds after created_at have an index of their own.
inline constexpr std::int64_t kLateBy = 120;
// What a RowReader asks, for RowQuery, oldest first. Parameters: after, until, and `seen`.
inline constexpr auto kRowsByTime =
    "FROM log INDEXED BY log_by_time WHERE created_at > ?1 AND created_at <= ?2 "
    "ORDER BY created_at, id";
inline constexpr auto kRowsSeenAfter =
    "FROM log INDEXED BY log_by_time WHERE created_at > ?1 AND created_at <= ?2 AND seen_at > ?3 "
    "ORDER BY created_at, id";
// In no order; until ≤ seen - kLateBy.
inline constexpr auto kLateRows =
    "FROM log INDEXED BY log_late WHERE created_at > ?1 AND created_at <= ?2 AND seen_at > ?3 "
    "AND seen_at > created_at + 120";
/// Visits the rows of kLateRows by time: they are few.
void visit_late_rows(RowQuery& query, std::int64_t after, std::int64_t until, std::int64_t seen,
                     const std::function<void(const Row&)>& visit);

/// The columns of log that make a fingerprint, in the order of read_fingerprint().
inline constexpr auto kFingerprintColumns =
    "created_at, user, token, channel, quota, prompt_tokens, completion_tokens";
/// From the result's columns `from` and after.
Fingerprint read_fingerprint(const SQLite::Statement& statement, int from);
void bind_fingerprint(SQLite::Statement& statement, int from, const Fingerprint& fingerprint);

/// A row of requests that were the gateway's own test has this bit in its flags.
inline constexpr int kChannelTestFlag = 2;
/// Rows that tally_of() knows nothing of, in SQL: what the gateway did itself, and channel tests
/// that failed. It must stand in a statement like this for the index log_uncounted.
inline constexpr auto kUncountedRows = "(kind IN (0, 4) OR (kind = 2 AND flags & 2))";

std::vector<Gap> read_gaps(base::Database& database);
/// Makes the stored list, which is `former`, equal to `now`, both by id: only what differs is
/// written.
void write_gaps(base::Database& database, const std::vector<Gap>& former,
                const std::vector<Gap>& now);

}  // namespace quotafuse::sync
