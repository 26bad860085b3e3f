#include <thread>

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/mariadb.h"
#include "sync/gateway_info.h"
#include "sync/log_source.h"
#include "sync_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;

std::string insert(std::int64_t id, std::int64_t created_at) {
    return fmt::format(
        "INSERT INTO logs(id, user_id, created_at, type, username, token_name, model_name, quota, "
        "prompt_tokens, completion_tokens, channel_id, other) VALUES({}, 1, {}, 2, 'u', 'k', "
        "'gpt-4o', "
        "{}, 1, 2, 3, '{{\"frt\":5}}');",
        id, created_at, id * 10);
}

tests::Ids down(LogSource& source, std::int64_t last, std::size_t limit) {
    tests::Ids ids;
    source.fetch_down(last, limit,
                      [&](const RawRow& raw) { ids.push_back(raw.number(Column::id)); });
    return ids;
}

/// Rows that the server's storage engines were asked for, ever.
std::int64_t examined(tests::MariaDb& server) {
    std::int64_t rows = 0;
    for (const auto& line : server.sql("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))
        rows += std::stoll(line.at(1).value());
    return rows;
}

}  // namespace

TEST_CASE("rows are read from both ends, with a bound on their number") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("ends", "newapi_2026");
    server.sql(insert(2, kNow) + insert(3, kNow) + insert(9, kNow), "ends");
    const auto source = make_source(tests::dsn_of(server.dsn("root", "", "ends")), {}, {});
    CHECK(tests::fetch_ids(*source, 1, 2) == tests::Ids{2, 3});
    CHECK(tests::fetch_ids(*source, 4, 2) == tests::Ids{9});
    CHECK(tests::fetch_ids(*source, 10, 2) == tests::Ids{});
    CHECK(down(*source, 100, 2) == tests::Ids{9, 3});
    CHECK(down(*source, 8, 5) == tests::Ids{3, 2});
    CHECK(down(*source, 1, 5) == tests::Ids{});
    CHECK(source->last_id() == 9);
}

TEST_CASE("a cluster is known by the steps of its ids") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("steps", "newapi_2026");
    const auto dsn = tests::dsn_of(server.dsn("root", "", "steps"));
    CHECK_FALSE(make_source(dsn, {}, {})->steps_ids());
    server.sql("SET GLOBAL auto_increment_increment = 3");
    CHECK(make_source(dsn, {}, {})->steps_ids());
    server.sql("SET GLOBAL auto_increment_increment = 1");
}

TEST_CASE("every statement is answered by the primary key, whatever indexes there are") {
    auto& server = tests::shared_mariadb();
    for (const auto* const schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
        CAPTURE(schema);
        server.load_ddl("keys", schema);
        std::string all = "INSERT INTO logs(id, created_at, type) VALUES(1, 1, 2)";
        for (int id = 2; id <= 3000; ++id) all += fmt::format(", ({}, {}, 2)", id, id);
        server.sql(all +
                       "; ANALYZE TABLE logs; SET GLOBAL general_log = 1; "
                       "SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log",
                   "keys");
        const auto source = make_source(tests::dsn_of(server.dsn("root", "", "keys")), {}, {});
        const std::vector<Gap> gaps{{5, 5}, {7, 9}, {2000, 4000}};
        source->fetch(2990, 1'000'000, 5000, [](const RawRow&) {});
        source->fetch(1, 1'000'000, 10, [](const RawRow&) {});
        source->fetch(11, 1'000'000, 10, [](const RawRow&) {});  // streamed
        source->fetch_gaps(gaps, 100, [](const RawRow&) {});
        source->fetch_down(2000, 5, [](const RawRow&) {});
        source->last_id();
        server.sql("SET GLOBAL general_log = 0");
        const auto statements = server.sql(
            "SELECT argument FROM mysql.general_log WHERE argument LIKE 'SELECT%FROM `logs`%' AND "
            "command_type IN ('Query', 'Execute')");
        CHECK(statements.size() == 6);
        for (const auto& row : statements) {
            const auto statement = row.at(0).value();
            CAPTURE(statement);
            const auto plan = server.sql("EXPLAIN " + statement, "keys").at(0);
            if (statement.starts_with("SELECT MAX")) {
                CHECK(plan.at(9) == "Select tables optimized away");
                continue;
            }
            CHECK(plan.at(3) == "range");
            CHECK(plan.at(5) == "PRIMARY");
            CHECK(plan.at(9).value().find("filesort") == std::string::npos);
        }
    }
}

TEST_CASE("a first start finds its beginning by binary search") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("beginning", "newapi_2026");
    std::string all;
    for (int i = 1; i <= 400; ++i) all += insert(i * 7, kNow - (400 - i) * 100);
    server.sql(all, "beginning");
    const auto source = make_source(tests::dsn_of(server.dsn("root", "", "beginning")), {}, {});
    CHECK(find_start(*source, 0) == 7);
    CHECK(find_start(*source, kNow - 1000) <= 390 * 7);
    CHECK(find_start(*source, kNow - 1000) > 389 * 7);
    CHECK(find_start(*source, kNow + 1) == 400 * 7 + 1);
}

