#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/temp_dir.h"
#include "sync/rollup_functions.h"
#include "sync/rollups.h"

namespace quotafuse::tests {

using sync::Row;

inline constexpr std::int64_t kHour = 3600;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::int64_t kMonday = 1'767'571'200;  // 2026-01-05 00:00 UTC
inline constexpr int kShanghaiHours = 8;                // ahead of UTC, all year round

inline const std::vector<std::string> kDimensions{
    "channel_model", "token", "user", "group", "route", "ip", "error", "channel", "model"};
/// Those whose times are kept; the last two have no minutes, and closed hours only.
inline bool has_times(const std::string& dimension) {
    return dimension == "channel_model" || dimension == "channel" || dimension == "model";
}

inline const std::map<std::string, std::string> kKeys{{"channel_model", "channel, model"},
                                                      {"token", "token, user, token_name"},
                                                      {"user", "user, username"},
                                                      {"group", "grp"},
                                                      {"route", "route"},
                                                      {"ip", "ip"},
                                                      {"error", "channel, status, code"},
                                                      {"channel", "channel"},
                                                      {"model", "model"}};
inline constexpr auto kSumColumns =
    "answers, errors, client_errors, prompt_tokens, completion_tokens, cache_tokens, quota, refund";
inline constexpr auto kTimeSumColumns = ", empty_replies, latency_ms, first_token_ms";

// The rows once more, for SQL to sum.
inline constexpr auto kRows = R"sql(
CREATE TABLE entry(
    hour INTEGER, day INTEGER, kind INTEGER, channel_test INTEGER, task INTEGER, attempts INTEGER,
    channel INTEGER, model INTEGER, token INTEGER, user INTEGER, token_name INTEGER,
    username INTEGER, grp INTEGER, route INTEGER, ip INTEGER, status INTEGER, code INTEGER, code_name TEXT,
    stream_end INTEGER,
    prompt_tokens INTEGER, completion_tokens INTEGER, cache_tokens INTEGER, quota INTEGER,
    latency_ms INTEGER, first_token_ms INTEGER, stream INTEGER);
)sql";

/// A file with the tables and rollups on it.
class Ledger {
public:
    explicit Ledger(const std::string& zone = "Asia/Shanghai")
        : database_(folder_.file("rollups.db"),
                    {base::Schema{"sync",
                                  {std::string{kRows} + sync::Rollups::tables(),
                                   sync::Rollups::more_tables(), sync::Rollups::totals_tables()},
                                  sync::add_rollup_functions}}) {
        database_.set_durable(false);  // no test here cuts the power
        use_zone(zone);
    }

    void use_zone(const std::string& zone) {
        rollups_.emplace(database_, texts_, *base::TimeZone::find(zone));
    }
    void add(const std::vector<Row>& rows) { add_part(rows, 0); }
    void add_part(std::span<const Row> rows, std::int64_t minutes_since) {
        base::WriteTransaction transaction{database_};
        std::int64_t now = 0;
        for (const auto& row : rows) now = std::max(now, row.seen_at);
        rollups_->add(rows, minutes_since, now);
        transaction.commit();
    }
    bool expire(std::int64_t minutes, std::int64_t hours, std::optional<std::int64_t> days,
                int most = 1'000'000) {
        base::WriteTransaction transaction{database_};
        const bool more = rollups_->expire(minutes, hours, days, most);
        transaction.commit();
        return more;
    }
    bool follow_zone() {
        base::WriteTransaction transaction{database_};
        const bool did = rollups_->follow_zone();
        transaction.commit();
        return did;
    }

    std::vector<std::string> list(const std::string& sql) {
        SQLite::Statement query{database_.handle(), sql};
        std::vector<std::string> lines;
        while (query.executeStep()) {
            std::string line;
            for (int i = 0; i < query.getColumnCount(); ++i)
                line += query.getColumn(i).getString() + "|";
            lines.push_back(std::move(line));
        }
        return lines;
    }
    std::int64_t number(const std::string& sql) {
        SQLite::Statement query{database_.handle(), sql};
        query.executeStep();
        return query.getColumn(0).getInt64();
    }
    /// Everything in the tables, or in those of one span.
    std::vector<std::string> dump(const std::string& span) {
        std::vector<std::string> lines;
        for (const auto& dimension : kDimensions) {
            const auto& keys = kKeys.at(dimension);
            const bool times = has_times(dimension);
            const bool minutes = dimension == "channel_model" && span == "hour";
            auto sql = fmt::format("SELECT {}, {}, {}", span, keys, kSumColumns);
            if (times) sql += std::string{kTimeSumColumns} + ", hex(latency), hex(first_token)";
            if (minutes) sql += ", hex(minutes)";
            for (auto& line :
                 list(sql + fmt::format(" FROM {0}_{1} ORDER BY {0}, {2}", span, dimension, keys)))
                lines.push_back(dimension + ": " + line);
        }
        return lines;
    }
    std::int64_t closed() { return number("SELECT closed FROM rollup_state"); }
    base::Database& database() { return database_; }
    sync::Rollups& rollups() { return *rollups_; }
    sync::Texts& texts() { return texts_; }

private:
    TempDir folder_;
    base::Database database_;
    sync::Texts texts_;
    std::optional<sync::Rollups> rollups_;
};

