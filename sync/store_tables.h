#pragma once

#include <cstdint>
#include <string>

#include <SQLiteCpp/Statement.h>

#include "base/database.h"
#include "sync/fingerprint.h"
#include "sync/gaps.h"
#include "sync/row.h"

namespace quotafuse::sync {

// The tables of the room, but for the rollups, and how their rows are written and read.

base::Schema store_schema();

/// The columns of log, in the order of bind_row() and read_row().
const std::string& row_columns();
/// Inserts a row that is not there yet.
std::string insert_row_sql();
void bind_row(SQLite::Statement& statement, const Row& row);
Row read_row(const SQLite::Statement& statement);

/// The columns of log that make a fingerprint, in the order of read_fingerprint().
inline constexpr auto kFingerprintColumns =
    "created_at, user, token, channel, quota, prompt_tokens, completion_tokens";
/// From the result's columns `from` and after.
Fingerprint read_fingerprint(const SQLite::Statement& statement, int from);
void bind_fingerprint(SQLite::Statement& statement, int from, const Fingerprint& fingerprint);

/// A row of requests that were the gateway's own test has this bit in its flags.
inline constexpr int kChannelTestFlag = 2;

std::vector<Gap> read_gaps(base::Database& database);
/// Makes the stored list, which is `former`, equal to `now`, both by id: only what differs is
/// written.
void write_gaps(base::Database& database, const std::vector<Gap>& former,
                const std::vector<Gap>& now);

}  // namespace quotafuse::sync
