#include "sync/slowest.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "sync/rollup_cells.h"

namespace quotafuse::sync {
namespace {

// Kind 1 is an answer; bit 2 of the flags is a channel test, bit 4 a task, whose row comes when it
// was only taken.
constexpr auto kTable = R"sql(
CREATE TABLE slowest(
    hour INTEGER NOT NULL, latency_ms INTEGER NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY(hour, latency_ms, id)) WITHOUT ROWID;
INSERT INTO slowest SELECT hour, latency_ms, id FROM (
    SELECT created_at / 3600 AS hour, latency_ms, id, row_number() OVER (
        PARTITION BY created_at / 3600 ORDER BY latency_ms DESC, id DESC) AS place
    FROM log WHERE kind = 1 AND flags & 6 = 0 AND latency_ms > 0 AND created_at BETWEEN 0 AND 253402300799)
    WHERE place <= 20;
)sql";

using Slow = std::pair<std::int64_t, std::int64_t>;  // latency, row id

bool has_latency(const Row& row) {
    return row.kind == Kind::consume && !row.channel_test && !row.task && row.latency_ms > 0;
}

}  // namespace

std::string Slowest::table() {
    return kTable;
}

Slowest::Slowest(base::Database& database)
    : floor_(database.handle(), "SELECT count(*), min(latency_ms) FROM slowest WHERE hour = ?"),
      insert_(database.handle(), "INSERT OR IGNORE INTO slowest VALUES(?, ?, ?)"),
      delete_beyond_(
          database.handle(),
          "DELETE FROM slowest WHERE hour = ?1 AND (latency_ms, id) IN (SELECT "
          "latency_ms, id FROM slowest WHERE hour = ?1 ORDER BY latency_ms, id LIMIT ?2)"),
      delete_old_(
          database.handle(),
          "DELETE FROM slowest WHERE (hour, latency_ms, id) IN (SELECT hour, latency_ms, id "
          "FROM slowest WHERE hour < ? LIMIT ?)") {}

void Slowest::add(std::span<const Row> rows) {
    std::map<std::int64_t, std::vector<Slow>> hours;
    for (const auto& row : rows)
        if (has_latency(row)) hours[hour_of(row.created_at)].emplace_back(row.latency_ms, row.id);
    for (auto& [hour, slow] : hours) {
        floor_.tryReset();
        floor_.bind(1, hour);
        floor_.executeStep();
        const auto had = static_cast<std::size_t>(floor_.getColumn(0).getInt64());
        const auto least = had < kOfHour ? 0 : floor_.getColumn(1).getInt64();
        floor_.reset();
        std::erase_if(slow, [&](const Slow& one) { return one.first < least; });
        std::sort(slow.begin(), slow.end(), std::greater<>{});
        slow.resize(std::min(slow.size(), kOfHour));
        for (const auto& [latency, id] : slow) {
            insert_.tryReset();
            insert_.bind(1, hour);
            insert_.bind(2, latency);
            insert_.bind(3, id);
            insert_.exec();
        }
        if (had + slow.size() <= kOfHour) continue;
        delete_beyond_.tryReset();
        delete_beyond_.bind(1, hour);
        delete_beyond_.bind(2, static_cast<std::int64_t>(had + slow.size() - kOfHour));
        delete_beyond_.exec();
    }
}

bool Slowest::expire(std::int64_t before, int most) {
    delete_old_.tryReset();
    delete_old_.bind(1, hour_of(before));
    delete_old_.bind(2, most);
    return delete_old_.exec() == most;
}

}  // namespace quotafuse::sync
