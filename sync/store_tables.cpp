#include "sync/store_tables.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "sync/gauge_tables.h"
#include "sync/rollup_functions.h"
#include "sync/rollups.h"
#include "sync/slowest.h"

namespace quotafuse::sync {
namespace {

// Ids and small integers take one byte or none in SQLite's records, so the columns need no packing.
constexpr auto kMigration1 = R"sql(
CREATE TABLE text(id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE log(
    id INTEGER PRIMARY KEY, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    kind INTEGER NOT NULL, flags INTEGER NOT NULL, user INTEGER NOT NULL, token INTEGER NOT NULL,
    channel INTEGER NOT NULL, username INTEGER NOT NULL, token_name INTEGER NOT NULL,
    model INTEGER NOT NULL, grp INTEGER NOT NULL, route INTEGER NOT NULL, quota INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL, status INTEGER NOT NULL,
    error_code INTEGER NOT NULL, request_id INTEGER NOT NULL, ip INTEGER NOT NULL, attempts INTEGER NOT NULL);
CREATE INDEX log_by_time ON log(created_at);
CREATE TABLE position(one INTEGER PRIMARY KEY CHECK(one = 1), cursor INTEGER NOT NULL, rows INTEGER NOT NULL);
INSERT INTO position VALUES(1, 0, 0);
CREATE TABLE gap(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, deadline INTEGER NOT NULL);
)sql";

// Epochs, the audit of gaps, rollups, texts of failed and slow requests, retention. Addresses were
// texts of the dictionary, which grew with each new one. upkeep: the rows with rolled_up < id ≤
// roll_up_to are not in the rollups yet. bounded: the text came as a route or an error code, of
// which there is a most.
constexpr auto kMigration2 = R"sql(
CREATE TABLE epoch(number INTEGER PRIMARY KEY, first INTEGER NOT NULL, noticed_at INTEGER NOT NULL);
INSERT INTO epoch VALUES(0, 1, 0);
ALTER TABLE position ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE position ADD COLUMN anchor_created_at INTEGER;
ALTER TABLE position ADD COLUMN anchor_user INTEGER;
ALTER TABLE position ADD COLUMN anchor_token INTEGER;
ALTER TABLE position ADD COLUMN anchor_channel INTEGER;
ALTER TABLE position ADD COLUMN anchor_quota INTEGER;
ALTER TABLE position ADD COLUMN anchor_prompt_tokens INTEGER;
ALTER TABLE position ADD COLUMN anchor_completion_tokens INTEGER;
UPDATE position SET (anchor_created_at, anchor_user, anchor_token, anchor_channel, anchor_quota,
    anchor_prompt_tokens, anchor_completion_tokens) =
    (SELECT created_at, user, token, channel, quota, prompt_tokens, completion_tokens
     FROM log WHERE id = position.cursor);
ALTER TABLE gap RENAME COLUMN deadline TO due;
ALTER TABLE gap ADD COLUMN stage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE text ADD COLUMN bounded INTEGER NOT NULL DEFAULT 0;
CREATE TABLE row_text(
    id INTEGER PRIMARY KEY, created_at INTEGER NOT NULL, content TEXT NOT NULL, other TEXT NOT NULL);
CREATE INDEX row_text_by_time ON row_text(created_at);
CREATE TABLE upkeep(
    one INTEGER PRIMARY KEY CHECK(one = 1), rolled_up INTEGER NOT NULL, roll_up_to INTEGER NOT NULL,
    kept_since INTEGER NOT NULL);
INSERT INTO upkeep SELECT 1, ifnull(min(id), 1) - 1, ifnull(max(id), 0), 0 FROM log;
CREATE TEMP TABLE former_ip AS SELECT DISTINCT ip AS id FROM log WHERE ip <> 0;
UPDATE log SET ip = address_number((SELECT value FROM text WHERE id = log.ip)) WHERE ip <> 0;
DELETE FROM text WHERE id IN (SELECT id FROM former_ip) AND id NOT IN (
    SELECT username FROM log UNION SELECT token_name FROM log UNION SELECT model FROM log
    UNION SELECT grp FROM log UNION SELECT route FROM log UNION SELECT error_code FROM log);
DROP TABLE former_ip;
)sql";

// seen_at was the wall clock's second of storing; it becomes the engine's second of taking the row
// in, and created_at for rows of a back-fill, as which all count here that came long after. The
// index holds the few that came late since: see kLateBy.
constexpr auto kMigration3 = R"sql(
UPDATE log SET seen_at = created_at WHERE abs(seen_at - created_at) > 120;
CREATE INDEX log_late ON log(seen_at) WHERE seen_at > created_at + 120;
)sql";
static_assert(kLateBy == 120, "the index above holds what it says");

// The few rows that no rollup knows of: see kUncountedRows.
constexpr auto kMigration6 = R"sql(
CREATE INDEX log_uncounted ON log(created_at)
    WHERE kind IN (0, 4) OR (kind = 2 AND flags & 2);
)sql";

void address_number(sqlite3_context* context, int /*arguments*/, sqlite3_value** values) {
    const auto* const text = sqlite3_value_text(values[0]);
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[0]));
    sqlite3_result_int64(
        context,
        text == nullptr
            ? 0
            : parse_address({static_cast<const char*>(static_cast<const void*>(text)), size}));
}

constexpr int kStreamFlag = 1;
constexpr int kTaskFlag = 4;
constexpr int kStreamEndShift = 3;

