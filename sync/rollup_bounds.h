#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "sync/rollup_tables.h"

namespace quotafuse::sync {

/// Keeps the rollups small whose number of rows clients choose (RollupTable::most_of_hour): of an
/// hour or day that is over only the largest rows stay apart. Which ones is decided anew when late
/// rows come: sums stay exact, but a late row's object may be told apart for less than all of its
/// own. Part of the caller's transaction; may throw SQLite::Exception.
class RollupBounds {
public:
    /// `database` has the tables and outlives this.
    explicit RollupBounds(SQLite::Database& database);

    void bound_hours(const std::set<std::int64_t>& hours) { bound(hours_, hours); }
    void bound_days(const std::set<std::int64_t>& days) { bound(days_, days); }

private:
    struct Table {
        Table(SQLite::Database& database, const RollupTable& table, RollupSpan span);

        int most;
        SQLite::Statement count;
        SQLite::Statement sum_up;
        SQLite::Statement remove;
    };
    static void bound(std::vector<Table>& tables, const std::set<std::int64_t>& times);

    std::vector<Table> hours_;
    std::vector<Table> days_;
};

}  // namespace quotafuse::sync
