#include "sync/sqlite_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quotafuse::sync {

SqliteConnection::SqliteConnection(Dsn dsn, SessionOptions options)
    : dsn_(std::move(dsn)), options_(options) {}

SQLite::Database& SqliteConnection::get() {
    const auto id = file_id();
    if (db_ && id == opened_) return *db_;
    drop();  // a restored or moved file is another one, whatever its name
    if (::access(dsn_.path.c_str(), R_OK) != 0) {
        throw GatewayError(
            GatewayError::Kind::unreachable,
            fmt::format("{} cannot be read (is it there, and may this user read it?)", dsn_.path));
    }
    try {
        const auto flags = options_.read_only ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE;
        const auto wait =
            std::chrono::duration_cast<std::chrono::milliseconds>(options_.read_timeout);
        auto db =
            std::make_unique<SQLite::Database>(dsn_.path, flags, static_cast<int>(wait.count()));
        const std::scoped_lock lock{mutex_};
        db_ = std::move(db);
        opened_ = id;
        ++generation_;
    } catch (const SQLite::Exception& e) {
        raise(e);
    }
    return *db_;
}

SqliteConnection::FileId SqliteConnection::file_id() const {
    struct stat st {};
    if (::stat(dsn_.path.c_str(), &st) != 0) return {};
    return {st.st_dev, st.st_ino};
}

void SqliteConnection::drop() noexcept {
    const std::scoped_lock lock{mutex_};
    db_.reset();
}

void SqliteConnection::interrupt() noexcept {
    const std::scoped_lock lock{mutex_};
    if (db_) sqlite3_interrupt(db_->getHandle());
}

void SqliteConnection::raise(const SQLite::Exception& e) {
    const auto text =
        fmt::format("{} (SQLite error {}, {})", e.what(), e.getErrorCode(), dsn_.path);
    switch (e.getErrorCode()) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
        case SQLITE_PROTOCOL:
            throw GatewayError(GatewayError::Kind::unreachable, text);
        case SQLITE_INTERRUPT:
            throw GatewayError(GatewayError::Kind::interrupted, text);
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            throw GatewayError(GatewayError::Kind::denied, text);
        case SQLITE_ERROR:  // "no such table", "no such column"
            throw GatewayError(GatewayError::Kind::schema, text);
        default:
            throw GatewayError(GatewayError::Kind::rejected, text);
    }
}

}  // namespace quotafuse::sync
