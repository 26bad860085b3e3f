#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "alerts/state_store.h"
#include "base/failure.h"
#include "circuit_breaker/audit.h"
#include "notifiers/outbox.h"
#include "sync/gauges.h"
#include "sync/traffic_reader.h"
#include "sync/usage_totals.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

std::vector<base::Schema> schemas() {
    return {Store::schema(), alerts::schema(), notifiers::Outbox::schema(),
            circuit_breaker::Audit::schema()};
}

std::string stored_by(const std::string& version) {
    return std::string{QUOTAFUSE_STORES} + "/" + version + ".db";
}

std::string bytes_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

using Columns = std::map<std::string, std::string>;

/// Of the tables of other rooms than sync.
Columns other_columns(SQLite::Database& db) {
    Columns columns;
    for (const auto* const table :
         {"alert_state", "alert_event", "rule_state", "engine_state", "outbox", "notifier_health",
          "breaker_intents", "breaker_audit"}) {
        // Of the breaker's: circuits and `name` since, see circuit_breaker_upgrade_test.
        SQLite::Statement query{db,
                                "SELECT group_concat(name) FROM pragma_table_info(?) "
                                "WHERE name NOT IN ('open', 'channel_name')"};
        query.bind(1, table);
        query.executeStep();
        columns[table] = query.getColumn(0).getString();
    }
    return columns;
}

/// What other rooms than sync keep.
std::map<std::string, std::vector<std::string>> other_tables(SQLite::Database& db,
                                                             const Columns& columns) {
    std::map<std::string, std::vector<std::string>> tables;
    for (const auto& [table, names] : columns)
        tables[table] = dump(db, "SELECT " + names + " FROM " + table);
    return tables;
}

/// Every row with its texts spelt out.
std::vector<std::string> rows_of(SQLite::Database& db, const std::string& ip) {
    const auto text = [](const std::string& column) {
        return "(SELECT value FROM text WHERE id = log." + column + ")";
    };
    return dump(
        db,
        // seen_at of what came long after counts as that of a back-fill.
        "SELECT id, created_at, iif(abs(seen_at - created_at) > 120, created_at, seen_at), kind, "
        "flags, user, token, channel, quota, "
        "prompt_tokens, completion_tokens, cache_tokens, latency_ms, first_token_ms, status, "
        "request_id, attempts, " +
            text("username") + ", " + text("token_name") + ", " + text("model") + ", " +
            text("grp") + ", " + text("route") + ", " + text("error_code") + ", " + ip +
            " FROM log ORDER BY id");
}