int flags_of(const Row& row) {
    return (row.stream ? kStreamFlag : 0) | (row.channel_test ? kChannelTestFlag : 0) |
           (row.task ? kTaskFlag : 0) | (static_cast<int>(row.stream_end) << kStreamEndShift);
}

}  // namespace

base::Schema store_schema() {
    return {"sync",
            {kMigration1, kMigration2 + Rollups::tables(), kMigration3 + gauge_tables(),
             Rollups::more_tables() + Slowest::table(), Rollups::totals_tables(), kMigration6},
            [](SQLite::Database& db) {
                add_rollup_functions(db);
                db.createFunction("address_number", 1, true, nullptr, address_number);
            }};
}

const std::string& row_columns() {
    static const std::string kList =
        "id, created_at, seen_at, kind, flags, user, token, channel, username, token_name, model, "
        "grp, route, quota, prompt_tokens, completion_tokens, cache_tokens, latency_ms, "
        "first_token_ms, status, error_code, request_id, ip, attempts";
    return kList;
}

void visit_late_rows(RowQuery& query, std::int64_t after, std::int64_t until, std::int64_t seen,
                     const std::function<void(const Row&)>& visit) {
    std::vector<Row> rows;
    query.each({after, until, seen}, [&](const Row& row) { rows.push_back(row); });
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return std::pair{a.created_at, a.id} < std::pair{b.created_at, b.id};
    });
    for (const auto& row : rows) visit(row);
}

std::string insert_row_sql() {
    std::string marks = "?";
    for (int i = 1; i < kRowColumns; ++i) marks += ", ?";
    return "INSERT INTO log(" + row_columns() + ") VALUES(" + marks +
           ") ON CONFLICT(id) DO NOTHING";
}

void bind_row(SQLite::Statement& statement, const Row& row) {
    int i = 0;
    for (const std::int64_t value : {row.id,
                                     row.created_at,
                                     row.seen_at,
                                     static_cast<std::int64_t>(row.kind),
                                     static_cast<std::int64_t>(flags_of(row)),
                                     row.user,
                                     row.token,
                                     row.channel,
                                     static_cast<std::int64_t>(row.username),
                                     static_cast<std::int64_t>(row.token_name),
                                     static_cast<std::int64_t>(row.model),
                                     static_cast<std::int64_t>(row.group),
                                     static_cast<std::int64_t>(row.route),
                                     row.quota,
                                     row.prompt_tokens,
                                     row.completion_tokens,
                                     row.cache_tokens,
                                     row.latency_ms,
                                     row.first_token_ms,
                                     static_cast<std::int64_t>(row.status),
                                     static_cast<std::int64_t>(row.error_code),
                                     static_cast<std::int64_t>(row.request_id),
                                     row.ip,
                                     static_cast<std::int64_t>(row.attempts)}) {
        statement.bind(++i, value);
    }
}

void apply_flags(int flags, Row& row) {
    row.stream = (flags & kStreamFlag) != 0;
    row.channel_test = (flags & kChannelTestFlag) != 0;
    row.task = (flags & kTaskFlag) != 0;
    row.stream_end = static_cast<StreamEnd>(flags >> kStreamEndShift);
}

Fingerprint read_fingerprint(const SQLite::Statement& statement, int from) {
    const auto next = [&] { return statement.getColumn(from++).getInt64(); };
    Fingerprint fingerprint;
    fingerprint.created_at = next();
    fingerprint.user = next();
    fingerprint.token = next();
    fingerprint.channel = next();
    fingerprint.quota = next();
    fingerprint.prompt_tokens = next();
    fingerprint.completion_tokens = next();
    return fingerprint;
}

void bind_fingerprint(SQLite::Statement& statement, int from, const Fingerprint& fingerprint) {
    for (const auto value :
         {fingerprint.created_at, fingerprint.user, fingerprint.token, fingerprint.channel,
          fingerprint.quota, fingerprint.prompt_tokens, fingerprint.completion_tokens}) {
        statement.bind(from++, value);
    }
}

std::vector<Gap> read_gaps(base::Database& database) {
    std::vector<Gap> gaps;
    SQLite::Statement query{database.handle(),
                            "SELECT first, last, due, stage FROM gap ORDER BY first"};
    while (query.executeStep()) {
        gaps.push_back({query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                        query.getColumn(2).getInt64(), query.getColumn(3).getInt()});
    }
    return gaps;
}

void write_gaps(base::Database& database, const std::vector<Gap>& former,
                const std::vector<Gap>& now) {
    if (former == now) return;
    SQLite::Statement remove{database.handle(), "DELETE FROM gap WHERE first = ?"};
    SQLite::Statement put{database.handle(),
                          "INSERT INTO gap(first, last, due, stage) VALUES(?, ?, ?, ?) "
                          "ON CONFLICT(first) DO UPDATE SET last = excluded.last, "
                          "due = excluded.due, stage = excluded.stage"};
    auto old = former.begin();
    auto next = now.begin();
    while (old != former.end() || next != now.end()) {
        if (next == now.end() || (old != former.end() && old->first < next->first)) {
            remove.bind(1, old->first);
            remove.exec();
            remove.reset();
            ++old;
            continue;
        }
        const bool known = old != former.end() && old->first == next->first;
        if (!known || *old != *next) {
            put.bind(1, next->first);
            put.bind(2, next->last);
            put.bind(3, next->due);
            put.bind(4, next->stage);
            put.exec();
            put.reset();
        }
        if (known) ++old;
        ++next;
    }
}

}  // namespace quotafuse::sync
