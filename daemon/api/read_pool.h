#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "base/clock.h"
#include "sync/row.h"

namespace quotafuse::daemon::api {

/// The store's dictionary, as far as a reader needed it. One thread at a time.
class TextBook {
public:
    explicit TextBook(SQLite::Database& database) : database_(database) {}
    /// Empty for one that is not there. Good until the next call.
    const std::string& text(sync::TextId id);
    /// -1 for one that no row has had.
    sync::TextId id_of(const std::string& text);

private:
    static constexpr std::size_t kMostKept = 20'000;  // texts; some MB
    SQLite::Database& database_;
    std::unordered_map<sync::TextId, std::string> texts_;
};

/// Read-only connections of the store, each for one request at a time: what is read is one
/// snapshot, and a statement that runs for too long ends with SQLITE_INTERRUPT. Thread-safe.
class ReadPool {
public:
    static constexpr base::Milliseconds kLongest{1000};  // of one request

    /// Opens nothing yet. `clock` outlives it.
    ReadPool(std::string path, const base::Clock& clock);
    ~ReadPool();

private:
    struct Connection;

public:
    /// A connection within a read transaction, until the lease ends. Does not outlive the pool.
    class Lease {
    public:
        Lease(Lease&&) noexcept;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        SQLite::Database& database() const;
        TextBook& texts() const;

    private:
        friend class ReadPool;
        Lease(ReadPool& pool, std::unique_ptr<Connection> connection);
        ReadPool& pool_;
        std::unique_ptr<Connection> connection_;
    };

    /// Throws SQLite::Exception when the store cannot be opened.
    Lease take();

private:
    static constexpr std::size_t kMostIdle = 4;  // each keeps up to 1 MB of pages

    void put_back(std::unique_ptr<Connection> connection);

    const std::string path_;
    const base::Clock& clock_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace quotafuse::daemon::api
