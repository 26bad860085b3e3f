#pragma once

#include <SQLiteCpp/Statement.h>

#include "sync/rollup_cells.h"
#include "sync/rollup_tables.h"

namespace quotafuse::sync {

/// Adds cells to a rollup's hours or days. `upsert` is upsert_rollup() of the same table and span.
/// Throws SQLite::Exception.
void write_rollup(SQLite::Statement& upsert, const RollupTable& table, RollupSpan span,
                  const RollupCells& cells);

}  // namespace quotafuse::sync
