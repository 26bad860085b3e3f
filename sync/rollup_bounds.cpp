#include "sync/rollup_bounds.h"

namespace quotafuse::sync {

RollupBounds::Table::Table(SQLite::Database& database, const RollupTable& table, RollupSpan span)
    : most(span == RollupSpan::hour ? table.most_of_hour : table.most_of_day),
      count(database, count_rollup(table, span)),
      sum_up(database, sum_up_small(table, span)),
      remove(database, delete_small(table, span)) {}

RollupBounds::RollupBounds(SQLite::Database& database) {
    for (const auto& table : rollup_tables()) {
        if (table.most_of_hour == 0) continue;
        hours_.emplace_back(database, table, RollupSpan::hour);
        days_.emplace_back(database, table, RollupSpan::day);
    }
}

void RollupBounds::bound(std::vector<Table>& tables, const std::set<std::int64_t>& times) {
    for (auto& table : tables) {
        for (const auto time : times) {
            table.count.tryReset();
            table.count.bind(1, time);
            table.count.executeStep();
            const auto rows = table.count.getColumn(0).getInt();
            table.count.reset();
            if (rows <= table.most + 1) continue;  // with that of the others
            for (auto* const statement : {&table.sum_up, &table.remove}) {
                statement->tryReset();
                statement->bind(1, time);
                statement->bind(2, table.most);
                statement->exec();
            }
        }
    }
}

}  // namespace quotafuse::sync
