#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/mariadb.h"
#include "sync/gateway_info.h"
#include "sync_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace std::chrono_literals;
using tests::error_of;
using tests::fetch_ids;
using tests::Ids;
using tests::shared_mariadb;
using tests::told;

namespace {

const SessionOptions kImpatient{.connect_timeout = 2s, .read_timeout = 2s};
constexpr auto kPassword = "hush-hush";

std::unique_ptr<LogSource> source_of(const std::string& user, const std::string& database) {
    return make_source(tests::dsn_of(shared_mariadb().dsn(user, kPassword, database)), {},
                       kImpatient);
}

/// What is told of a source, as far as `wanted` goes: kind, place and sentence, without the
/// server's own words.
void check_refused(LogSource& source, const std::string& wanted) {
    const auto text = told(error_of([&] { source.last_id(); }));
    CHECK(text.find(kPassword) == std::string::npos);
    CHECK(text.substr(0, wanted.size()) == wanted);
}

std::string expected(const std::string& kind, const std::string& database,
                     const std::string& sentence) {
    return fmt::format("{}: MySQL 127.0.0.1:{}, database {}: {}", kind, shared_mariadb().port(),
                       database, sentence);
}

/// An account that may read one gateway's log.
void make_account(const std::string& user, const std::string& database) {
    shared_mariadb().load_ddl(database, "newapi_2026");
    shared_mariadb().sql(fmt::format(
        "CREATE OR REPLACE USER {0}@'%' IDENTIFIED BY '{1}'; GRANT SELECT ON {2}.logs TO {0}@'%';"
        "INSERT INTO {2}.logs(id, created_at, type) VALUES(1, 1, 2), (2, 2, 2)",
        user, kPassword, database));
}

void kill_connections_of(const std::string& user) {
    shared_mariadb().sql("KILL USER " + user);
}

bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

constexpr auto kWrongLogin =
    "the server refuses the account or its password: check both in the DSN";
constexpr auto kNoGrant = "the account lacks a grant: run what `quotafuse grants` prints";
constexpr auto kLocked =
    "somebody holds a lock on what is asked for (an ALTER TABLE, LOCK TABLES, a backup, an open "
    "transaction): SHOW PROCESSLIST tells who; it goes on by itself afterwards";

}  // namespace

TEST_CASE("each refusal of a server says what failed, where, and what to do") {
    make_account("reader", "refusals");
    shared_mariadb().sql("CREATE OR REPLACE USER bare@'%' IDENTIFIED BY 'hush-hush'");
    check_refused(*source_of("reader", "refusals_"), expected("denied", "refusals_", kNoGrant));
    check_refused(*source_of("nobody", "refusals"), expected("denied", "refusals", kWrongLogin));
    check_refused(*source_of("bare", "refusals"), expected("denied", "refusals", kNoGrant));
    const auto root = [](const std::string& database) {
        return make_source(tests::dsn_of(shared_mariadb().dsn("root", "", database)), {}, {});
    };
    check_refused(*root("nowhere"),
                  expected("schema", "nowhere",
                           "the server has no such database: check the name in the DSN"));
    shared_mariadb().sql("CREATE OR REPLACE DATABASE empty_one");
    check_refused(*root("empty_one"),
                  (expected("schema", "empty_one", "there is no table `logs`")));
}

TEST_CASE("a password that changes or an account that is locked is told, and then over") {
    make_account("changed", "passwords");
    const auto source = source_of("changed", "passwords");
    CHECK(source->last_id() == 2);
    shared_mariadb().sql("ALTER USER changed@'%' IDENTIFIED BY 'another'");
    CHECK(source->last_id() == 2);  // the server asks at the next connection only
    kill_connections_of("changed");
    check_refused(*source, expected("unreachable", "passwords",
                                    "the connection broke; a new one is made at the next try"));
    check_refused(*source, expected("denied", "passwords", kWrongLogin));
    shared_mariadb().sql("ALTER USER changed@'%' IDENTIFIED BY 'hush-hush' ACCOUNT LOCK");
    check_refused(*source, expected("denied", "passwords",
                                    "the account is locked: ALTER USER … ACCOUNT UNLOCK"));
    shared_mariadb().sql("ALTER USER changed@'%' ACCOUNT UNLOCK");
    CHECK(source->last_id() == 2);
}

TEST_CASE("a server that is full of connections says so") {
    make_account("many", "full");
    shared_mariadb().sql("GRANT USAGE ON *.* TO many@'%' WITH MAX_USER_CONNECTIONS 1");
    const auto first = source_of("many", "full");
    CHECK(first->last_id() == 2);
    const auto second = source_of("many", "full");
    check_refused(
        *second,
        expected("unreachable", "full",
                 "the server has too many connections: raise max_connections (or the account's "
                 "limit), or see who holds them"));
    CHECK(first->last_id() == 2);
}

TEST_CASE("a grant that is taken away is told, and its return is noticed") {
    make_account("granted", "grants");
    const auto source = source_of("granted", "grants");
    CHECK(source->last_id() == 2);
    shared_mariadb().sql("REVOKE SELECT ON grants.logs FROM granted@'%'");
    check_refused(*source, expected("denied", "grants", kNoGrant));
    shared_mariadb().sql("GRANT SELECT ON grants.logs TO granted@'%'");
    CHECK(source->last_id() == 2);
}

