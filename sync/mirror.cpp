#include "sync/mirror.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "sync/store_tables.h"

namespace quotafuse::sync {
namespace {

constexpr int kBusyTimeoutMs = 5000;

/// The ids first ≤ id < end are those of an epoch.
struct Reign {
    std::int64_t epoch;
    std::int64_t first;
    std::int64_t end;
};

class StoredMirror final : public Mirror {
public:
    explicit StoredMirror(const std::string& path)
        : db_(path, SQLite::OPEN_READONLY, kBusyTimeoutMs),
          epochs_(db_, "SELECT number, first FROM epoch ORDER BY number DESC"),
          row_(db_, fmt::format("SELECT {} FROM log WHERE id = ?", kFingerprintColumns)),
          lowest_(db_, "SELECT id FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"),
          kept_since_(db_, "SELECT kept_since FROM upkeep") {}

    std::optional<Fingerprint> find(std::int64_t id) override {
        const auto all = reigns();
        const auto reign = std::find_if(all.begin(), all.end(), [&](const Reign& one) {
            return one.first <= id && id < one.end;
        });
        if (reign == all.end()) return std::nullopt;
        row_.tryReset();
        row_.bind(1, row_id(reign->epoch, id));
        std::optional<Fingerprint> found;
        if (row_.executeStep()) found = read_fingerprint(row_, 0);
        row_.reset();  // no snapshot stays open, which would keep the WAL from starting anew
        return found;
    }

    std::optional<std::int64_t> lowest() override {
        for (const auto& reign : reigns()) {
            lowest_.tryReset();
            lowest_.bind(1, row_id(reign.epoch, reign.first));
            lowest_.bind(2, row_id(reign.epoch, reign.end));
            std::optional<std::int64_t> found;
            if (lowest_.executeStep()) found = gateway_id(lowest_.getColumn(0).getInt64());
            lowest_.reset();
            if (found) return found;
        }
        return std::nullopt;
    }

    std::int64_t kept_since() override {
        kept_since_.tryReset();
        kept_since_.executeStep();
        const auto since = kept_since_.getColumn(0).getInt64();
        kept_since_.reset();
        return since;
    }

private:
    /// Which epoch's ids hold where, by id. An epoch whose first id is above that of a later one
    /// holds nowhere.
    std::vector<Reign> reigns() {
        std::vector<Reign> all;
        auto end = kHighestId + 1;
        epochs_.tryReset();
        while (epochs_.executeStep()) {
            const auto first = epochs_.getColumn(1).getInt64();
            if (first >= end) continue;
            all.push_back({epochs_.getColumn(0).getInt64(), first, end});
            end = first;
        }
        epochs_.reset();
        std::reverse(all.begin(), all.end());
        return all;
    }

    SQLite::Database db_;
    SQLite::Statement epochs_;
    SQLite::Statement row_;
    SQLite::Statement lowest_;
    SQLite::Statement kept_since_;
};

}  // namespace

std::unique_ptr<Mirror> make_mirror(const std::string& store_path) {
    return std::make_unique<StoredMirror>(store_path);
}

}  // namespace quotafuse::sync
