#include "sync/log_pages.h"

#include <algorithm>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "sync/rollup_cells.h"
#include "sync/row_query.h"
#include "sync/store_tables.h"
#include "sync/traffic_plan.h"

namespace quotafuse::sync {
namespace {

/// The rollup of one object of the filter, and what to ask it; empty where the filter has none.
std::optional<std::string> hours_with(const TrafficFilter& filter) {
    // Any one of them leaves out hours; the rarest first.
    TrafficFilter one;
    std::string_view table;
    if (filter.token) {
        one.token = filter.token;
        table = "token";
    } else if (filter.ip) {
        return std::nullopt;  // younger than the rows: see narrow_since
    } else if (filter.channel || filter.channels || filter.model) {
        one.channel = filter.channel;
        one.channels = filter.channels;
        one.model = filter.model;
        table = "channel_model";
    } else if (filter.user) {
        one.user = filter.user;
        table = "user";
    } else if (filter.route) {
        one.route = filter.route;
        table = "route";
    } else if (filter.group) {
        one.group = filter.group;
        table = "group";
    } else {
        return std::nullopt;
    }
    return fmt::format("SELECT max(hour) FROM hour_{} WHERE hour >= ?1 AND hour <= ?2{}", table,
                       conditions_of(one));
}

/// Unix second; rows created before it are gone.
std::int64_t kept_since(SQLite::Database& database) {
    SQLite::Statement query{database, "SELECT kept_since FROM upkeep"};
    query.executeStep();
    return query.getColumn(0).getInt64();
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains(std::string_view text, std::string_view part) {
    return std::search(text.begin(), text.end(), part.begin(), part.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

/// While one page is gathered, from the newest row on.
class Gathering {
public:
    Gathering(SQLite::Database& database, const LogQuestion& question)
        : database_(database),
          question_(question),
          from_(
              std::max({base::unix_seconds(question.from), kept_since(database), std::int64_t{0}})),
          before_{base::unix_seconds(question.until), 0},
          left_(question.search.empty() ? LogPages::kMostRows : LogPages::kMostTexts) {
        if (question.after && *question.after < before_) before_ = *question.after;
    }

    LogPage gather() {
        const auto hours = hours_with(question_.of);
        auto from = from_;
        while (!hours || go_to_hour_with(*hours, from)) {
            if (!look_through(from)) return end(before_);
            if (!hours) break;
            before_ = {from, 0};
        }
        page_.searched_to = from_;
        return std::move(page_);
    }

private:
    /// Of one statement: a page is full soon, and a statement can't be left in the middle.
    static constexpr std::int64_t kChunk = 1000;

    /// False when no hour is left. Otherwise `from` is where the next one begins, and what comes
    /// after it is skipped.
    bool go_to_hour_with(const std::string& sql, std::int64_t& from) {
        if (before_.created_at < from_ || before_ <= LogCursor{from_, 0}) return false;
        // Nothing of the second itself is left where only its start is.
        const auto last = before_.id > 0 ? before_.created_at : before_.created_at - 1;
        SQLite::Statement query{database_, sql};
        query.bind(1, hour_of(from_));
        query.bind(2, hour_of(last));
        query.executeStep();
        const auto uncounted = last_uncounted(last);
        if (query.getColumn(0).isNull() && !uncounted) return false;
        const auto counted = query.getColumn(0).isNull() ? 0 : query.getColumn(0).getInt64();
        const auto hour = std::max(counted, uncounted ? hour_of(*uncounted) : 0);
        from = std::max(from_, hour * kSecondsOfHour);
        before_ = std::min(before_, LogCursor{(hour + 1) * kSecondsOfHour, 0});
        return true;
    }

    /// The last second up to this one with a row that counts in nothing and is of the filter, or
    /// one above which there is none; empty when none is left.
    std::optional<std::int64_t> last_uncounted(std::int64_t last) {
        if (knows_uncounted_ && (!uncounted_ || *uncounted_ <= last)) return uncounted_;
        RowQuery query{database_, std::string{"FROM log INDEXED BY log_uncounted WHERE "} +
                                      kUncountedRows +
                                      " AND created_at >= ?1 AND created_at <= ?2 ORDER BY "
                                      "created_at DESC LIMIT ?3"};
        bool found = false;
        auto lowest = last;
        const auto seen = query.each({from_, last, kChunk}, [&](const Row& row) {
            if (found) return;
            lowest = row.created_at;
            found = question_.of.matches(row);
        });
        knows_uncounted_ = true;
        uncounted_.reset();
        if (found || static_cast<std::int64_t>(seen) == kChunk) uncounted_ = lowest;
        return uncounted_;
    }

    /// From `before_` down to `from`. False when the page is full, or as much was looked at as may
    /// be: up to `before_`.
    bool look_through(std::int64_t from) {
        while (left_ > 0) {
            const auto most = std::min(left_, kChunk);
            const auto seen =
                question_.search.empty() ? look_at_rows(from, most) : look_at_texts(from, most);
            if (is_full()) return false;
            if (seen < most) return true;
            left_ -= seen;
        }
        return false;
    }

    std::int64_t look_at_rows(std::int64_t from, std::int64_t most) {
        RowQuery query{database_,
                       "FROM log INDEXED BY log_by_time WHERE created_at >= ?1 AND "
                       "(created_at, id) < (?2, ?3) ORDER BY created_at DESC, id DESC LIMIT ?4"};
        return static_cast<std::int64_t>(
            query.each({from, before_.created_at, before_.id, most}, [&](const Row& row) {
                if (is_full()) return;
                before_ = {row.created_at, row.id};
                take(row);
            }));
    }

    std::int64_t look_at_texts(std::int64_t from, std::int64_t most) {
        SQLite::Statement query{database_,
                                "SELECT created_at, id, content FROM row_text INDEXED BY "
                                "row_text_by_time WHERE created_at >= ?1 AND (created_at, id) < "
                                "(?2, ?3) ORDER BY created_at DESC, id DESC LIMIT ?4"};
        query.bind(1, from);
        query.bind(2, before_.created_at);
        query.bind(3, before_.id);
        query.bind(4, most);
        std::int64_t seen = 0;
        for (; !is_full() && query.executeStep(); ++seen) {
            before_ = {query.getColumn(0).getInt64(), query.getColumn(1).getInt64()};
            if (!contains(query.getColumn(2).getString(), question_.search)) continue;
            if (const auto row = LogPages{database_}.row(before_.id)) take(*row);
        }
        return seen;
    }

    void take(const Row& row) {
        if (!question_.of.matches(row)) return;
        page_.rows.push_back(row);
    }

    bool is_full() const { return page_.rows.size() >= question_.most; }

    LogPage end(const LogCursor& at) {
        page_.next = at;
        page_.searched_to = at.created_at;
        return std::move(page_);
    }

    SQLite::Database& database_;
    const LogQuestion& question_;
    const std::int64_t from_;
    LogCursor before_;  // rows below it are still to be looked at
    std::int64_t left_;
    bool knows_uncounted_ = false;
    std::optional<std::int64_t> uncounted_{};  // see last_uncounted()
    LogPage page_;
};

}  // namespace

LogPage LogPages::page(const LogQuestion& question) const {
    if (question.from >= question.until) return {.searched_to = base::unix_seconds(question.until)};
    return Gathering{database_, question}.gather();
}

std::optional<Row> LogPages::row(std::int64_t id) const {
    RowQuery query{database_, "FROM log WHERE id = ?1"};
    std::optional<Row> found;
    query.each({id}, [&](const Row& row) { found = row; });
    return found;
}

std::optional<LogPages::RowTexts> LogPages::texts(std::int64_t id) const {
    SQLite::Statement query{database_, "SELECT content, other FROM row_text WHERE id = ?"};
    query.bind(1, id);
    if (!query.executeStep()) return std::nullopt;
    return RowTexts{query.getColumn(0).getString(), query.getColumn(1).getString()};
}

std::vector<Row> LogPages::slowest(base::Second from, base::Second until, std::size_t most) const {
    SQLite::Statement query{database_,
                            "SELECT id FROM slowest WHERE hour >= ? AND hour < ? "
                            "ORDER BY latency_ms DESC, id DESC LIMIT ?"};
    query.bind(1, base::unix_seconds(from) / kSecondsOfHour);
    query.bind(2, (base::unix_seconds(until) + kSecondsOfHour - 1) / kSecondsOfHour);
    query.bind(3, static_cast<std::int64_t>(most));
    std::vector<Row> rows;
    while (query.executeStep())
        if (const auto row = this->row(query.getColumn(0).getInt64())) rows.push_back(*row);
    return rows;
}

}  // namespace quotafuse::sync
