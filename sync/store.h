#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <SQLiteCpp/Statement.h>

#include "base/clock.h"
#include "base/database.h"
#include "sync/gaps.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// How far the mirror is.
struct Position {
    std::int64_t cursor = 0;  // highest id of the gateway that is stored
    std::vector<Gap> gaps;    // ids below it that may still appear
    bool operator==(const Position&) const = default;
};

/// One append: rows in any order, and what is known of the source after them.
struct Batch {
    std::vector<LogEntry> entries;
    Position position;
};

/// The mirror: the gateway's rows, each exactly once, and the position they reach. One writer.
class Store {
public:
    static base::Schema schema();
    explicit Store(base::Database& database);

    const Position& position() const { return position_; }
    std::int64_t rows() const { return rows_; }
    /// created_at of the newest row, 0 when there is none.
    std::int64_t newest() const { return newest_; }
    Texts& texts() { return texts_; }

    /// Stores what is new of the batch and its position in one transaction; returns the rows that
    /// were not there before. Rows already stored are skipped: a repeat after a crash is harmless.
    std::vector<Row> append(const Batch& batch, base::Second seen);

    /// Rows with after < created_at ≤ until, oldest first.
    void read(std::int64_t after, std::int64_t until, const std::function<void(const Row&)>& visit);

    /// Models × groups that had requests with created_at > after, on whatever channel, busiest
    /// first.
    struct Served {
        std::string group;
        std::string model;
        std::int64_t requests;
    };
    std::vector<Served> served(std::int64_t after);

private:
    Row to_row(const LogEntry& entry, std::int64_t seen_at);
    void store_texts();
    void store_position(const Position& position, std::int64_t rows);

    base::Database& database_;
    Texts texts_;
    std::size_t stored_texts_ = 0;  // ids below it are in the file
    Position position_;
    std::int64_t rows_ = 0;
    std::int64_t newest_ = 0;
    SQLite::Statement insert_row_;
    SQLite::Statement insert_text_;
    SQLite::Statement read_rows_;
};

}  // namespace quotafuse::sync
