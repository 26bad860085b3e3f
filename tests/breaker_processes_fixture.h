#pragma once
// Real daemons with live breakers beside a gateway on MariaDB, where the test holds locks of its
// own: so a daemon stands still at a known place.

#include <algorithm>
#include <csignal>
#include <ctime>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/chat_services.h"
#include "support/mariadb.h"
#include "support/program.h"
#include "sync/gateway_session.h"

namespace quotafuse::tests {

using Json = nlohmann::json;
using Texts = std::vector<std::string>;

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A New API with the channels 3 and 4 for one model, which counts what is written to `channels`.
class LockedGateway {
public:
    /// `server` outlives this.
    LockedGateway(MariaDb& server, std::string database)
        : server_(server), database_(std::move(database)) {
        server_.load_ddl(database_, "newapi_2026");
        server_.sql(
            fmt::format(
                "INSERT INTO channels(id, name, `key`, type, status, `group`, models, auto_ban) "
                "VALUES(3, 'azure-eu', 'sk-3', 3, 1, 'default', 'gpt-4o', 1), "
                "(4, 'openai', 'sk-4', 1, 1, 'default', 'gpt-4o', 1);"
                "INSERT INTO abilities(`group`, model, channel_id, enabled) "
                "VALUES('default', 'gpt-4o', 3, 1), ('default', 'gpt-4o', 4, 1);"
                "CREATE TABLE writes(id INTEGER AUTO_INCREMENT PRIMARY KEY, status INTEGER);"
                "CREATE TRIGGER count_writes AFTER UPDATE ON channels FOR EACH ROW "
                "INSERT INTO writes(status) VALUES(NEW.status);"
                "CREATE USER IF NOT EXISTS qf@'%' IDENTIFIED BY 'pw';"
                "CREATE USER IF NOT EXISTS qf_breaker@'%' IDENTIFIED BY 'pw';"
                "GRANT SELECT ON `{0}`.* TO qf@'%';"
                "GRANT SELECT, UPDATE ON `{0}`.channels TO qf_breaker@'%';"
                "GRANT SELECT, UPDATE ON `{0}`.abilities TO qf_breaker@'%';"
                "GRANT SELECT ON `{0}`.options TO qf_breaker@'%'",
                database_),
            database_);
    }

    std::string dsn(const std::string& user) const {
        return server_.dsn(user, user == "root" ? "" : "pw", database_);
    }
    void request(int channel, int tokens) {
        server_.sql(fmt::format("INSERT INTO logs(user_id, created_at, type, username, token_name, "
                                "model_name, quota, prompt_tokens, channel_id, token_id, `group`, "
                                "other) VALUES(7, {}, 2, 'alice', 'key-1', 'gpt-4o', {}, {}, {}, "
                                "11, 'default', '')",
                                std::time(nullptr), tokens, tokens, channel),
                    database_);
    }
    std::string cell(const std::string& sql) {
        return server_.sql(sql, database_).at(0).at(0).value_or("NULL");
    }
    /// "3 0": the channel's status, and how many of its abilities are on.
    std::string state() {
        return cell(
            "SELECT concat(status, ' ', (SELECT sum(enabled) FROM abilities WHERE channel_id = 3)) "
            "FROM channels WHERE id = 3");
    }
    /// The status that each write to `channels` left, of those that were committed.
    std::string writes() { return cell("SELECT group_concat(status ORDER BY id) FROM writes"); }
    std::string marked_trip() {
        return cell("SELECT JSON_VALUE(other_info, '$.quotafuse.trip') FROM channels WHERE id = 3");
    }

    /// How many connections of `user` wait for a lock, in a statement that begins like this. (Of
    /// information_schema, innodb_trx stands still for whoever asks often, and the process list
    /// makes a table on disk each time.)
    std::size_t waiting(const std::string& user, const std::string& statement) {
        std::size_t at_work = 0;
        for (const auto& one : connections(user))
            at_work += one.statement.starts_with(statement) ? 1 : 0;
        const auto rows =
            server_.sql("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'", database_);
        return std::min<std::size_t>(at_work, std::stoul(rows.at(0).at(1).value()));
    }
    /// Of the breaker's connection that is in its COMMIT; empty: there is none.
    std::string in_commit() {
        for (const auto& one : connections("qf_breaker")) {
            if (one.statement == "COMMIT") return one.id;
        }
        return {};
    }
    bool breaker_is_gone() { return connections("qf_breaker").empty(); }
    MariaDb& server() { return server_; }
    std::unique_ptr<sync::GatewaySession> session() const {
        sync::SessionOptions options;
        options.read_only = false;
        options.read_timeout = std::chrono::seconds{60};
        auto session = sync::make_session(sync::parse_dsn(dsn("root")).dsn.value(), options);
        session->execute("SET SESSION innodb_lock_wait_timeout = 60");
        return session;
    }

private:
    struct Connection {
        std::string id;
        std::string statement;  // that it carries out; empty: none
    };
    std::vector<Connection> connections(const std::string& user) {
        std::vector<Connection> found;
        for (const auto& row : server_.sql("SHOW FULL PROCESSLIST", database_)) {
            if (row.at(1) == user && row.at(3) == database_)
                found.push_back({row.at(0).value(), row.at(7).value_or("")});
        }
        return found;
    }

