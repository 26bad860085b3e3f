#include "base/database.h"

#include <filesystem>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failure.h"

namespace quotafuse::base {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// Of the journal, 4 KiB each: from the first on it is copied when there is time, from the second on
// by whoever commits.
constexpr int kManyPages = 1000;
constexpr int kTooManyPages = 4000;

// In the header of the file, where the mark is part of the same transactions as all else.
constexpr int kClean = 0;
constexpr int kInUse = 1;

std::string mark(int value) {
    return fmt::format("PRAGMA user_version = {}", value);
}

/// Of links only those of root and of this user are followed: whoever may write to the folder must
/// not lead root to other files.
SQLite::Database open(const std::string& path, int flags) {
    struct stat file {};
    const bool is_link = ::lstat(path.c_str(), &file) == 0 && S_ISLNK(file.st_mode);
    if (is_link && file.st_uid != 0 && file.st_uid != ::geteuid()) {
        throw Failure(
            ExitCode::io_error,
            fmt::format("store {}: it is a link of another user, which is not followed", path));
    }
    auto name = path;
    std::error_code none;  // no such folder: SQLite says so
    const auto folder =
        std::filesystem::canonical(std::filesystem::absolute(path).parent_path(), none);
    if (!is_link && !none) {
        name = folder / std::filesystem::path{path}.filename();
        flags |= SQLITE_OPEN_NOFOLLOW;  // nor what is put there meanwhile
    }
    try {
        SQLite::Database db{name, flags, kBusyTimeoutMs};
        db.exec("PRAGMA schema_version");  // the first real read: tells a file that is no database
        return db;
    } catch (const SQLite::Exception& e) {
        throw Failure(ExitCode::io_error, fmt::format("store {}: {}", path, e.what()));
    }
}

int copy_journal(sqlite3* db) {
    return sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

int note_commit(void* journal_pages, sqlite3* db, const char*, int pages) {
    *static_cast<int*>(journal_pages) = pages;
    // The commit stands, whatever comes of it: keep_journal_short() tries it again and tells.
    if (pages >= kTooManyPages) copy_journal(db);
    return SQLITE_OK;
}

int version_of(SQLite::Database& db, const std::string& room) {
    if (!db.tableExists("schema")) return 0;
    SQLite::Statement query{db, "SELECT version FROM schema WHERE room = ?"};
    query.bind(1, room);
    return query.executeStep() ? query.getColumn(0).getInt() : 0;
}

void refuse_newer(SQLite::Database& db, const std::string& path, const Schema& schema) {
    const auto version = version_of(db, schema.room);
    const auto newest = static_cast<int>(schema.migrations.size());
    if (version <= newest) return;
    throw Failure(ExitCode::config,
                  fmt::format("store {}: written by a newer quotafuse ({} is at version {}, this "
                              "program knows {}); install that version again, or use another file",
                              path, schema.room, version, newest));
}

void migrate(SQLite::Database& db, const Schema& schema) {
    const auto version = version_of(db, schema.room);
    const auto newest = static_cast<int>(schema.migrations.size());
    if (version == newest) return;
    if (schema.functions) schema.functions(db);
    for (auto next = version; next < newest; ++next) {
        db.exec(schema.migrations[static_cast<std::size_t>(next)]);
    }
    SQLite::Statement set{db,
                          "INSERT INTO schema(room, version) VALUES(?, ?) "
                          "ON CONFLICT(room) DO UPDATE SET version = excluded.version"};
    set.bind(1, schema.room);
    set.bind(2, newest);
    set.exec();
}

}  // namespace

void require_version(SQLite::Database& db, const std::string& path, const Schema& schema) {
    const auto version = version_of(db, schema.room);
    const auto newest = static_cast<int>(schema.migrations.size());
    if (version == newest) return;
    throw Failure(
        ExitCode::config,
        version > newest
            ? fmt::format("store {}: written by a newer quotafuse; use that version here, too",
                          path)
            : fmt::format("store {}: written by an older quotafuse; start this version's daemon or "
                          "run its `quotafuse sync` once, which brings the store up to date",
                          path));
}

Database::Database(const std::string& path, const std::vector<Schema>& schemas)
    : path_(path), db_(open(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)) {
    try {
        for (const auto& schema : schemas) refuse_newer(db_, path, schema);
        db_.exec("PRAGMA journal_mode = WAL");
        db_.exec("PRAGMA foreign_keys = ON");
        sqlite3_wal_hook(db_.getHandle(), note_commit, &journal_pages_);
        set_durable(true);
        WriteTransaction transaction{*this};
        db_.exec(
            "CREATE TABLE IF NOT EXISTS schema(room TEXT PRIMARY KEY, version INTEGER NOT NULL)");
        for (const auto& schema : schemas) migrate(db_, schema);
        ended_cleanly_ = db_.execAndGet("PRAGMA user_version").getInt() != kInUse;
        db_.exec(mark(kInUse));
        transaction.commit();
    } catch (const SQLite::Exception& e) {
        throw Failure(ExitCode::io_error, fmt::format("store {}: {}", path, e.what()));
    }
}

Database::~Database() {
    // Should it fail, the next start looks the file over for nothing.
    if (ended_cleanly_) db_.tryExec(mark(kClean));
}

void Database::set_durable(bool durable) {
    db_.exec(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

void Database::keep_journal_short() {
    if (journal_pages_ < kManyPages) return;
    const auto result = copy_journal(db_.getHandle());
    // A reader that is in the way only puts it off.
    if (result != SQLITE_OK && result != SQLITE_BUSY && result != SQLITE_LOCKED) {
        throw SQLite::Exception{db_.getHandle(), result};
    }
    journal_pages_ = 0;
}

}  // namespace quotafuse::base
