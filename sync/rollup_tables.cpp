#include "sync/rollup_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/address.h"

namespace quotafuse::sync {
namespace {

// WITHOUT ROWID: the key is in the order in which hours come and go, and is stored once.
constexpr auto kSchema = R"sql(
CREATE TABLE hour_channel_model(
    hour INTEGER NOT NULL, channel INTEGER NOT NULL, model INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL, empty_replies INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL,
    latency BLOB, first_token BLOB, minutes BLOB,
    PRIMARY KEY(hour, channel, model)) WITHOUT ROWID;
CREATE TABLE day_channel_model(
    day INTEGER NOT NULL, channel INTEGER NOT NULL, model INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL, empty_replies INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL,
    latency BLOB, first_token BLOB,
    PRIMARY KEY(day, channel, model)) WITHOUT ROWID;
CREATE TABLE hour_token(
    hour INTEGER NOT NULL, token INTEGER NOT NULL, user INTEGER NOT NULL, token_name INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(hour, token, user, token_name)) WITHOUT ROWID;
CREATE TABLE day_token(
    day INTEGER NOT NULL, token INTEGER NOT NULL, user INTEGER NOT NULL, token_name INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(day, token, user, token_name)) WITHOUT ROWID;
CREATE TABLE hour_user(
    hour INTEGER NOT NULL, user INTEGER NOT NULL, username INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(hour, user, username)) WITHOUT ROWID;
CREATE TABLE day_user(
    day INTEGER NOT NULL, user INTEGER NOT NULL, username INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(day, user, username)) WITHOUT ROWID;
CREATE TABLE hour_group(
    hour INTEGER NOT NULL, grp INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(hour, grp)) WITHOUT ROWID;
CREATE TABLE day_group(
    day INTEGER NOT NULL, grp INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(day, grp)) WITHOUT ROWID;
CREATE TABLE hour_route(
    hour INTEGER NOT NULL, route INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(hour, route)) WITHOUT ROWID;
CREATE TABLE day_route(
    day INTEGER NOT NULL, route INTEGER NOT NULL,
    answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    quota INTEGER NOT NULL, refund INTEGER NOT NULL,
    PRIMARY KEY(day, route)) WITHOUT ROWID;
-- Hours before `closed` are in the days, made with `zone`. Hours before `minutes_gone` have no
-- minutes any more. Some hours before `kept_until` are gone; they all belong to `kept_day` or
-- earlier.
CREATE TABLE rollup_state(
    one INTEGER PRIMARY KEY CHECK(one = 1), zone TEXT NOT NULL, closed INTEGER NOT NULL,
    minutes_gone INTEGER NOT NULL, kept_day INTEGER NOT NULL, kept_until INTEGER NOT NULL);
INSERT INTO rollup_state VALUES(1, '', 0, 0, -1000000, 0);
)sql";

// Hours before `narrow_since` may lack rows of the tables by ip and by error, which are younger
// than the others.
constexpr auto kSchemaByMore = R"sql(
CREATE TABLE hour_ip(
    hour INTEGER NOT NULL, ip INTEGER NOT NULL, {0},
    PRIMARY KEY(hour, ip)) WITHOUT ROWID;
CREATE TABLE day_ip(
    day INTEGER NOT NULL, ip INTEGER NOT NULL, {0},
    PRIMARY KEY(day, ip)) WITHOUT ROWID;
CREATE TABLE hour_error(
    hour INTEGER NOT NULL, channel INTEGER NOT NULL, status INTEGER NOT NULL, code INTEGER NOT NULL, {0},
    PRIMARY KEY(hour, channel, status, code)) WITHOUT ROWID;
CREATE TABLE day_error(
    day INTEGER NOT NULL, channel INTEGER NOT NULL, status INTEGER NOT NULL, code INTEGER NOT NULL, {0},
    PRIMARY KEY(day, channel, status, code)) WITHOUT ROWID;
CREATE TABLE hour_channel(
    hour INTEGER NOT NULL, channel INTEGER NOT NULL, {0}, {1},
    PRIMARY KEY(hour, channel)) WITHOUT ROWID;
CREATE TABLE day_channel(
    day INTEGER NOT NULL, channel INTEGER NOT NULL, {0}, {1},
    PRIMARY KEY(day, channel)) WITHOUT ROWID;
CREATE TABLE hour_model(
    hour INTEGER NOT NULL, model INTEGER NOT NULL, {0}, {1},
    PRIMARY KEY(hour, model)) WITHOUT ROWID;
CREATE TABLE day_model(
    day INTEGER NOT NULL, model INTEGER NOT NULL, {0}, {1},
    PRIMARY KEY(day, model)) WITHOUT ROWID;
ALTER TABLE rollup_state ADD COLUMN narrow_since INTEGER NOT NULL DEFAULT 0;
UPDATE rollup_state SET narrow_since = ifnull((SELECT max(hour) FROM hour_group), -1) + 1;
)sql";
// What those tables had when they were made: a migration never changes.
constexpr auto kSumsOfMore =
    "answers INTEGER NOT NULL, errors INTEGER NOT NULL, client_errors INTEGER NOT NULL, "
    "prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, "
    "cache_tokens INTEGER NOT NULL, quota INTEGER NOT NULL, refund INTEGER NOT NULL";