TEST_CASE("a table that is locked, or waits to be altered, is told as locked and not as a stall") {
    make_account("waiting", "locks");
    const auto source = source_of("waiting", "locks");
    CHECK(fetch_ids(*source, 1, 9) == Ids{1, 2});
    const auto dsn = tests::dsn_of(shared_mariadb().dsn("root", "", "locks"));
    const auto other = make_session(dsn, {.read_timeout = 60s, .read_only = false});
    const auto threads = [&](const std::string& condition) {
        return other->query("SELECT id FROM information_schema.processlist WHERE " + condition);
    };

    std::jthread holder{[] {
        try {
            shared_mariadb().sql("LOCK TABLES logs WRITE; SELECT SLEEP(60)", "locks");
        } catch (const std::runtime_error&) {
            // MariaDB says so when its sleep is ended; MySQL does not.
        }
    }};
    constexpr auto kHolder = "info LIKE '%SLEEP(60)%' AND id <> CONNECTION_ID()";
    CHECK(eventually([&] { return !threads(kHolder).empty(); }));
    check_refused(*source, expected("locked", "locks", kLocked));
    check_refused(*source_of("waiting", "locks"), expected("locked", "locks", kLocked));
    shared_mariadb().sql("KILL QUERY " + threads(kHolder).at(0).at(0).value());
    holder.join();
    CHECK(fetch_ids(*source, 1, 9) == Ids{1, 2});

    other->begin();  // the gateway's upgrade waits for a transaction, and everybody for the upgrade
    other->query("SELECT 1 FROM logs");
    std::jthread upgrade{
        [&] { shared_mariadb().sql("ALTER TABLE locks.logs ADD COLUMN extra bigint"); }};
    REQUIRE(
        eventually([&] { return !threads("state = 'Waiting for table metadata lock'").empty(); }));
    check_refused(*source, expected("locked", "locks", kLocked));
    other->rollback();
    upgrade.join();
    CHECK(fetch_ids(*source, 1, 9) == Ids{1, 2});
}

TEST_CASE("a server that takes no writes is read as ever, and known") {
    shared_mariadb().load_ddl("replica", "newapi_2026");
    make_account("replicated", "replica");
    const auto source = source_of("replicated", "replica");
    const auto session =
        make_session(tests::dsn_of(shared_mariadb().dsn("root", "", "replica")), kImpatient);
    CHECK_FALSE(read_gateway_info(*session, "replica").read_only);
    shared_mariadb().sql("SET GLOBAL read_only = 1");
    CHECK(read_gateway_info(*session, "replica").read_only);
    CHECK(source->last_id() == 2);
    shared_mariadb().sql("SET GLOBAL read_only = 0");
    CHECK_FALSE(read_gateway_info(*session, "replica").read_only);
}

TEST_CASE("columns that come or go while connected are noticed") {
    make_account("upgraded", "upgrades");
    const auto source = source_of("upgraded", "upgrades");
    CHECK(fetch_ids(*source, 1, 9) == Ids{1, 2});
    CHECK(source->dialect().has(Column::ip));
    shared_mariadb().sql("ALTER TABLE upgrades.logs DROP COLUMN ip");
    CHECK(told(error_of([&] { fetch_ids(*source, 1, 9); })).starts_with("schema: "));
    CHECK(fetch_ids(*source, 1, 9) == Ids{1, 2});
    CHECK_FALSE(source->dialect().has(Column::ip));
}

TEST_CASE("a SQLite file that its gateway locks, that is no database, or that is gone") {
    const tests::TempDir folder;
    const auto path = folder.file("one-api.db");
    SQLite::Database db{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    db.exec(tests::sqlite_ddl("oneapi"));
    db.exec("INSERT INTO logs(id, created_at, type) VALUES(1, 1, 2)");
    const auto source = make_source(tests::dsn_of(path), {}, {1s, 1s});
    CHECK(source->last_id() == 1);
    db.exec("BEGIN EXCLUSIVE");
    const auto start = std::chrono::steady_clock::now();
    check_refused(
        *source,
        fmt::format("locked: SQLite file {}: the gateway holds its lock (a long write, a VACUUM, "
                    "a copy being made): it goes on by itself afterwards",
                    path));
    CHECK(std::chrono::steady_clock::now() - start >= 1s);
    db.exec("COMMIT");
    CHECK(source->last_id() == 1);

    const auto other = folder.file("other.db");
    std::ofstream{other} << "this is a text and not a database, whatever its name may say\n";
    check_refused(
        *make_source(tests::dsn_of(other), {}, {}),
        fmt::format("schema: SQLite file {}: this is no SQLite file: check the path in the DSN",
                    other));
    check_refused(
        *make_source(tests::dsn_of("/nowhere/one-api.db"), {}, {}),
        "unreachable: SQLite file /nowhere/one-api.db: it cannot be read: is it there, and may "
        "this user read it and enter its folder?");
}

TEST_CASE("waiting for a lock on a SQLite file is ended by an interrupt") {
    const tests::TempDir folder;
    const auto path = folder.file("one-api.db");
    SQLite::Database db{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    db.exec(tests::sqlite_ddl("oneapi"));
    const auto source = make_source(tests::dsn_of(path), {}, {60s, 60s});
    CHECK(source->last_id() == 0);
    db.exec("BEGIN EXCLUSIVE");
    std::string ended;
    std::atomic<bool> over{false};
    std::jthread waiting{[&] {
        ended = told(error_of([&] { source->last_id(); }));
        over = true;
    }};
    const auto interrupted = [&] {
        source->interrupt();
        return over.load();
    };
    CHECK(eventually(interrupted));
    waiting.join();
    CHECK(ended.starts_with("interrupted: "));
    db.exec("COMMIT");
    CHECK(source->last_id() == 0);
}
