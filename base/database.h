#pragma once

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
};

/// The one SQLite file. WAL, one writer (the pipeline thread), readers on connections of their own.
class Database {
public:
    /// Opens or creates `path` and brings every room to its newest version in one transaction.
    /// Throws Failure: io_error when the file cannot be used, config when it was written by a newer
    /// quotafuse.
    Database(const std::string& path, const std::vector<Schema>& schemas);

    SQLite::Database& handle() { return db_; }
    const std::string& path() const { return path_; }

    /// Catch-up trades an fsync per batch for speed: after a power cut the last batches are simply
    /// read again.
    void set_durable(bool durable);

private:
    std::string path_;
    SQLite::Database db_;
};

/// A transaction that takes the write lock at once and rolls back unless commit() was called.
class WriteTransaction : public SQLite::Transaction {
public:
    explicit WriteTransaction(Database& db)
        : SQLite::Transaction(db.handle(), SQLite::TransactionBehavior::IMMEDIATE) {}
};

}  // namespace quotafuse::base