constexpr auto kTimesOfMore =
    "empty_replies INTEGER NOT NULL, latency_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL, "
    "latency BLOB, first_token BLOB";
constexpr auto kSumUpMore = R"sql(
INSERT INTO {0}_{1}({0}, {1}, answers, errors, client_errors, prompt_tokens, completion_tokens,
    cache_tokens, quota, refund, empty_replies, latency_ms, first_token_ms, latency, first_token)
SELECT {0}, {1}, answers, errors, client_errors, prompt_tokens, completion_tokens,
    cache_tokens, quota, refund, empty_replies, latency_ms, first_token_ms, latency, first_token
FROM {0}_channel_model WHERE {2}
ON CONFLICT DO UPDATE SET answers = answers + excluded.answers, errors = errors + excluded.errors,
    client_errors = client_errors + excluded.client_errors,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    cache_tokens = cache_tokens + excluded.cache_tokens, quota = quota + excluded.quota,
    refund = refund + excluded.refund, empty_replies = empty_replies + excluded.empty_replies,
    latency_ms = latency_ms + excluded.latency_ms,
    first_token_ms = first_token_ms + excluded.first_token_ms,
    latency = merge_histograms(latency, excluded.latency),
    first_token = merge_histograms(first_token, excluded.first_token);
)sql";

using Names = std::vector<std::string_view>;

std::string_view name_of(RollupSpan span) {
    return span == RollupSpan::hour ? "hour" : "day";
}

Names keys_of(const RollupTable& table, RollupSpan span) {
    Names names{name_of(span)};
    names.insert(names.end(), table.keys.begin(), table.keys.end());
    return names;
}

Names sums_of(const RollupTable& table) {
    Names names{kRollupSums.begin(), kRollupSums.end()};
    if (table.times) names.insert(names.end(), kRollupTimeSums.begin(), kRollupTimeSums.end());
    return names;
}

Names blobs_of(const RollupTable& table, RollupSpan span) {
    if (!table.times) return {};
    if (span == RollupSpan::hour && table.minutes) return {"latency", "first_token", "minutes"};
    return {"latency", "first_token"};
}

Names values_of(const RollupTable& table, RollupSpan span) {
    auto names = sums_of(table);
    const auto blobs = blobs_of(table, span);
    names.insert(names.end(), blobs.begin(), blobs.end());
    return names;
}

std::string insert_into(const RollupTable& table, RollupSpan span) {
    return fmt::format("INSERT INTO {}_{}({}, {}) ", name_of(span), table.name,
                       fmt::join(keys_of(table, span), ", "),
                       fmt::join(values_of(table, span), ", "));
}

/// What an INSERT does to a row that is there.
std::string or_add(const RollupTable& table, RollupSpan span) {
    std::vector<std::string> sets;
    for (const auto sum : sums_of(table)) {
        sets.push_back(fmt::format("{0} = {0} + excluded.{0}", sum));
    }
    for (const auto blob : blobs_of(table, span)) {
        sets.push_back(fmt::format("{0} = {1}({0}, excluded.{0})", blob,
                                   blob == "minutes" ? "merge_minutes" : "merge_histograms"));
    }
    return fmt::format(" ON CONFLICT DO UPDATE SET {}", fmt::join(sets, ", "));
}