/// What channel × model ever added up to; in which order they came is not known after an upgrade.
std::vector<std::string> usage_in(SQLite::Database& db) {
    std::vector<std::string> lines;
    const auto usage = read_usage(db);
    for (const auto& [place, channel, model, sums] : usage.pairs) {
        std::string line = std::to_string(channel) + "/" + std::to_string(model);
        for (const auto sum : {sums.answers, sums.errors, sums.prompt_tokens,
                               sums.completion_tokens, sums.quota, sums.empty_replies})
            line += " " + std::to_string(sum);
        lines.push_back(line);
    }
    for (const auto& [model, times] : usage.models) {
        std::string line = "times of " + std::to_string(model);
        for (const auto sum : {times.latency_total, times.first_token_total, times.latency.count(),
                               times.latency.count_up_to(5000), times.first_token.count()})
            line += " " + std::to_string(sum);
        lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

/// A store as version 1 of the room made it.
struct FirstVersion {
    explicit FirstVersion(const std::string& path) : db(path, {former()}) {}
    static base::Schema former() {
        auto schema = Store::schema();
        schema.migrations.resize(1);
        schema.functions = nullptr;
        return schema;
    }
    void text(int id, const std::string& value) {
        SQLite::Statement put{db.handle(), "INSERT INTO text VALUES(?, ?)"};
        put.bind(1, id);
        put.bind(2, value);
        put.exec();
    }
    void row(int id, int model, int ip) {
        db.handle().exec("INSERT INTO log VALUES(" + std::to_string(id) +
                         ", 1000, 1001, 1, 0, 5, 6, 7, 1, 2, " + std::to_string(model) +
                         ", 0, 0, 500, 60, 40, 0, 1500, -1, 0, 0, 0, " + std::to_string(ip) +
                         ", 1)");
    }
    base::Database db;
};

}  // namespace

TEST_CASE("a store of version 1 keeps every row and every state, and goes on") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    std::filesystem::copy_file(stored_by("v1"), path);
    std::map<std::string, std::vector<std::string>> states;
    std::vector<std::string> rows;
    Columns columns;
    Fingerprint newest;
    {
        SQLite::Database former{path};
        columns = other_columns(former);
        states = other_tables(former, columns);
        rows = rows_of(former, "ifnull((SELECT value FROM text WHERE id = log.ip), '')");
        newest.created_at = number(former, "SELECT created_at FROM log WHERE id = 18559");
    }
    REQUIRE(rows.size() == 1455);
    REQUIRE(states["alert_state"].size() == 2);
    REQUIRE(states["outbox"].size() == 2);
    REQUIRE(states["breaker_audit"].size() == 2);

    base::Database database{path, schemas()};
    auto& db = database.handle();
    CHECK(other_tables(db, columns) == states);
    db.createFunction("address", 1, true, nullptr,
                      [](sqlite3_context* context, int, sqlite3_value** values) {
                          const auto text = format_address(sqlite3_value_int64(values[0]));
                          sqlite3_result_text(context, text.c_str(), -1, SQLITE_TRANSIENT);
                      });
    CHECK(rows_of(db, "address(ip)") == rows);
    CHECK(number(db, "SELECT count(*) FROM text WHERE value = '203.0.113.3'") == 0);

    Store store{database};
    CHECK(store.rows() == 1455);
    CHECK(store.position().epoch == 0);
    CHECK(store.position().cursor == 18559);
    REQUIRE(store.position().anchor);
    CHECK(store.position().anchor->created_at == newest.created_at);
    // New rows and the pass over the old ones.
    auto position = store.position();
    position.cursor = 18560;
    const auto now = base::from_unix(newest.created_at + 10);
    CHECK(store.append({{entry(18'560, newest.created_at + 5), entry(18'559, 1)}, position}, now)
              .size() == 1);
    int calls = 0;
    while (store.keep_up(now).more) REQUIRE(++calls < 100);
    CHECK(store.rows() == 1456);
    CHECK(number(db, "SELECT sum(answers + errors + client_errors) FROM hour_channel_model") >
          1000);
    CHECK(rollups_in(db) == rollups_anew(path));
}

TEST_CASE("a store of version 2 keeps every row and rollup, and what it back-filled came on time") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    std::filesystem::copy_file(stored_by("v2"), path);
    std::vector<std::string> rows;
    std::vector<std::string> tables;
    std::vector<std::string> rollups;
    {
        SQLite::Database former{path};
        rows = rows_of(former, "ip");
        tables = rollup_tables_of(former);
        rollups = rollups_in(former, tables);
        REQUIRE(number(former, "SELECT sum(seen_at > created_at + 120) FROM log") > 100);
    }
    REQUIRE(rows.size() == 1100);
    base::Database database{path, schemas()};
    auto& db = database.handle();
    CHECK(rows_of(db, "ip") == rows);
    CHECK(rollups_in(db, tables) == rollups);
    CHECK(number(db, "SELECT count(*) FROM log WHERE abs(seen_at - created_at) > 120") == 0);
    CHECK(number(db, "SELECT count(*) FROM log WHERE seen_at <> created_at") > 0);
    CHECK(number(db, "SELECT count(*) FROM breaker_audit") == 4);
    Store store{database};
    CHECK(store.rows() == 1100);
    Gauges gauges{database, store};
    CHECK_FALSE(gauges.directory().known);
    CHECK(gauges.current().empty());
    auto position = store.position();
    const auto id = ++position.cursor;
    const auto newest = store.newest();
    store.append({{entry(id, newest)}, position}, base::from_unix(newest + 1),
                 base::from_unix(newest + 900));
    std::size_t late = 0;
    store.read_late(0, newest, newest + 300, [&](const Row&) { ++late; });
    CHECK(late == 1);
}

