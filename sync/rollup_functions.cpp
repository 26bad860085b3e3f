#include "sync/rollup_functions.h"

#include <sqlite3.h>

#include "base/histogram.h"
#include "sync/minutes.h"

namespace quotafuse::sync {
namespace {

template <class Value>
void merge_blobs(sqlite3_context* context, int, sqlite3_value** values) {
    if (sqlite3_value_type(values[1]) == SQLITE_NULL)
        return sqlite3_result_value(context, values[0]);
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return sqlite3_result_value(context, values[1]);
    const auto decode = [](sqlite3_value* value) {
        const auto* const bytes = static_cast<const char*>(sqlite3_value_blob(value));
        return Value::decode({bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))});
    };
    auto merged = decode(values[0]);
    const auto more = decode(values[1]);
    if (!merged || !more) {
        return sqlite3_result_error(
            context, "a rollup's histogram or minutes are damaged: restore a backup", -1);
    }
    merged->merge(*more);
    const auto bytes = merged->encode();
    sqlite3_result_blob(context, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
}

}  // namespace

void add_rollup_functions(SQLite::Database& database) {
    database.createFunction("merge_histograms", 2, true, nullptr, merge_blobs<base::Histogram>);
    database.createFunction("merge_minutes", 2, true, nullptr, merge_blobs<Minutes>);
}

}  // namespace quotafuse::sync