    MariaDb& server_;
    std::string database_;
};

inline constexpr auto* kAbilitiesOf3 = "SELECT enabled FROM abilities WHERE channel_id = 3";
inline constexpr auto* kRowOf3 = "SELECT status FROM channels WHERE id = 3";

/// A lock of the test's own on what `select` reads, until release().
class Held {
public:
    Held(LockedGateway& gateway, const std::string& select) : session_(gateway.session()) {
        session_->begin();
        taken_ = std::async(std::launch::async, [this, select] {
            session_->query(select + std::string{" FOR UPDATE"});
        });
    }
    ~Held() { release(); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    void wait_until_taken() {
        if (taken_.valid()) taken_.get();
    }
    void release() {
        wait_until_taken();
        if (session_) session_->rollback();
        session_.reset();
    }

private:
    std::unique_ptr<sync::GatewaySession> session_;
    std::future<void> taken_;
};

/// While it lives, no commit of the server comes to its end.
class NoCommits {
public:
    explicit NoCommits(LockedGateway& gateway) : session_(gateway.session()) {
        for (const auto* const stage : {"START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"})
            session_->execute(std::string{"BACKUP STAGE "} + stage);
    }
    void end() { session_->execute("BACKUP STAGE END"); }

private:
    std::unique_ptr<sync::GatewaySession> session_;
};

/// A daemon with a store, a socket and a chat of its own.
class BreakerSite {
public:
    explicit BreakerSite(LockedGateway& gateway) {
        write_file(folder_.file("rules.yaml"),
                   "rules:\n  - {name: burn, severity: critical, metric: tokens, by: [channel], "
                   "window: 1h, above: 1000, action: {disable_channel: {mode: live}}}\n");
        write_file(config(),
                   fmt::format("source: {{dsn: \"{}\", poll_interval: 200ms}}\n"
                               "breaker: {{dsn: \"{}\", mode: live}}\n"
                               "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                               "status: {{listen: \"127.0.0.1:{}\"}}\n"
                               "rules: [rules.yaml]\nlanguage: en\ntimezone: UTC\n"
                               "notifiers: {{ops: {{type: telegram, bot_token: \"{}\", chat_id: "
                               "\"-1001\", base_url: \"{}\"}}}}\n",
                               gateway.dsn("qf"), gateway.dsn("qf_breaker"), store(),
                               folder_.file("c.sock"), port_, kToken, telegram_.url()));
    }

    /// Until it follows the gateway.
    void start() {
        daemon_ = std::make_unique<Program>(std::vector<std::string>{"run", "--config", config()});
        REQUIRE_MESSAGE(eventually([&] { return http_get(port_, "/readyz").status == 200; }),
                        daemon_->err());
    }
    void end(int signal) {
        daemon_->signal(signal);
        REQUIRE(daemon_->wait());
    }
    /// Until the rules have looked at what is there now, and all is told.
    void settle() {
        const auto now = std::time(nullptr);
        REQUIRE(eventually([&] {
            const auto status = status_now();
            return status.value("engine_time", std::int64_t{0}) > now &&
                   status.at("outbox").at("pending") == 0;
        }));
    }
    std::unique_ptr<Program> order(std::vector<std::string> words) const {
        words.insert(words.begin(), "breaker");
        words.insert(words.end(), {"--config", config()});
        return std::make_unique<Program>(std::move(words));
    }
    /// The audit from its first step.
    Texts steps() const { return column("SELECT step FROM breaker_audit ORDER BY id"); }
    std::string trip_id() const { return column("SELECT trip FROM breaker_audit").at(0); }
    Texts open() const { return column("SELECT trip FROM breaker_circuits"); }

    std::size_t told() const { return telegram_.shown().size(); }
    /// How many messages say this.
    std::size_t told(const std::string& part) const {
        std::size_t count = 0;
        for (const auto& text : telegram_.shown()) count += contains(text, part) ? 1 : 0;
        return count;
    }
    std::string log() const { return daemon_ ? daemon_->err() : ""; }

private:
    static constexpr auto* kToken = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp";
    std::string config() const { return folder_.file("quotafuse.yaml"); }
    std::string store() const { return folder_.file("store.db"); }
    Json status_now() const {
        const auto json = Json::parse(http_get(port_, "/api/v1/status").body, nullptr, false);
        return json.is_object() ? json : Json{{"outbox", {{"pending", -1}}}};
    }
    Texts column(const std::string& sql) const {
        const SQLite::Database db{store(), SQLite::OPEN_READONLY, 10'000};
        SQLite::Statement rows{db, sql};
        Texts texts;
        while (rows.executeStep()) texts.push_back(rows.getColumn(0).getString());
        return texts;
    }

    TempDir folder_;
    ChatService telegram_{telegram_rules(kToken, {"-1001"})};
    int port_ = free_port();
    std::unique_ptr<Program> daemon_;
};

}  // namespace quotafuse::tests
