#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

namespace quotafuse::base {

/// The tables of one room. Migration i takes the room from version i to i + 1; a released one never
/// changes.
struct Schema {
    std::string room;
    std::vector<std::string> migrations;
    /// Adds the SQL functions that its migrations call; called only when there are some to run.
    std::function<void(SQLite::Database&)> functions{};
};

/// For whoever only reads, and so migrates nothing: throws Failure (config) unless the room's
/// tables in `db` are of this program's version.
void require_version(SQLite::Database& db, const std::string& path, const Schema& schema);

/// The one SQLite file. WAL, one writer (the pipeline thread), readers on connections of their own.
class Database {
public:
    /// Opens or creates `path` and brings every room to its newest version in one transaction.
    /// Throws Failure: io_error when the file cannot be used, config when it was written by a newer
    /// quotafuse; that file stays as it is.
    Database(const std::string& path, const std::vector<Schema>& schemas);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    /// Marks the file as cleanly ended, unless it was not when it was opened and nobody has called
    /// it sound since.
    ~Database();

    SQLite::Database& handle() { return db_; }
    const std::string& path() const { return path_; }

    /// Whether the last program that wrote here closed the file, rather than being killed or cut
    /// off from power; true for a new file. Otherwise check_file() is advised.
    bool ended_cleanly() const { return ended_cleanly_; }
    /// check_file() found nothing. To be called before the end, from whichever thread.
    void note_sound() { ended_cleanly_ = true; }

    /// Catch-up trades an fsync per batch for speed: after a power cut the last batches are simply
    /// read again.
    void set_durable(bool durable);

    /// Copies the journal into the file where it has grown by some MB: work for a moment in which
    /// nobody waits, which a commit would otherwise do now and then. Commits do it themselves where
    /// this was not called for long. Throws SQLite::Exception when the file cannot be written (a
    /// full disk); nothing is lost by that, and the next call tries again.
    void keep_journal_short();

private:
    std::string path_;
    SQLite::Database db_;
    int journal_pages_ = 0;  // after the last commit
    std::atomic<bool> ended_cleanly_ = true;
};

/// A transaction that takes the write lock at once and rolls back unless commit() was called.
class WriteTransaction : public SQLite::Transaction {
public:
    explicit WriteTransaction(Database& db)
        : SQLite::Transaction(db.handle(), SQLite::TransactionBehavior::IMMEDIATE) {}
};

/// Reads the whole file on a connection of its own and says what is damaged in it, the first few
/// faults; empty when it is sound, or when `stop` ended the check early. Takes seconds for each GB,
/// and as long keeps the WAL from starting anew. Throws SQLite::Exception when the file cannot be
/// opened. Any thread.
std::optional<std::string> check_file(const std::string& path, const std::stop_token& stop);

}  // namespace quotafuse::base
