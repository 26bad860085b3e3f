#include "sync/gauge_tables.h"

#include <algorithm>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace quotafuse::sync {
namespace {

// A gauge is a series; it changes at `at` to `value`, NULL where it has none. Only changes are
// stored: what a gauge was at any second is its newest change before, one look at the key.
// thinned_to, expired_to: so far expire_gauges() has come, by `at`.
constexpr auto kTables = R"sql(
CREATE TABLE gauge_series(
    id INTEGER PRIMARY KEY, gauge INTEGER NOT NULL, object INTEGER NOT NULL, grp INTEGER NOT NULL,
    model INTEGER NOT NULL, UNIQUE(gauge, object, grp, model));
CREATE TABLE gauge_change(
    series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL, PRIMARY KEY(series, at)) WITHOUT ROWID;
CREATE INDEX gauge_change_by_time ON gauge_change(at);
CREATE TABLE gateway_channel(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, status INTEGER NOT NULL, provider INTEGER NOT NULL,
    tag INTEGER NOT NULL);
CREATE TABLE gateway_token(id INTEGER PRIMARY KEY, name TEXT NOT NULL, user INTEGER NOT NULL);
CREATE TABLE gateway_user(id INTEGER PRIMARY KEY, name TEXT NOT NULL, grp INTEGER NOT NULL);
CREATE TABLE gateway_state(
    one INTEGER PRIMARY KEY CHECK(one = 1), known INTEGER NOT NULL, quota_per_unit REAL NOT NULL,
    thinned_to INTEGER NOT NULL, expired_to INTEGER NOT NULL);
INSERT INTO gateway_state VALUES(1, 0, 500000, 0, 0);
)sql";

constexpr std::int64_t kHour = 3600;

struct Passed {
    std::int64_t series;
    std::int64_t at;
    bool empty;
};

/// The next changes after a second, before another, in whole seconds: the last one is complete.
std::vector<Passed> next_changes(SQLite::Database& db, std::int64_t after, std::int64_t before,
                                 int most) {
    SQLite::Statement query{
        db,
        "SELECT series, at, value IS NULL FROM gauge_change INDEXED BY gauge_change_by_time "
        "WHERE at > ?1 AND at < ?2 AND at <= ifnull((SELECT at FROM gauge_change "
        "INDEXED BY gauge_change_by_time WHERE at > ?1 ORDER BY at LIMIT 1 OFFSET ?3), ?2) "
        "ORDER BY at, series"};
    query.bind(1, after);
    query.bind(2, before);
    query.bind(3, most - 1);
    std::vector<Passed> passed;
    while (query.executeStep()) {
        passed.push_back({query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                          query.getColumn(2).getInt() != 0});
    }
    return passed;
}

void run(SQLite::Statement& statement, std::initializer_list<std::int64_t> arguments) {
    int i = 0;
    for (const auto argument : arguments) statement.bind(++i, argument);
    statement.exec();
    statement.reset();
}

/// Deletes each change after which another one came in the same hour.
void thin(SQLite::Database& db, const std::vector<Passed>& changes) {
    SQLite::Statement remove{
        db,
        "DELETE FROM gauge_change WHERE series = ?1 AND at = ?2 AND EXISTS "
        "(SELECT 1 FROM gauge_change WHERE series = ?1 AND at > ?2 AND at < ?3)"};
    for (const auto& change : changes) {
        run(remove, {change.series, change.at, (change.at / kHour + 1) * kHour});
    }
}

/// Deletes what each change ended, and itself where it is the end of a gauge.
void end_former(SQLite::Database& db, const std::vector<Passed>& changes) {
    SQLite::Statement former{db, "DELETE FROM gauge_change WHERE series = ? AND at < ?"};
    SQLite::Statement last{db, "DELETE FROM gauge_change WHERE series = ? AND at = ?"};
    SQLite::Statement series{db,
                             "DELETE FROM gauge_series WHERE id = ?1 AND NOT EXISTS "
                             "(SELECT 1 FROM gauge_change WHERE series = ?1)"};
    for (const auto& change : changes) {
        run(former, {change.series, change.at});
        if (!change.empty) continue;
        run(last, {change.series, change.at});
        run(series, {change.series});
    }
}

}  // namespace

std::string gauge_tables() {
    return kTables;
}

GaugeChange read_change(const SQLite::Statement& query) {
    GaugeChange change;
    change.key.gauge = static_cast<Gauge>(query.getColumn(0).getInt());
    change.key.object = query.getColumn(1).getInt64();
    change.key.group = query.getColumn(2).getInt();
    change.key.model = query.getColumn(3).getInt();
    change.at = query.getColumn(4).getInt64();
    if (!query.isColumnNull(5)) change.value = query.getColumn(5).getDouble();
    return change;
}

std::vector<GaugeChange> gauges_at(SQLite::Database& database, std::int64_t t) {
    SQLite::Statement query{database, kGaugesAt};
    query.bind(1, t);
    std::vector<GaugeChange> gauges;
    while (query.executeStep()) {
        const auto gauge = read_change(query);
        if (gauge.value || is_status(gauge.key.gauge)) gauges.push_back(gauge);
    }
    return gauges;
}

Directory read_directory(SQLite::Database& database) {
    Directory directory;
    SQLite::Statement state{database, "SELECT known, quota_per_unit FROM gateway_state"};
    state.executeStep();
    directory.known = state.getColumn(0).getInt() != 0;
    directory.quota_per_unit = state.getColumn(1).getDouble();
    SQLite::Statement channels{database,
                               "SELECT id, name, status, provider, tag FROM gateway_channel"};
    while (channels.executeStep()) {
        directory.channels[channels.getColumn(0).getInt64()] = {
            channels.getColumn(1).getString(), channels.getColumn(2).getInt(),
            channels.getColumn(3).getInt(), channels.getColumn(4).getInt()};
    }
    SQLite::Statement tokens{database, "SELECT id, name, user FROM gateway_token"};
    while (tokens.executeStep()) {
        directory.tokens[tokens.getColumn(0).getInt64()] = {tokens.getColumn(1).getString(),
                                                            tokens.getColumn(2).getInt64()};
    }
    SQLite::Statement users{database, "SELECT id, name, grp FROM gateway_user"};
    while (users.executeStep()) {
        directory.users[users.getColumn(0).getInt64()] = {users.getColumn(1).getString(),
                                                          users.getColumn(2).getInt()};
    }
    return directory;
}

bool expire_gauges(SQLite::Database& database, std::int64_t hourly_before, std::int64_t gone_before,
                   int most) {
    SQLite::Statement marks{database, "SELECT thinned_to, expired_to FROM gateway_state"};
    marks.executeStep();
    auto thinned = marks.getColumn(0).getInt64();
    auto expired = marks.getColumn(1).getInt64();
    marks.reset();
    // Whole hours only: one that is cut in two would keep a change of each part.
    const auto old = next_changes(database, thinned, hourly_before / kHour * kHour, most);
    thin(database, old);
    if (!old.empty()) thinned = old.back().at;
    const auto over = next_changes(database, expired, gone_before, most);
    end_former(database, over);
    if (!over.empty()) expired = over.back().at;
    if (old.empty() && over.empty()) return false;
    SQLite::Statement set{database, "UPDATE gateway_state SET thinned_to = ?, expired_to = ?"};
    run(set, {thinned, expired});
    const auto full = static_cast<std::size_t>(most);
    return old.size() >= full || over.size() >= full;
}

}  // namespace quotafuse::sync
