#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include "sync/dsn.h"
#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// A gateway's own SQLite file, opened on first use. Never creates it. Used by one thread; only
/// interrupt() may come from another.
class SqliteConnection {
public:
    SqliteConnection(Dsn dsn, SessionOptions options);

    /// Opens it where needed: also anew when another file has taken its place.
    SQLite::Database& get();
    /// Grows by one with each opening.
    std::uint64_t generation() const { return generation_; }
    bool connected() const { return db_ != nullptr; }
    void interrupt() noexcept;
    /// Says what an exception means.
    [[noreturn]] void raise(const SQLite::Exception& e);
    const Dsn& dsn() const { return dsn_; }
    /// Closes it; no statement of it may be open.
    void drop() noexcept;

private:
    Dsn dsn_;
    SessionOptions options_;
    std::mutex mutex_;  // guards the pointer against interrupt()
    std::unique_ptr<SQLite::Database> db_;
    struct FileId {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        bool operator==(const FileId&) const = default;
    };
    FileId file_id() const;
    void wait_for_locks();
    bool wait_more(int times);

    FileId opened_;
    std::chrono::steady_clock::time_point waiting_since_;
    std::atomic<bool> interrupted_{false};
    std::uint64_t generation_ = 0;
};

}  // namespace quotafuse::sync
