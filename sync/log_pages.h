#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "sync/traffic_question.h"

namespace quotafuse::sync {

/// Where a page of rows ends: the next one begins below it.
struct LogCursor {
    std::int64_t created_at = 0;
    std::int64_t id = 0;  // see row_id()
    auto operator<=>(const LogCursor&) const = default;
};

/// Which rows: from ≤ created_at < until, and all that is set.
struct LogQuestion {
    TrafficFilter of{};
    base::Second from{};
    base::Second until{};
    std::string search{};  // in the text of failed and slow requests, of whatever case (ASCII)
    std::optional<LogCursor> after{};
    std::size_t most = 100;  // rows of a page
};

/// Newest first. A page may be short, even empty, before everything was looked at: then `next` is
/// set and `searched_to` tells how far it came (unix seconds); without `next` there is nothing
/// more.
struct LogPage {
    std::vector<Row> rows{};
    std::optional<LogCursor> next{};
    std::int64_t searched_to = 0;
};

/// Pages of the mirrored rows, on a connection of whoever asks. One page looks at no more than
/// kMostRows rows, and of hours that have nothing of one of the filter's objects at none: the
/// rollups tell, and of rows that count in nothing, as failed tests of channels, an index of their
/// own. Throws SQLite::Exception.
class LogPages {
public:
    static constexpr std::int64_t kMostRows = 20'000;
    /// Texts are longer than rows.
    static constexpr std::int64_t kMostTexts = 4'000;

    explicit LogPages(SQLite::Database& database) : database_(database) {}

    LogPage page(const LogQuestion& question) const;
    /// One row by its id; empty where it is not there (any more).
    std::optional<Row> row(std::int64_t id) const;
    /// What is kept of a failed or slow request: its content and `other`.
    struct RowTexts {
        std::string content;
        std::string other;
    };
    std::optional<RowTexts> texts(std::int64_t id) const;
    /// The slowest answers of hours that begin at from ≤ t < until, slowest first.
    std::vector<Row> slowest(base::Second from, base::Second until, std::size_t most) const;

private:
    SQLite::Database& database_;
};

}  // namespace quotafuse::sync