TEST_CASE(
    "a store of version 3 gets the sums by channel and by model, and knows since when others are") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    constexpr std::int64_t kFirst = 1'767'571'200;
    const std::vector<std::string> derived{"day_channel", "day_model", "hour_channel",
                                           "hour_model"};
    std::vector<std::string> sums;
    std::vector<std::string> slowest;
    std::vector<std::string> usage;
    {
        StoreFile file{path};
        Batch batch;
        for (int i = 1; i <= 3000; ++i) {
            auto e = entry(i, kFirst + i * 100, i % 3 == 0 ? "gpt-4o" : "claude");
            e.channel = 1 + i % 5;
            e.latency_ms = (i * 7919) % 60'000;
            e.first_token_ms = (i * 104'729) % 5000;
            e.attempts = 1;
            e.task = false;
            batch.entries.push_back(e);
        }
        batch.position = at_cursor(3000);
        file.store.append(batch, base::from_unix(kFirst + 300'000));
        auto& db = file.database.handle();
        sums = rollups_in(db, derived);
        slowest = dump(db, "SELECT * FROM slowest");
        usage = usage_in(db);
        const auto closed = number(db, "SELECT closed FROM rollup_state");
        REQUIRE(number(db, "SELECT count(*) FROM hour_channel_model WHERE hour < " +
                               std::to_string(closed)) > 100);
        REQUIRE(number(db, "SELECT count(*) FROM hour_channel_model WHERE hour >= " +
                               std::to_string(closed)) > 0);
        // As version 3 left it.
        for (const auto& name : rollup_tables_of(db))
            if (name.ends_with("_ip") || name.ends_with("_error") || name.ends_with("r_channel") ||
                name.ends_with("y_channel") || name.ends_with("r_model") ||
                name.ends_with("y_model"))
                db.exec("DROP TABLE " + name);
        db.exec(
            "DROP TABLE slowest; DROP TABLE usage_pair; DROP TABLE usage_model; "
            "DROP TABLE usage_state; ALTER TABLE rollup_state DROP COLUMN "
            "narrow_since; "
            "DROP INDEX log_uncounted; UPDATE schema SET version = 3 WHERE room = 'sync'");
        REQUIRE(rollup_tables_of(db).size() == 10);
    }
    StoreFile file{path};
    auto& db = file.database.handle();
    CHECK(sums.size() > 500);
    CHECK(rollups_in(db, derived) == sums);
    CHECK(slowest.size() > 500);
    CHECK(dump(db, "SELECT * FROM slowest") == slowest);
    CHECK(usage.size() == 10 + 2);  // five channels with two models each
    CHECK(usage_in(db) == usage);
    const auto since = number(db, "SELECT narrow_since FROM rollup_state") * 3600;
    CHECK(since == number(db, "SELECT max(hour) + 1 FROM hour_group") * 3600);
    // What is younger than the rest says so.
    TrafficQuestion question{.by = TrafficBy::ip};
    question.from = base::from_unix(since - 86'400);
    question.until = base::from_unix(since + 7200);
    CHECK(base::unix_seconds(TrafficReader{db, {}}.answer(question, question.until).from) == since);
    const auto id = file.store.position().cursor + 1;
    file.store.append({{entry(id, since + 60)}, at_cursor(id)}, base::from_unix(since + 90));
    const auto answer = TrafficReader{db, {}}.answer(question, question.until);
    REQUIRE(answer.cells.size() == 1);
    CHECK(answer.cells.front().sums.answers == 1);
}

TEST_CASE("of a first version the addresses become numbers and leave the dictionary") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    {
        FirstVersion former{path};
        former.text(1, "alice");
        former.text(2, "key");
        former.text(3, "203.0.113.7");
        former.text(4, "gpt-4o");
        former.text(5, "2001:db8:1:2::9");
        former.text(6, "10.0.0.1");  // a model of this name, and an address
        former.text(7, "not an address");
        former.row(1, 4, 3);
        former.row(2, 6, 5);
        former.row(3, 4, 6);
        former.row(4, 4, 7);
        former.row(5, 4, 0);
        former.db.handle().exec("UPDATE position SET cursor = 6, rows = 5");
        former.db.handle().exec("INSERT INTO gap VALUES(6, 6, 900)");
    }
    StoreFile opened{path};
    const auto rows = read_all(opened.store);
    REQUIRE(rows.size() == 5);
    std::vector<std::string> addresses;
    for (const auto& row : rows) addresses.push_back(format_address(row.ip));
    CHECK(addresses ==
          std::vector<std::string>{"203.0.113.7", "2001:db8:1:2::/64", "10.0.0.1", "", ""});
    auto& texts = opened.store.texts();
    CHECK(texts.text(rows[0].model) == "gpt-4o");
    CHECK(texts.text(rows[1].model) == "10.0.0.1");
    CHECK(texts.text(rows[1].username) == "alice");
    CHECK(texts.find("203.0.113.7") == -1);
    CHECK(texts.find("not an address") == -1);
    CHECK(texts.count() == 5);  // the empty one too
    // The row at the cursor is gone, so nothing is known of it.
    CHECK(opened.store.position() == at_cursor(6, {{6, 6, 900, 0}}));
    // New texts take no id that a row has.
    const auto added =
        opened.store.append({{entry(7, 1000, "brand-new")}, at_cursor(7)}, base::from_unix(1001));
    CHECK(texts.text(added.front().model) == "brand-new");
    StoreFile again{path};
    CHECK(again.store.texts().text(read_all(again.store).back().model) == "brand-new");
    CHECK(again.store.texts().text(read_all(again.store)[1].model) == "10.0.0.1");
}

TEST_CASE("an upgrade that fails leaves the store as it was") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    std::filesystem::copy_file(stored_by("v1"), path);
    auto broken = schemas();
    broken[0].migrations[1] += "CREATE TABLE broken(";
    CHECK_THROWS_AS((base::Database{path, broken}), base::Failure);
    {
        SQLite::Database db{path};
        CHECK(number(db, "SELECT version FROM schema WHERE room = 'sync'") == 1);
        CHECK(number(db, "SELECT count(*) FROM text") == 53);
        CHECK_FALSE(db.tableExists("epoch"));
    }
    base::Database database{path, schemas()};
    Store store{database};
    CHECK(store.rows() == 1455);
}

TEST_CASE("a store of a newer version is refused and left as it is") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    std::filesystem::copy_file(stored_by("v1"), path);
    {
        SQLite::Database db{path, SQLite::OPEN_READWRITE};
        db.exec("PRAGMA journal_mode = DELETE; UPDATE schema SET version = 99 WHERE room = 'sync'");
    }
    const auto before = bytes_of(path);
    try {
        base::Database database{path, schemas()};
        FAIL("opened a newer store");
    } catch (const base::Failure& e) {
        CHECK(e.code() == base::ExitCode::config);
        CHECK(std::string{e.what()}.find(path) != std::string::npos);
        CHECK(std::string{e.what()}.find("sync is at version 99") != std::string::npos);
    }
    CHECK(bytes_of(path) == before);
    CHECK_FALSE(std::filesystem::exists(path + "-wal"));
}