TEST_CASE("the same calls read a gateway's SQLite file") {
    const tests::TempDir folder;
    {
        SQLite::Database db{folder.file("one-api.db"),
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        db.exec(tests::sqlite_ddl("newapi_2026"));
        db.exec(insert(1, kNow) + insert(3, kNow));
        db.exec(
            "INSERT INTO channels(id, name, `key`, type, status) VALUES(3, 'azure', 'sk', 3, 2)");
        db.exec(
            "INSERT INTO options VALUES('QuotaPerUnit', '1000'), "
            "('general_setting.quota_display_type', 'CNY'), ('USDExchangeRate', '7.1')");
    }
    const auto dsn = tests::dsn_of(folder.file("one-api.db"));
    const auto source = make_source(dsn, {}, {});
    CHECK(tests::fetch_ids(*source, 1, 10) == tests::Ids{1, 3});
    CHECK(down(*source, 5, 10) == tests::Ids{3, 1});
    CHECK(down(*source, 2, 10) == tests::Ids{1});
    CHECK(source->last_id() == 3);
    CHECK_FALSE(source->steps_ids());
    CHECK(tests::entries_of(*source).at(0).model == "gpt-4o");
    const auto session = make_session(dsn, {});
    const auto info = read_gateway_info(*session, "");
    CHECK(info.channels.at(3) == Channel{"azure", 3, 2});
    CHECK(info.quota_per_unit == 1000);
    REQUIRE(info.display);
    CHECK(info.display->kind == Display::Kind::yuan);
    CHECK(info.display->yuan_per_dollar == 7.1);
    CHECK(info.auto_enable == false);
    CHECK(info.requests == 0);
    CHECK_FALSE(info.read_only);
}

TEST_CASE("asking for holes examines no row outside of them") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("plans", "newapi_2026");
    std::string all;
    for (int id = 1; id <= 3000; ++id) {
        if (id % 10 > 3) all += insert(id, kNow);
    }
    server.sql(all + insert(12, kNow) + insert(500, kNow), "plans");
    std::vector<Gap> gaps;
    for (std::int64_t i = 0; i < 200; ++i) gaps.push_back({i * 10, i * 10 + 3});
    const auto source = make_source(tests::dsn_of(server.dsn("root", "", "plans")), {}, {});
    source->dialect();
    const auto asking = -examined(server) + examined(server);  // SHOW STATUS itself
    const auto before = examined(server);
    std::vector<std::int64_t> found;
    source->fetch_gaps(gaps, 5000,
                       [&](const RawRow& raw) { found.push_back(raw.number(Column::id)); });
    CHECK(found == std::vector<std::int64_t>{12, 500});
    // A look at the index for each hole, and one at what follows it.
    CHECK(examined(server) - before - asking <= 2 * 200 + 10);
}

TEST_CASE("names and options are read in one way for every account that may") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("names", "newapi_2026");
    server.sql(
        "INSERT INTO channels(id, name, `key`, type, status) VALUES(3, 'azure', 'sk', 3, 1), (4, "
        "NULL, 'sk', 1, 3);"
        "INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')",
        "names");
    const auto session = make_session(tests::dsn_of(server.dsn("root", "", "names")), {});
    const auto info = read_gateway_info(*session, "names");
    CHECK(info.channels.size() == 2);
    CHECK(info.channels.at(4) == Channel{"", 1, 3});
    CHECK(info.auto_enable == true);
    CHECK(info.quota_per_unit == 500'000);
    CHECK_FALSE(info.read_only);
    CHECK(info.requests == 0);
    server.sql(
        "INSERT INTO users(id, username, password, request_count) VALUES(1, 'a', '', 7), (2, 'b', "
        "'', NULL), (3, 'c', '', 5000000000)",
        "names");
    CHECK(read_gateway_info(*session, "names").requests == 5'000'000'007);
}

TEST_CASE("a usual gateway's objects cost five statements, and a big one's are read in slices") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("costs", "newapi_2026");
    std::string all = "INSERT INTO channels(id, `key`) VALUES(1, '')";
    for (int id = 2; id <= 999; ++id) all += fmt::format(", ({}, '')", id);
    server.sql(all, "costs");
    const auto statements = [&] {
        return std::stoll(
            server.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'").at(0).at(1).value());
    };
    const auto session = make_session(tests::dsn_of(server.dsn("root", "", "costs")), {});
    session->query("SELECT 1");
    auto before = statements();
    CHECK(read_gateway_info(*session, "costs").channels.size() == 999);
    CHECK(statements() - before <= 5);
    server.sql("INSERT INTO channels(id, `key`) VALUES(5000, ''), (6000, '')", "costs");
    CHECK(read_gateway_info(*session, "costs").channels.size() == 1001);
}

TEST_CASE("a statement that waits for a lock is ended by an interrupt") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("blocked", "newapi_2026");
    const auto dsn = tests::dsn_of(server.dsn("root", "", "blocked"));
    SessionOptions slow;
    slow.read_timeout = std::chrono::seconds{60};
    const auto session = make_session(dsn, slow);
    session->query("SELECT 1");
    std::optional<GatewayError::Kind> ended;
    std::jthread blocked{[&] {
        try {
            session->query("SELECT SLEEP(50)");
        } catch (const GatewayError& e) {
            ended = e.kind();
        }
    }};
    const auto is_running = [&] {
        return !server
                    .sql(
                        "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT "
                        "SLEEP%'")
                    .empty();
    };
    while (!is_running()) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    session->interrupt();
    blocked.join();
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{2});
    // MySQL's SLEEP returns 1 when killed, MariaDB's statement ends with an error.
    CHECK(ended == GatewayError::Kind::interrupted);
    CHECK(session->query("SELECT 7").at(0).at(0) == "7");
}