/// All but the largest ?2 of the hour or day ?1, always the same ones. What costs most comes first,
/// then what works most.
std::string where_small(const RollupTable& table, RollupSpan span) {
    return fmt::format(
        "FROM {0}_{1} WHERE {0} = ?1 AND {2} IN (SELECT {2} FROM {0}_{1} WHERE {0} = ?1 AND {2} <> "
        "{3} "
        "ORDER BY quota DESC, prompt_tokens + completion_tokens DESC, "
        "answers + errors + client_errors DESC, {2} LIMIT -1 OFFSET ?2)",
        name_of(span), table.name, table.keys.front(), kOtherAddresses);
}

}  // namespace

const std::array<RollupTable, kRollupTables>& rollup_tables() {
    static const std::array<RollupTable, kRollupTables> kTables{{
        {"channel_model", {"channel", "model"}, true, true},
        {"token", {"token", "user", "token_name"}, false, false},
        {"user", {"user", "username"}, false, false},
        {"group", {"grp"}, false, false},
        {"route", {"route"}, false, false},
        {"ip", {"ip"}, false, false, 100, 500},
        {"error", {"channel", "status", "code"}, false, false},
        {"channel", {"channel"}, true, false},
        {"model", {"model"}, true, false},
    }};
    return kTables;
}

std::string rollup_schema() {
    return kSchema;
}

std::string rollup_schema_by_more() {
    auto sql = fmt::format(kSchemaByMore, kSumsOfMore, kTimesOfMore);
    for (const auto* const key : {"channel", "model"}) {
        sql += fmt::format(kSumUpMore, "hour", key, "hour < (SELECT closed FROM rollup_state)");
        sql += fmt::format(kSumUpMore, "day", key, "true");
    }
    return sql;
}

std::string upsert_rollup(const RollupTable& table, RollupSpan span) {
    const auto columns = keys_of(table, span).size() + values_of(table, span).size();
    const std::vector<std::string_view> marks(columns, "?");
    return insert_into(table, span) + fmt::format("VALUES({})", fmt::join(marks, ", ")) +
           or_add(table, span);
}

std::string fold_rollup(const RollupTable& table) {
    return insert_into(table, RollupSpan::day) +
           fmt::format("SELECT ?1, {}, {} FROM hour_{} WHERE hour = ?2",
                       fmt::join(table.keys, ", "),
                       fmt::join(values_of(table, RollupSpan::day), ", "), table.name) +
           or_add(table, RollupSpan::day);
}

std::string sum_up_rollup(const RollupTable& table) {
    return insert_into(table, RollupSpan::hour) +
           fmt::format("SELECT ?1, {}, {} FROM hour_channel_model WHERE hour = ?1",
                       fmt::join(table.keys, ", "),
                       fmt::join(values_of(table, RollupSpan::hour), ", ")) +
           or_add(table, RollupSpan::hour);
}

std::string count_rollup(const RollupTable& table, RollupSpan span) {
    return fmt::format("SELECT count(*) FROM {0}_{1} WHERE {0} = ?", name_of(span), table.name);
}

std::string sum_up_small(const RollupTable& table, RollupSpan span) {
    std::vector<std::string> sums;
    for (const auto sum : sums_of(table)) sums.push_back(fmt::format("sum({})", sum));
    return insert_into(table, span) +
           fmt::format("SELECT ?1, {}, {} {} GROUP BY {}", kOtherAddresses, fmt::join(sums, ", "),
                       where_small(table, span), name_of(span)) +
           or_add(table, span);
}

std::string delete_small(const RollupTable& table, RollupSpan span) {
    return "DELETE " + where_small(table, span);
}

std::string delete_rollup(const RollupTable& table, RollupSpan span) {
    const auto keys = keys_of(table, span);
    return fmt::format(
        "DELETE FROM {0}_{1} WHERE ({2}) IN (SELECT {2} FROM {0}_{1} WHERE {0} < ? LIMIT ?)",
        name_of(span), table.name, fmt::join(keys, ", "));
}

}  // namespace quotafuse::sync
