#include "daemon/api/read_pool.h"

#include <optional>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

namespace quotafuse::daemon::api {
namespace {

constexpr int kBusyTimeoutMs = 500;
constexpr int kStepsBetweenLooks = 20'000;  // of SQLite's machine: well under a millisecond

}  // namespace

const std::string& TextBook::text(sync::TextId id) {
    const auto known = texts_.find(id);
    if (known != texts_.end()) return known->second;
    if (texts_.size() >= kMostKept) texts_.clear();
    SQLite::Statement query{database_, "SELECT value FROM text WHERE id = ?"};
    query.bind(1, id);
    return texts_[id] = query.executeStep() ? query.getColumn(0).getString() : std::string{};
}

sync::TextId TextBook::id_of(const std::string& text) {
    if (text.empty()) return 0;
    SQLite::Statement query{database_, "SELECT id FROM text WHERE value = ?"};
    query.bind(1, text);
    return query.executeStep() ? query.getColumn(0).getInt() : -1;
}

struct ReadPool::Connection {
    Connection(const std::string& path, const base::Clock& time)
        : database(path, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs),
          texts(database),
          clock(time) {
        database.exec("PRAGMA query_only = ON; PRAGMA cache_size = -1024; PRAGMA mmap_size = 0");
        sqlite3_progress_handler(
            database.getHandle(), kStepsBetweenLooks,
            [](void* self) { return static_cast<const Connection*>(self)->is_late() ? 1 : 0; },
            this);
    }
    bool is_late() const { return clock.mono() > deadline; }

    SQLite::Database database;
    TextBook texts;
    const base::Clock& clock;
    base::MonoTime deadline = base::MonoTime::max();
    std::optional<SQLite::Transaction> snapshot;
};

ReadPool::ReadPool(std::string path, const base::Clock& clock)
    : path_(std::move(path)), clock_(clock) {}
ReadPool::~ReadPool() = default;

ReadPool::Lease ReadPool::take() {
    std::unique_ptr<Connection> connection;
    {
        const std::scoped_lock lock{mutex_};
        if (!idle_.empty()) {
            connection = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!connection) connection = std::make_unique<Connection>(path_, clock_);
    connection->deadline = clock_.mono() + kLongest;
    return {*this, std::move(connection)};
}

void ReadPool::put_back(std::unique_ptr<Connection> connection) {
    const std::scoped_lock lock{mutex_};
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
}

ReadPool::Lease::Lease(ReadPool& pool, std::unique_ptr<Connection> connection)
    : pool_(pool), connection_(std::move(connection)) {
    connection_->snapshot.emplace(connection_->database);
}
ReadPool::Lease::Lease(Lease&& other) noexcept = default;
ReadPool::Lease::~Lease() {
    if (!connection_) return;
    connection_->snapshot.reset();  // rolls back: nothing was written
    pool_.put_back(std::move(connection_));
}
SQLite::Database& ReadPool::Lease::database() const {
    return connection_->database;
}
TextBook& ReadPool::Lease::texts() const {
    return connection_->texts;
}

}  // namespace quotafuse::daemon::api
