#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <SQLiteCpp/Statement.h>

#include "base/database.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// The slowest answers of each hour by row id, so that nobody has to look for them among all rows.
/// Derived data, as Rollups; it names rows that retention has deleted since until it deletes them
/// here.
///
/// Pipeline thread only; every call is part of the caller's transaction and may throw
/// SQLite::Exception.
class Slowest {
public:
    static constexpr std::size_t kOfHour = 20;

    /// The table, as a part of a migration of the room: with those of the rows that are there.
    static std::string table();

    /// `database` has the table, and outlives this.
    explicit Slowest(base::Database& database);

    void add(std::span<const Row> rows);
    /// Deletes hours that were over at `before` (unix seconds), about `most` entries a call; true
    /// when there may be more.
    bool expire(std::int64_t before, int most);

private:
    SQLite::Statement floor_;
    SQLite::Statement insert_;
    SQLite::Statement delete_beyond_;
    SQLite::Statement delete_old_;
};

}  // namespace quotafuse::sync
