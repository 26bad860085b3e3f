#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/fake_clock.h"
#include "support/mariadb.h"
#include "sync/follower.h"
#include "sync/gateway_info.h"
#include "sync/log_source.h"

using namespace quotafuse;
using namespace quotafuse::sync;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;

Dsn dsn_of(const std::string& text) {
    auto result = parse_dsn(text);
    REQUIRE_MESSAGE(result.dsn.has_value(), result.error);
    return *result.dsn;
}

std::string insert(std::int64_t id, std::int64_t created_at) {
    return fmt::format(
        "INSERT INTO logs(id, user_id, created_at, type, username, token_name, model_name, quota, "
        "prompt_tokens, completion_tokens, channel_id, other) VALUES({}, 1, {}, 2, 'u', 'k', "
        "'gpt-4o', "
        "{}, 1, 2, 3, '{{\"frt\":5}}');",
        id, created_at, id * 10);
}

std::vector<std::int64_t> ids_of(const Poll& poll) {
    std::vector<std::int64_t> ids;
    for (const auto& entry : poll.batch.entries) ids.push_back(entry.id);
    return ids;
}

}  // namespace

TEST_CASE("rows of a gateway on MariaDB are followed by id, with the holes that fill late") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("follow", "newapi_2026");
    server.sql(insert(1, kNow - 50) + insert(2, kNow - 40) + insert(5, kNow - 30), "follow");
    const auto source = make_source(dsn_of(server.dsn("root", "", "follow")), {}, {});
    tests::FakeClock clock{kNow};
    Follower follower{*source, {}, {}, clock};
    auto poll = follower.next();
    CHECK(ids_of(poll) == std::vector<std::int64_t>{1, 2, 5});
    CHECK(poll.drained);
    CHECK(poll.gateway == Gateway::new_api);
    CHECK(poll.batch.position == Position{5, {{3, 4, kNow + 60}}});
    CHECK(poll.batch.entries[2].quota == 50);

    server.sql(insert(4, kNow) + insert(6, kNow), "follow");
    poll = follower.next();
    CHECK(ids_of(poll) == std::vector<std::int64_t>{4, 6});
    CHECK(poll.batch.position == Position{6, {{3, 3, kNow + 60}}});
    clock.advance(std::chrono::seconds{61});
    poll = follower.next();
    CHECK(ids_of(poll).empty());
    CHECK(poll.batch.position == Position{6, {}});
}

TEST_CASE("ids that step by three are followed, and their holes asked for together") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("stepping", "newapi_2026");
    std::string all;
    for (int i = 1; i <= 100; ++i) all += insert(i * 3, kNow);
    server.sql(all, "stepping");
    const auto source = make_source(dsn_of(server.dsn("root", "", "stepping")), {}, {});
    tests::FakeClock clock{kNow};
    Follower follower{*source, {}, {}, clock};
    CHECK(ids_of(follower.next()).size() == 100);
    server.sql(insert(151, kNow) + insert(304, kNow), "stepping");
    const auto poll = follower.next();
    CHECK(ids_of(poll) == std::vector<std::int64_t>{151, 304});
    for (const auto& gap : poll.batch.position.gaps)
        CHECK_FALSE((gap.first <= 151 && 151 <= gap.last));
    clock.advance(std::chrono::seconds{400});
    CHECK(follower.next().batch.position.gaps.empty());
}

TEST_CASE("a backlog comes in full batches, and only the last one is drained") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("backlog", "newapi_2025");
    std::string all;
    for (int id = 1; id <= 25; ++id) all += insert(id, kNow);
    server.sql(all, "backlog");
    const auto source = make_source(dsn_of(server.dsn("root", "", "backlog")), {}, {});
    tests::FakeClock clock{kNow};
    FollowOptions options;
    options.batch = 10;
    Follower follower{*source, {}, options, clock};
    CHECK_FALSE(follower.next().drained);
    CHECK_FALSE(follower.next().drained);  // this one is streamed
    const auto last = follower.next();
    CHECK(last.drained);
    CHECK(ids_of(last) == std::vector<std::int64_t>{21, 22, 23, 24, 25});
}

TEST_CASE("a first start finds its beginning by binary search") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("beginning", "newapi_2026");
    std::string all;
    for (int i = 1; i <= 400; ++i) all += insert(i * 7, kNow - (400 - i) * 100);
    server.sql(all, "beginning");
    const auto source = make_source(dsn_of(server.dsn("root", "", "beginning")), {}, {});
    CHECK(find_start(*source, 0) == 7);
    CHECK(find_start(*source, kNow - 1000) <= 390 * 7);
    CHECK(find_start(*source, kNow - 1000) > 389 * 7);
    CHECK(find_start(*source, kNow + 1) == 400 * 7 + 1);
    tests::FakeClock clock{kNow};
    FollowOptions options;
    options.since = std::chrono::seconds{1000};
    Follower follower{*source, {}, options, clock};
    CHECK(follower.next().batch.entries.size() == 11);
}

