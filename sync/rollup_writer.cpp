#include "sync/rollup_writer.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace quotafuse::sync {
namespace {

/// Empty is NULL, which takes no room.
void bind_bytes(SQLite::Statement& statement, int at, const std::string& bytes) {
    if (bytes.empty())
        statement.bind(at);
    else
        statement.bindNoCopy(at, bytes.data(), static_cast<int>(bytes.size()));
}

void write_cell(SQLite::Statement& upsert, const RollupTable& table, RollupSpan span,
                const RollupKey& key, const RollupCell& cell) {
    upsert.tryReset();  // also after a failed one, whose error was told then
    int at = 0;
    for (std::size_t i = 0; i <= table.keys.size(); ++i) upsert.bind(++at, key[i]);
    for (const auto sum : cell.sums) upsert.bind(++at, sum);
    std::array<std::string, 3> blobs;
    if (table.times) {
        for (const auto sum : cell.time_sums) upsert.bind(++at, sum);
        blobs = {cell.latency.encode(), cell.first_token.encode(), cell.minutes.encode()};
        bind_bytes(upsert, ++at, blobs[0]);
        bind_bytes(upsert, ++at, blobs[1]);
        if (span == RollupSpan::hour && table.minutes) bind_bytes(upsert, ++at, blobs[2]);
    }
    upsert.exec();
}

}  // namespace

void write_rollup(SQLite::Statement& upsert, const RollupTable& table, RollupSpan span,
                  const RollupCells& cells) {
    std::vector<const RollupCells::value_type*> sorted;  // as in the table: its pages in turn
    sorted.reserve(cells.size());
    for (const auto& cell : cells) sorted.push_back(&cell);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* const cell : sorted)
        write_cell(upsert, table, span, cell->first, cell->second);
}

}  // namespace quotafuse::sync