inline Row request(std::int64_t created_at) {
    Row row;
    row.kind = sync::Kind::consume;
    row.created_at = row.seen_at = created_at;
    row.channel = 3;
    row.token = 12;
    row.user = 7;
    row.quota = 500;
    row.prompt_tokens = 60;
    row.completion_tokens = 40;
    row.latency_ms = 1000;
    return row;
}

/// Rows of some days: mostly in order, some hours late, some ahead of the clock.
class RandomRows {
public:
    RandomRows(std::uint64_t seed, sync::Texts& texts) : random_(seed) {
        blocked_ = texts.add("prompt_blocked");
        for (int i = 0; i < 12; ++i) names_.push_back(texts.add(fmt::format("name-{}", i)));
    }
    std::vector<Row> rows(std::int64_t from, std::int64_t until, int count) {
        std::vector<Row> rows;
        for (int i = 0; i < count; ++i) rows.push_back(row(i, from + (until - from) * i / count));
        return rows;
    }
    std::mt19937_64& random() { return random_; }

private:
    std::int64_t below(std::int64_t n) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    }
    sync::TextId name(int first, int count) {
        return names_[static_cast<std::size_t>(first + below(count))];
    }
    Row row(std::int64_t id, std::int64_t now) {
        Row row;
        row.id = sync::row_id(below(3), id);
        row.seen_at = now;
        const auto when = below(20);
        row.created_at = when < 16 ? now : when < 19 ? now - below(2 * kDay) : now + below(9000);
        const auto kind = below(12);
        row.kind = kind < 7    ? sync::Kind::consume
                   : kind < 9  ? sync::Kind::error
                   : kind < 10 ? sync::Kind::refund
                   : kind < 11 ? sync::Kind::test
                               : sync::Kind::other;
        row.channel = below(5);
        row.model = name(0, 4);
        // One API has no token ids.
        row.token = below(2) * (1 + below(6));
        row.token_name = name(4, 3);
        row.user = 1 + below(3);
        row.username = name(7, 2);
        row.group = name(9, 2);
        row.route = name(10, 2);
        row.ip = below(3) * 77;
        row.prompt_tokens = below(20'000);
        row.completion_tokens = below(4) * below(1000);
        row.cache_tokens = below(2) * below(9000);
        row.quota = below(3) * below(100'000) - below(2) * 10;
        row.latency_ms = below(6) == 0 ? sync::LogEntry::kUnknown : below(60) * 1000;
        row.first_token_ms = below(3) == 0 ? sync::LogEntry::kUnknown : below(5000);
        row.stream = below(2) == 0;
        row.stream_end = static_cast<sync::StreamEnd>(below(4));
        row.attempts = static_cast<int>(1 + below(2));
        row.channel_test = below(9) == 0;
        row.task = below(9) == 0;
        if (row.kind != sync::Kind::error) return row;
        const int statuses[] = {0, 400, 404, 413, 422, 429, 500, 503};
        row.status = statuses[below(8)];
        row.error_code = below(6) == 0 ? blocked_ : name(0, 2);
        return row;
    }

    std::mt19937_64 random_;
    sync::TextId blocked_ = 0;
    std::vector<sync::TextId> names_;
};

/// Adds the rows in batches of any size.
inline void add_in_batches(Ledger& ledger, const std::vector<Row>& rows, std::mt19937_64& random,
                           std::size_t most, std::int64_t minutes_since = 0) {
    for (std::size_t i = 0; i < rows.size();) {
        const auto count = std::min<std::size_t>(1 + random() % most, rows.size() - i);
        ledger.add_part({&rows[i], count}, minutes_since);
        i += count;
    }
}

inline std::vector<std::int64_t> days_of(Ledger& ledger) {
    std::vector<std::int64_t> days;
    for (const auto& line : ledger.list("SELECT day FROM day_user ORDER BY day"))
        days.push_back(std::stoll(line));
    return days;
}

/// One request in each hour, all of one key; the last hour stays open.
inline std::vector<Row> hourly(std::int64_t from, int hours) {
    std::vector<Row> rows;
    for (int i = 0; i < hours; ++i) rows.push_back(request(from + i * kHour + 60));
    return rows;
}

}  // namespace quotafuse::tests
