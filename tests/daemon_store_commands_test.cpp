#include <atomic>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <thread>

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/mariadb.h"
#include "support/program.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

/// A gateway's table on MariaDB, a store that follows it, and the program that does.
class Site {
public:
    explicit Site(const std::string& database, MariaDb& server = shared_mariadb())
        : database_(database), server_(server) {
        server_.load_ddl(database, "newapi_2026");
        configure(file("s.db"));
    }

    void configure(const std::string& store, const std::string& user = "root",
                   const std::string& password = {}) {
        write_file(config(), fmt::format("source: {{dsn: \"{}\", poll_interval: 100ms}}\n"
                                         "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                                         "status: {{listen: \"127.0.0.1:{}\"}}\n",
                                         server_.dsn(user, password, database_), store,
                                         file("c.sock"), port_));
    }
    /// Rows of the last minutes, committed at once; those of two calls differ.
    void insert(int rows) {
        server_.sql(
            fmt::format(
                "INSERT INTO logs(created_at, type, prompt_tokens, completion_tokens, quota, "
                "channel_id, model_name, token_name, token_id, user_id, other) "
                "SELECT {} - seq % 600, 2, 1, {}, 2, 3, CONCAT('m', seq % 5), 'k', 1, 7, '' "
                "FROM seq_1_to_{}",
                std::time(nullptr), ++calls_, rows),
            database_);
    }
    std::int64_t rows_at_source() {
        return std::stoll(*server_.sql("SELECT count(*) FROM logs", database_).at(0).at(0));
    }
    std::unique_ptr<Program> start() {
        auto daemon = std::make_unique<Program>(std::vector<std::string>{"run", "-c", config()});
        REQUIRE_MESSAGE(eventually([&] { return is_ready(); }), daemon->err());
        return daemon;
    }
    void stop(Program& daemon) {
        daemon.signal(SIGTERM);
        REQUIRE(daemon.wait(3s) == 0);
    }
    bool is_ready() const { return http_get(port_, "/readyz").status == 200; }
    std::string readyz() const { return http_get(port_, "/readyz").body; }
    nlohmann::json status() const {
        return nlohmann::json::parse(http_get(port_, "/api/v1/status").body, nullptr, false);
    }
    std::string config() const { return file("q.yaml"); }
    std::string file(const std::string& name) const { return folder_.file(name); }
    MariaDb& server() { return server_; }
    const std::string& database() const { return database_; }

private:
    TempDir folder_;
    std::string database_;
    MariaDb& server_;
    int port_ = free_port();
    int calls_ = 0;
};

std::int64_t number(const std::string& path, const std::string& sql) {
    return SQLite::Database{path, SQLite::OPEN_READONLY, 10'000}.execAndGet(sql).getInt64();
}

/// What the rollups of a store add up to is what its rows do, and its counts are right.
void check_sums(const std::string& path) {
    const auto rows = number(path, "SELECT count(*) FROM log");
    CHECK(number(path, "SELECT rows FROM position") == rows);
    CHECK(number(path, "SELECT sum(answers) FROM hour_channel_model") == rows);
    CHECK(number(path, "SELECT sum(quota) FROM hour_token") == 2 * rows);
    CHECK(number(path, "SELECT cursor FROM position") ==
          number(path, "SELECT coalesce(max(id), 0) FROM log"));
}

}  // namespace

TEST_CASE("a backup beside a busy daemon is one moment of its store, and takes up where that was") {
    Site site{"backup"};
    site.insert(60'000);
    auto daemon = site.start();
    REQUIRE(eventually([&] { return site.status().value("rows", 0) >= 60'000; }));
    std::atomic<bool> writing = true;
    std::jthread writer{[&] {
        while (writing) site.insert(500);
    }};
    const auto copy = site.file("copy.db");
    for (int i = 0; i < 3; ++i) {
        const auto ran = run_program({"backup", copy, "--json", "--force", "-c", site.config()});
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        const auto said = nlohmann::json::parse(ran.out);
        CHECK(said.at("file") == copy);
        CHECK(said.at("bytes") == std::filesystem::file_size(copy));
        CHECK(number(copy, "SELECT count(*) FROM log") >= 60'000);
        check_sums(copy);
    }
    writing = false;
    writer.join();
    const auto again = run_program({"backup", copy, "-c", site.config()});
    CHECK(again.code == 74);
    CHECK(contains(again.err, "--force"));
    site.stop(*daemon);
    const auto then = number(copy, "SELECT count(*) FROM log");
    CHECK(then <= site.rows_at_source());

    // Restored: the daemon goes on from where the copy stands.
    site.insert(1000);
    site.configure(copy);
    daemon = site.start();
    REQUIRE(eventually([&] { return site.status().value("rows", 0) == site.rows_at_source(); }));
    site.stop(*daemon);
    check_sums(copy);
}

TEST_CASE("a backup of nothing, and one to nowhere, are told by their exit codes") {
    Site site{"nobackup"};
    auto ran = run_program({"backup", site.file("copy.db"), "-c", site.config()});
    CHECK(ran.code == 66);
    CHECK(contains(ran.err, "there is no store"));
    CHECK(run_program({"sync", "-c", site.config()}).code == 0);
    ran = run_program({"backup", site.file("none/copy.db"), "-c", site.config()});
    CHECK(ran.code == 74);
    ran = run_program({"backup", site.file("copy.db"), "-c", site.config()});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "copy.db: "));
    CHECK(run_program({"backup", "-c", site.config()}).code == 64);
}

TEST_CASE("windows on record are dropped before the first row that they lack is stored") {
    Site site{"windows"};
    site.insert(10);
    REQUIRE(run_program({"sync", "-c", site.config()}).code == 0);
    {
        SQLite::Database store{site.file("s.db"), SQLite::OPEN_READWRITE};
        store.exec("INSERT INTO window_record VALUES(1, 2, 3, x'00')");
        store.exec(
            "CREATE TRIGGER no BEFORE DELETE ON window_record BEGIN "
            "SELECT RAISE(ABORT, 'killed just here'); END");
    }
    site.insert(5);
    const auto killed = run_program({"sync", "-c", site.config()});
    CHECK(killed.code != 0);
    CHECK(contains(killed.err, "killed just here"));
    CHECK(number(site.file("s.db"), "SELECT count(*) FROM log") == 10);
    SQLite::Database{site.file("s.db"), SQLite::OPEN_READWRITE}.exec("DROP TRIGGER no");
    CHECK(run_program({"sync", "-c", site.config()}).code == 0);
    CHECK(number(site.file("s.db"), "SELECT count(*) FROM log") == 15);
    CHECK(number(site.file("s.db"), "SELECT count(*) FROM window_record") == 0);
}

TEST_CASE("a sync that is interrupted ends at once, dies of the signal, and is taken up again") {
    Site site{"interrupted"};
    site.insert(300'000);
    int interrupted = 0;
    for (const int signal : {SIGINT, SIGTERM, SIGINT}) {
        const auto before = std::filesystem::exists(site.file("s.db"))
                                ? number(site.file("s.db"), "SELECT rows FROM position")
                                : 0;
        Program sync{{"sync", "-c", site.config()}};
        const bool began = eventually([&] {
            return std::filesystem::exists(site.file("s.db-wal")) &&
                   std::filesystem::file_size(site.file("s.db-wal")) > 3'000'000;
        });
        if (!began) break;  // so fast that it was over
        sync.signal(signal);
        const auto code = sync.wait(3s);
        if (code == 0) break;
        CHECK(code == 128 + signal);
        CHECK(contains(sync.err(), "the next sync goes on from here"));
        CHECK(sync.out().empty());
        CHECK(number(site.file("s.db"), "SELECT rows FROM position") > before);
        ++interrupted;
    }
    CHECK(interrupted > 0);
    const auto last = run_program({"sync", "--json", "-c", site.config()});
    REQUIRE_MESSAGE(last.code == 0, last.err);
    CHECK(last.err.empty());  // no progress where nobody sees it
    const auto said = nlohmann::json::parse(last.out);
    CHECK(said.at("last_id") == 300'000);
    CHECK(said.at("gaps_open") == 0);
    CHECK(said.size() == 4);
    CHECK(number(site.file("s.db"), "SELECT count(*) FROM log") == 300'000);
    check_sums(site.file("s.db"));
}

TEST_CASE("after a kill the file is checked beside the work, after a clean stop it is not") {
    Site site{"checked"};
    site.insert(1000);
    auto daemon = site.start();
    CHECK(site.status().at("store").at("check").is_null());
    daemon->signal(SIGKILL);
    daemon->wait();
    daemon = site.start();
    CHECK(eventually([&] { return site.status()["store"]["check"] == "sound"; }));
    CHECK(count(daemon->err(), "did not end cleanly") == 1);
    CHECK(count(daemon->err(), "the file is sound") == 1);
    CHECK(site.is_ready());
    site.stop(*daemon);
    daemon = site.start();
    CHECK(site.status().at("store").at("check").is_null());
    site.stop(*daemon);
    CHECK_FALSE(contains(daemon->err(), "did not end cleanly"));
}

TEST_CASE("a truncated table is another epoch within moments: one warning, and all goes on") {
    Site site{"truncated"};
    site.insert(50);
    const auto daemon = site.start();
    REQUIRE(eventually([&] { return site.status().value("rows", 0) == 50; }));
    CHECK(site.status().at("source").at("epoch") == 0);
    site.server().sql("TRUNCATE logs", site.database());
    site.insert(10);
    REQUIRE(eventually([&] { return site.status().value("rows", 0) == 60; }, 5s));
    auto status = site.status();
    CHECK(status.at("source").at("epoch") == 1);
    CHECK(status.at("source").at("epoch_since").is_number());
    CHECK(status.at("cursor") == 10);
    CHECK(site.is_ready());
    const auto said = run_program({"status", "-c", site.config()});
    CHECK(contains(said.out, "epoch 1 since "));
    site.stop(*daemon);
    CHECK(count(daemon->err(), "truncated, restored or replaced: epoch 1 begins at id 1") == 1);
}

TEST_CASE("a lost grant, a dead server and a missing table each say so, once, and are got over") {
    MariaDb server;
    Site site{"states", server};
    server.sql("CREATE USER r@'%' IDENTIFIED BY 'hush'; GRANT SELECT ON states.logs TO r@'%'");
    site.configure(site.file("s.db"), "r", "hush");
    site.insert(5);
    const auto daemon = site.start();
    const auto becomes = [&](const std::string& state) {
        const bool so = eventually([&] { return site.status()["source"]["state"] == state; }, 40s);
        CHECK_MESSAGE(so, state << ": " << site.readyz());
        if (state != "ok") {
            CHECK_FALSE(site.is_ready());
            CHECK(contains(site.readyz(), "the gateway cannot be read (" + state + "): "));
        }
    };
    becomes("ok");
    const auto stood = site.status().at("source").at("synced_through").get<std::int64_t>();
    server.sql("REVOKE SELECT ON states.logs FROM r@'%'; FLUSH PRIVILEGES");
    becomes("denied");
    server.sql("GRANT SELECT ON states.logs TO r@'%'; FLUSH PRIVILEGES");
    becomes("ok");
    server.stop();
    becomes("unreachable");
    const auto during = site.status().at("source").at("synced_through").get<std::int64_t>();
    CHECK(eventually([&] { return site.status().at("lag_seconds") >= 3; }));
    CHECK(site.status().at("source").at("synced_through") == during);
    CHECK(during >= stood);
    server.start();
    becomes("ok");
    server.sql("RENAME TABLE logs TO elsewhere", "states");
    becomes("schema");
    server.sql("RENAME TABLE elsewhere TO logs", "states");
    becomes("ok");
    CHECK(eventually([&] { return site.is_ready(); }));
    site.stop(*daemon);
    const auto log = daemon->err();
    INFO(log);
    CHECK(count(log, "cannot be read (") == 3);
    CHECK(count(log, "can be read again, after ") == 3);
    CHECK_FALSE(contains(log, "hush"));
}
