#include "sync/sqlite_connection.h"

#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quotafuse::sync {

SqliteConnection::SqliteConnection(Dsn dsn, SessionOptions options)
    : dsn_(std::move(dsn)), options_(options) {}

SQLite::Database& SqliteConnection::get() {
    interrupted_ = false;  // it would have come before this call
    const auto id = file_id();
    if (db_ && id == opened_) return *db_;
    drop();  // a restored or moved file is another one, whatever its name
    if (::access(dsn_.path.c_str(), R_OK) != 0) {
        throw GatewayError(GatewayError::Kind::unreachable,
                           fmt::format("{}: it cannot be read: is it there, and may this user "
                                       "read it and enter its folder?",
                                       dsn_.describe()));
    }
    try {
        const auto flags = options_.read_only ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE;
        auto db = std::make_unique<SQLite::Database>(dsn_.path, flags);
        const std::scoped_lock lock{mutex_};
        db_ = std::move(db);
        opened_ = id;
        ++generation_;
        wait_for_locks();
    } catch (const SQLite::Exception& e) {
        raise(e);
    }
    return *db_;
}

/// SQLite's own waiting for locks cannot be interrupted.
void SqliteConnection::wait_for_locks() {
    sqlite3_busy_handler(
        db_->getHandle(),
        [](void* self, int times) {
            return static_cast<SqliteConnection*>(self)->wait_more(times) ? 1 : 0;
        },
        this);
}

bool SqliteConnection::wait_more(int times) {
    constexpr std::chrono::milliseconds kStep{10};
    const auto now = std::chrono::steady_clock::now();
    if (times == 0) waiting_since_ = now;
    if (interrupted_ || now - waiting_since_ >= options_.read_timeout) return false;
    std::this_thread::sleep_for(kStep);
    return true;
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
    interrupted_ = true;
    if (db_) sqlite3_interrupt(db_->getHandle());
}

void SqliteConnection::raise(const SQLite::Exception& e) {
    const auto fail = [&](GatewayError::Kind kind, const char* sentence) {
        throw GatewayError(kind, fmt::format("{}: {} ({}, SQLite error {})", dsn_.describe(),
                                             sentence, e.what(), e.getErrorCode()));
    };
    const auto code = e.getErrorCode();
    if (code == SQLITE_INTERRUPT || (interrupted_ && code == SQLITE_BUSY))
        fail(GatewayError::Kind::interrupted, "the statement was ended on request");
    switch (code) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            fail(GatewayError::Kind::locked,
                 "the gateway holds its lock (a long write, a VACUUM, a copy being made): it goes "
                 "on by itself afterwards");
            break;
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
        case SQLITE_PROTOCOL:
            fail(GatewayError::Kind::unreachable,
                 "it cannot be read: may this user read the file and its -wal and -shm, and is "
                 "the disk in order?");
            break;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            fail(GatewayError::Kind::denied, "this user may not do that to the file");
            break;
        case SQLITE_ERROR:  // "no such table", "no such column"
            fail(GatewayError::Kind::schema,
                 "a table or column is missing: is it the gateway's own file?");
            break;
        case SQLITE_NOTADB:
            fail(GatewayError::Kind::schema, "this is no SQLite file: check the path in the DSN");
            break;
        default:
            break;
    }
    fail(GatewayError::Kind::rejected, "the statement failed");
    std::abort();
}

}  // namespace quotafuse::sync
