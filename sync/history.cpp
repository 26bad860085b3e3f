#include "sync/history.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/database.h"
#include "base/failure.h"
#include "sync/gauge_tables.h"
#include "sync/row_query.h"
#include "sync/store_tables.h"

namespace quotafuse::sync {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr std::int64_t kSlice = 20'000;

SQLite::Database open(const std::string& path) {
    if (!std::filesystem::exists(path)) {
        throw base::Failure(
            base::ExitCode::no_input,
            fmt::format("store {}: no such file; `quotafuse sync` or the daemon makes it", path));
    }
    try {
        SQLite::Database db{path, SQLite::OPEN_READONLY, kBusyTimeoutMs};
        db.exec("PRAGMA schema_version");  // the first real read: tells a file that is no database
        return db;
    } catch (const SQLite::Exception& e) {
        throw base::Failure(base::ExitCode::io_error, fmt::format("store {}: {}", path, e.what()));
    }
}

// The first slice, and the next one after (created_at, id): of the second in which the former one
// ended rows are passed over again.
constexpr auto kFirstRows =
    "FROM log INDEXED BY log_by_time WHERE created_at > ?1 AND created_at <= ?2 AND seen_at > ?3 "
    "ORDER BY created_at, id LIMIT ?4";
constexpr auto kNextRows =
    "FROM log INDEXED BY log_by_time WHERE (created_at, id) > (?1, ?5) AND created_at <= ?2 "
    "AND seen_at > ?3 ORDER BY created_at, id LIMIT ?4";

}  // namespace

struct History::Impl {
    explicit Impl(const std::string& path);

    void read_texts();
    /// Rows and their texts are stored together: whoever has seen the row finds the text.
    void learn_texts_of(const Row& row);
    /// A slice at a time: each is out of the database before any of it is visited.
    void read(std::int64_t after, std::int64_t until, std::int64_t seen,
              const std::function<void(const Row&)>& visit);

    SQLite::Database db;
    Texts texts;
    RowQuery first;
    RowQuery next;
    RowQuery late;
    std::vector<Row> slice;
};

History::Impl::Impl(const std::string& path)
    : db(open(path)),
      first((base::require_version(db, path, store_schema()), db), kFirstRows),
      next(db, kNextRows),
      late(db, kLateRows) {
    slice.reserve(kSlice);
    read_texts();
}

void History::Impl::read_texts() {
    SQLite::Statement query{db, "SELECT id, value FROM text WHERE id >= ? ORDER BY id"};
    query.bind(1, static_cast<std::int64_t>(texts.size()));
    while (query.executeStep()) {
        texts.restore(query.getColumn(0).getInt(), query.getColumn(1).getString());
    }
}

void History::Impl::learn_texts_of(const Row& row) {
    const auto highest =
        std::max({row.username, row.token_name, row.model, row.group, row.route, row.error_code});
    if (highest >= static_cast<TextId>(texts.size())) read_texts();
}

void History::Impl::read(std::int64_t after, std::int64_t until, std::int64_t seen,
                         const std::function<void(const Row&)>& visit) {
    std::optional<std::int64_t> last_id;
    do {
        std::vector<Row> rows;
        std::swap(rows, slice);  // visit may read, too
        rows.clear();
        const auto keep = [&](const Row& row) { rows.push_back(row); };
        if (last_id)
            next.each({after, until, seen, kSlice, *last_id}, keep);
        else
            first.each({after, until, seen, kSlice}, keep);
        last_id.reset();
        if (rows.size() == static_cast<std::size_t>(kSlice)) {
            after = rows.back().created_at;
            last_id = rows.back().id;
        }
        for (const auto& row : rows) {
            learn_texts_of(row);
            visit(row);
        }
        std::swap(rows, slice);
    } while (last_id);
}

History::History(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
History::~History() = default;

const Texts& History::texts() const {
    return impl_->texts;
}

void History::read(std::int64_t after, std::int64_t until,
                   const std::function<void(const Row&)>& visit) {
    impl_->read(after, until, std::numeric_limits<std::int64_t>::min(), visit);
}

void History::read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                        const std::function<void(const Row&)>& visit) {
    const auto old = std::min(until, seen - kLateBy);  // as Store does
    const auto visit_late = [&](const Row& row) {
        impl_->learn_texts_of(row);
        visit(row);
    };
    if (after < old) visit_late_rows(impl_->late, after, old, seen, visit_late);
    if (old < until) impl_->read(std::max(after, old), until, seen, visit);
}

Directory History::directory() {
    auto directory = read_directory(impl_->db);
    impl_->read_texts();
    return directory;
}

std::vector<GaugeChange> History::gauges_at(base::Second t) {
    auto gauges = sync::gauges_at(impl_->db, base::unix_seconds(t));
    impl_->read_texts();
    return gauges;
}

void History::read_gauges(base::Second after, base::Second until,
                          const std::function<void(const GaugeChange&)>& visit) {
    auto at = base::unix_seconds(after);
    auto series = std::numeric_limits<std::int64_t>::max();
    std::vector<GaugeChange> changes;
    do {
        changes.clear();
        SQLite::Statement query{impl_->db, fmt::format("{} LIMIT {}", kGaugeChangesInTurn, kSlice)};
        query.bind(1, at);
        query.bind(2, series);
        query.bind(3, base::unix_seconds(until));
        while (query.executeStep()) {
            changes.push_back(read_change(query));
            at = changes.back().at;
            series = query.getColumn(6).getInt64();
        }
        query.reset();
        impl_->read_texts();
        for (const auto& change : changes) visit(change);
    } while (changes.size() == static_cast<std::size_t>(kSlice));
}

std::int64_t History::kept_since() const {
    return impl_->db.execAndGet("SELECT kept_since FROM upkeep").getInt64();
}

std::optional<std::int64_t> History::first_row() {
    const auto oldest = impl_->db.execAndGet("SELECT min(created_at) FROM log");
    return oldest.isNull() ? std::nullopt : std::optional{oldest.getInt64()};
}

std::optional<std::pair<base::Second, base::Second>> History::range() {
    SQLite::Statement query{impl_->db,
                            "SELECT (SELECT min(created_at) FROM log), "
                            "(SELECT max(created_at) FROM log)"};
    query.executeStep();
    if (query.isColumnNull(0)) return std::nullopt;
    return std::pair{base::from_unix(query.getColumn(0).getInt64()),
                     base::from_unix(query.getColumn(1).getInt64())};
}

SQLite::Database& History::handle() {
    return impl_->db;
}

}  // namespace quotafuse::sync