TEST_CASE("an empty table is followed from its first row") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("empty", "oneapi");
    const auto source = make_source(dsn_of(server.dsn("root", "", "empty")), {}, {});
    tests::FakeClock clock{kNow};
    FollowOptions options;
    options.since = std::chrono::hours{1};
    Follower follower{*source, {}, options, clock};
    const auto first = follower.next();
    CHECK(first.drained);
    CHECK(first.gateway == Gateway::one_api);
    CHECK(first.batch.position == Position{});
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
        db.exec("INSERT INTO options VALUES('QuotaPerUnit', '1000')");
    }
    const auto dsn = dsn_of(folder.file("one-api.db"));
    const auto source = make_source(dsn, {}, {});
    tests::FakeClock clock{kNow};
    Follower follower{*source, {}, {}, clock};
    const auto poll = follower.next();
    CHECK(ids_of(poll) == std::vector<std::int64_t>{1, 3});
    CHECK(poll.batch.entries[0].model == "gpt-4o");
    const auto session = make_session(dsn, {});
    const auto info = read_gateway_info(*session, "");
    CHECK(info.channels.at(3) == Channel{"azure", 3, 2});
    CHECK(info.quota_per_unit == 1000);
    CHECK(info.auto_enable == false);
}

TEST_CASE("asking for holes examines no row outside of them") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("plans", "newapi_2026");
    std::string all;
    for (int id = 1; id <= 3000; ++id) {
        if (id % 10 > 3) all += insert(id, kNow);
    }
    server.sql(all + insert(12, kNow) + insert(500, kNow), "plans");
    const auto examined = [&] {
        std::int64_t rows = 0;
        for (const auto& line : server.sql("SHOW GLOBAL STATUS LIKE 'Handler_read%'")) {
            rows += std::stoll(line.at(1).value());
        }
        return rows;
    };
    std::vector<Gap> gaps;
    for (std::int64_t i = 0; i < 200; ++i) gaps.push_back({i * 10, i * 10 + 3, 0});
    const auto source = make_source(dsn_of(server.dsn("root", "", "plans")), {}, {});
    source->dialect();
    const auto before = examined();
    std::vector<std::int64_t> found;
    source->fetch_gaps(gaps, 5000,
                       [&](const RawRow& raw) { found.push_back(raw.number(Column::id)); });
    CHECK(found == std::vector<std::int64_t>{12, 500});
    CHECK(examined() - before < 2 * 200 + 100);  // the rest is SHOW STATUS itself
}

TEST_CASE("names and options are read in one way for every account that may") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("names", "newapi_2026");
    server.sql(
        "INSERT INTO channels(id, name, `key`, type, status) VALUES(3, 'azure', 'sk', 3, 1), (4, "
        "NULL, 'sk', 1, 3);"
        "INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')",
        "names");
    const auto session = make_session(dsn_of(server.dsn("root", "", "names")), {});
    const auto info = read_gateway_info(*session, "names");
    CHECK(info.channels.size() == 2);
    CHECK(info.channels.at(4) == Channel{"", 1, 3});
    CHECK(info.auto_enable == true);
    CHECK(info.quota_per_unit == 500'000);
}

TEST_CASE("errors say what kind they are and hide the password") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("errors", "newapi_2026");
    server.sql("CREATE USER IF NOT EXISTS nobody@'%' IDENTIFIED BY 'right'");
    const auto kind_of = [&](const std::string& dsn) {
        const auto source = make_source(dsn_of(dsn), {}, {});
        try {
            source->last_id();
        } catch (const GatewayError& e) {
            CHECK(std::string{e.what()}.find("hush-hush") == std::string::npos);
            return e.kind();
        }
        FAIL("no error for " << dsn);
        return GatewayError::Kind::rejected;
    };
    CHECK(kind_of(server.dsn("nobody", "hush-hush", "errors")) == GatewayError::Kind::denied);
    CHECK(kind_of(server.dsn("nobody", "right", "errors")) == GatewayError::Kind::denied);
    CHECK(kind_of(server.dsn("root", "", "nowhere")) == GatewayError::Kind::schema);
    CHECK(kind_of("root:hush-hush@tcp(127.0.0.1:1)/x") == GatewayError::Kind::unreachable);
    CHECK(kind_of("/nowhere/one-api.db") == GatewayError::Kind::unreachable);
    server.sql("CREATE DATABASE IF NOT EXISTS bare");
    CHECK(kind_of(server.dsn("root", "", "bare")) == GatewayError::Kind::schema);
}

TEST_CASE("a source asked for encryption refuses a server that has none") {
    tests::MariaDb server{{"--skip-ssl"}};  // MariaDB 11 has TLS by itself
    server.load_ddl("plain", "newapi_2026");
    const auto source =
        make_source(dsn_of(server.dsn("root", "", "plain") + "?tls=skip-verify"), {}, {});
    CHECK_THROWS_AS(source->last_id(), GatewayError);
}

TEST_CASE("a server that went away is found again by the same source") {
    tests::MariaDb server;
    server.load_ddl("again", "newapi_2026");
    server.sql(insert(1, kNow), "again");
    const auto source = make_source(dsn_of(server.dsn("root", "", "again")), {}, {});
    tests::FakeClock clock{kNow};
    Follower follower{*source, {}, {}, clock};
    CHECK(ids_of(follower.next()) == std::vector<std::int64_t>{1});
    server.stop();
    CHECK_THROWS_AS(follower.next(), GatewayError);
    CHECK_THROWS_AS(follower.next(), GatewayError);
    server.start();
    server.sql(insert(2, kNow), "again");
    CHECK(ids_of(follower.next()) == std::vector<std::int64_t>{2});
}

TEST_CASE("a statement that waits for a lock is ended by an interrupt") {
    auto& server = tests::shared_mariadb();
    server.load_ddl("blocked", "newapi_2026");
    const auto dsn = dsn_of(server.dsn("root", "", "blocked"));
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
