#pragma once

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

    SQLite::Database& get();
    bool connected() const { return db_ != nullptr; }
    void interrupt() noexcept;
    /// Says what an exception means. A file that was replaced or is damaged is opened anew next
    /// time.
    [[noreturn]] void raise(const SQLite::Exception& e);
    /// Closes it unless the caller says that statements are open.
    void drop() noexcept;

private:
    Dsn dsn_;
    SessionOptions options_;
    std::mutex mutex_;  // guards the pointer against interrupt()
    std::unique_ptr<SQLite::Database> db_;
};

}  // namespace quotafuse::sync
