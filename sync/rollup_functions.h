#pragma once

#include <SQLiteCpp/Database.h>

namespace quotafuse::sync {

/// merge_histograms(a, b) and merge_minutes(a, b): both as one, either may be NULL. What is not as
/// it was stored ends the statement with an error.
void add_rollup_functions(SQLite::Database& database);

}  // namespace quotafuse::sync
