#include <csignal>
#include <ctime>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/chat_services.h"
#include "support/mariadb.h"
#include "support/program.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto kToken = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp";
constexpr auto kHook = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
constexpr auto kFeishuSecret = "feishu-sign-secret";
constexpr auto kWecomKey = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa";
constexpr auto kNastyModel = "gpt_4*o<b>&[x](y)`z`@all";

/// A New API gateway on MariaDB with two channels, the three chat services, and a daemon between
/// them.
class Site {
public:
    explicit Site(const std::string& database) : database_(database), server_(shared_mariadb()) {
        make_gateway();
    }

    MariaDb& server() { return server_; }
    ChatService& telegram() { return telegram_; }
    ChatService& feishu() { return feishu_; }
    ChatService& wecom() { return wecom_; }
    std::string file(const std::string& name) const { return folder_.file(name); }

    void write_config(const std::string& rules, const std::string& more = {}) {
        write_file(file("rules.yaml"), rules);
        write_file(
            file("quotafuse.yaml"),
            fmt::format(
                "source: {{dsn: \"{}\", poll_interval: 200ms}}\n"
                "breaker: {{dsn: \"{}\", mode: live}}\n"
                "store: {{path: {}}}\ncontrol: {{socket: {}}}\nstatus: {{listen: "
                "\"127.0.0.1:{}\"}}\n"
                "rules: [rules.yaml]\nsite: test-site\nlanguage: en\ntimezone: Asia/Shanghai\n"
                "notifiers:\n"
                "  ops-telegram: {{type: telegram, bot_token: \"{}\", chat_id: \"-1001\", "
                "base_url: \"{}\"}}\n"
                "  ops-feishu: {{type: feishu, webhook: \"{}/open-apis/bot/v2/hook/{}\", secret: "
                "{}}}\n"
                "  ops-wecom: {{type: wecom, webhook: \"{}/cgi-bin/webhook/send?key={}\"}}\n{}",
                server_.dsn("qf", "re@d:/#", database_),
                server_.dsn("qf_breaker", "wr@te", database_), file("store.db"),
                file("control.sock"), port_, kToken, telegram_.url(), feishu_.url(), kHook,
                kFeishuSecret, wecom_.url(), kWecomKey, more));
    }

    std::unique_ptr<Program> start() {
        auto daemon = std::make_unique<Program>(
            std::vector<std::string>{"run", "--config", file("quotafuse.yaml")});
        const bool ready = eventually([&] { return http_get(port_, "/readyz").status == 200; });
        REQUIRE_MESSAGE(ready, daemon->err());
        return daemon;
    }

    /// A request as the gateway logs it: one transaction, created_at from the application's clock.
    void request(int channel, const std::string& model, int tokens) {
        server_.sql(fmt::format("START TRANSACTION; INSERT INTO logs(user_id, created_at, type, "
                                "content, username, token_name, model_name, quota, "
                                "prompt_tokens, completion_tokens, use_time, is_stream, "
                                "channel_id, token_id, `group`, ip, request_id, other) "
                                "VALUES(7, {}, 2, '', 'alice', 'key-1', '{}', {}, {}, 0, 2, 0, {}, "
                                "11, 'default', '', '', "
                                "'{{\"model_ratio\":1,\"frt\":-1000}}'); COMMIT",
                                std::time(nullptr), model, tokens, tokens, channel),
                    database_);
    }
    nlohmann::json status() const {
        return nlohmann::json::parse(http_get(port_, "/api/v1/status").body, nullptr, false);
    }
    /// Until the rules have had their first look at what is there now.
    void settle() const {
        const auto now = std::time(nullptr);
        REQUIRE(eventually([&] { return status().value("engine_time", std::int64_t{0}) > now; }));
    }
    std::string cell(const std::string& sql) {
        return server_.sql(sql, database_).at(0).at(0).value_or("NULL");
    }
    int port() const { return port_; }

private:
    void make_gateway() {
        server_.load_ddl(database_, "newapi_2026");
        server_.sql(fmt::format("INSERT INTO channels(id, name, `key`, type, status, `group`, "
                                "models, auto_ban) VALUES"
                                "(3, 'azure-eu', 'sk-secret-3', 3, 1, 'default', 'gpt-4o', 1), (4, "
                                "'openai', 'sk-secret-4', 1, 1, 'default', 'gpt-4o', 1);"
                                "INSERT INTO abilities(`group`, model, channel_id, enabled) "
                                "VALUES('default', 'gpt-4o', 3, 1), ('default', 'gpt-4o', 4, 1);"
                                "CREATE USER IF NOT EXISTS qf@'%' IDENTIFIED BY 're@d:/#'; CREATE "
                                "USER IF NOT EXISTS qf_breaker@'%' IDENTIFIED BY 'wr@te';"
                                "GRANT SELECT ON `{0}`.logs TO qf@'%'; GRANT SELECT (id, name, "
                                "type, status) ON `{0}`.channels TO qf@'%';"
                                "GRANT SELECT, UPDATE ON `{0}`.channels TO qf_breaker@'%'; GRANT "
                                "SELECT, UPDATE ON `{0}`.abilities TO qf_breaker@'%';"
                                "GRANT SELECT ON `{0}`.options TO qf_breaker@'%'",
                                database_),
                    database_);
    }

    std::string database_;
    MariaDb& server_;
    TempDir folder_;
    base::SystemClock clock_;
    ChatService telegram_{telegram_rules(kToken, {"-1001"})};
    ChatService feishu_{feishu_rules(kHook, kFeishuSecret, clock_)};
    ChatService wecom_{wecom_rules(kWecomKey)};
    int port_ = free_port();
};

std::string burn_rule(const std::string& more = {}) {
    return "rules:\n  - {name: token-burn, severity: critical, metric: tokens, by: [channel], "
           "window: 1h, above: 1000" +
           more + "}\n";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a burning channel is told in all three services and disabled at the gateway") {
    Site site{"burning"};
    site.write_config(burn_rule(", action: {disable_channel: {mode: live}}"));
    const auto daemon = site.start();
    site.request(4, "gpt-4o", 10);
    site.settle();
    site.request(3, "gpt-4o", 600);
    site.request(3, "gpt-4o", 1901);
    for (auto* const service : {&site.telegram(), &site.feishu(), &site.wecom()}) {
        REQUIRE_MESSAGE(eventually([&] { return service->shown().size() == 1; }), daemon->err());
        const auto text = service->shown().at(0);
        INFO(text);
        CHECK(contains(text, "token-burn"));
        CHECK(contains(text, "3 (azure-eu)"));
        CHECK(contains(text, "2,501"));
        CHECK(contains(text, "1,000"));
        CHECK(contains(text, "test-site"));
        CHECK(contains(text, "disabled at the gateway (status 3)"));
    }
    CHECK(site.cell("SELECT status FROM channels WHERE id = 3") == "3");
    CHECK(site.cell("SELECT enabled FROM abilities WHERE channel_id = 3") == "0");
    CHECK(site.cell("SELECT status FROM channels WHERE id = 4") == "1");
    const auto info =
        nlohmann::json::parse(site.cell("SELECT other_info FROM channels WHERE id = 3"));
    CHECK(contains(info.at("status_reason").get<std::string>(), "token-burn"));

    REQUIRE(eventually([&] { return site.status().at("outbox").at("pending") == 0; }));
    const auto status = site.status();
    CHECK(status.at("rows") == 3);
    CHECK(status.at("cursor") == 3);
    CHECK(status.at("lag_seconds") <= 1);
    CHECK(status.at("gateway") == "new-api");
    CHECK(status.at("rules").at("firing") == 1);
    CHECK(status.at("outbox").at("failed") == 0);
    CHECK(status.at("last_error").is_null());
    CHECK(status.at("breaker").at("open").at(0).at("channel") == 3);

    const auto said = run_program({"status", "--json", "--config", site.file("quotafuse.yaml")});
    CHECK(said.code == 0);
    auto by_socket = nlohmann::json::parse(said.out);
    auto by_http = site.status();
    for (auto* const one : {&by_socket, &by_http}) {
        for (const auto* const moves : {"uptime_seconds", "engine_time", "source", "lag_seconds"})
            one->erase(moves);
    }
    CHECK(by_socket == by_http);

    daemon->signal(SIGTERM);
    CHECK(daemon->wait(2s) == 0);
    for (const auto* const secret :
         {"re@d:/#", "wr@te", kToken, kHook, kFeishuSecret, kWecomKey, "sk-secret"}) {
        CHECK_FALSE(contains(daemon->err() + daemon->out() + status.dump(), secret));
    }
}

TEST_CASE(
    "the last channel of a model stays, everywhere told why, and in shadow nothing is written") {
    Site site{"last"};
    site.server().sql(
        "UPDATE channels SET status = 2 WHERE id = 4; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id = 4",
        "last");
    site.write_config(burn_rule(", action: {disable_channel: {mode: live}}"));
    const auto daemon = site.start();
    site.request(3, "gpt-4o", 10);
    site.settle();
    site.request(3, "gpt-4o", 5000);
    REQUIRE_MESSAGE(eventually([&] { return site.telegram().shown().size() == 1; }), daemon->err());
    CHECK(contains(site.telegram().shown().at(0), "stays enabled: "));
    CHECK(contains(site.telegram().shown().at(0), "default/gpt-4o"));
    CHECK(site.cell("SELECT status FROM channels WHERE id = 3") == "1");
    CHECK(site.cell("SELECT enabled FROM abilities WHERE channel_id = 3") == "1");
}

TEST_CASE("a model name full of markup arrives as it is, in all three services") {
    Site site{"nasty"};
    site.write_config(
        "rules:\n  - {name: model-burn, metric: tokens, by: [model], window: 5m, above: 100, "
        "cooldown: 1h}\n");
    const auto daemon = site.start();
    site.request(3, "calm", 1);
    site.settle();
    site.request(3, kNastyModel, 500);
    REQUIRE_MESSAGE(eventually([&] {
                        return site.telegram().shown().size() + site.feishu().shown().size() +
                                   site.wecom().shown().size() ==
                               3;
                    }),
                    daemon->err());
    CHECK(contains(site.telegram().shown().at(0), kNastyModel));
    CHECK(contains(site.feishu().shown().at(0), kNastyModel));
    // WeCom has no escapes: what would be markup there is replaced by a twin of full width.
    INFO(site.wecom().shown().at(0));
    CHECK(contains(site.wecom().shown().at(0), "gpt_4*o＜b>&[x]（y)'z'@all"));
    CHECK(site.telegram().mentioned().empty());
    CHECK(site.feishu().mentioned().empty());
    CHECK(site.wecom().mentioned().empty());
}

TEST_CASE(
    "with the gateway's database down nothing resolves, the reason is told once, and all goes on "
    "by itself") {
    MariaDb server;  // of its own: it is stopped
    server.load_ddl("down", "newapi_2026");
    const TempDir folder;
    const int port = free_port();
    write_file(folder.file("rules.yaml"),
               "rules:\n  - {name: recent, metric: tokens, by: [channel], window: 1m, above: 100, "
               "cooldown: 1s, action: {disable_channel: {mode: shadow}}}\n");
    write_file(folder.file("quotafuse.yaml"),
               fmt::format("source: {{dsn: \"{}\", poll_interval: 200ms}}\nstore: {{path: "
                           "{}}}\ncontrol: {{socket: {}}}\n"
                           "status: {{listen: \"127.0.0.1:{}\"}}\nrules: [rules.yaml]\nnotifiers: "
                           "{{screen: {{type: console}}}}\nlanguage: en\nstale_after: 5s\n",
                           server.dsn("root", "", "down"), folder.file("s.db"),
                           folder.file("c.sock"), port));
    Program daemon{{"run", "--config", folder.file("quotafuse.yaml")}};
    REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 200; }));
    const auto insert = [&](int tokens) {
        server.sql(
            fmt::format("INSERT INTO logs(created_at, type, prompt_tokens, channel_id, model_name, "
                        "token_name, token_id, other) VALUES({}, 2, {}, 3, 'm', 'k', 1, '')",
                        std::time(nullptr), tokens),
            "down");
    };
    const auto status = [&] {
        return nlohmann::json::parse(http_get(port, "/api/v1/status").body, nullptr, false);
    };
    insert(1);
    REQUIRE(eventually([&] { return status().value("rows", 0) == 1; }));
    // It leaves the window 5 s from now.
    server.sql(
        fmt::format("INSERT INTO logs(created_at, type, prompt_tokens, channel_id, model_name, "
                    "token_name, token_id, other) VALUES({}, 2, 500, 3, 'm', 'k', 1, '')",
                    std::time(nullptr) - 55),
        "down");
    REQUIRE(eventually([&] { return status().at("rules").at("firing") == 1; }));
    const auto stands = status().at("engine_time").get<std::int64_t>();
    server.stop();
    REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 503; }));
    CHECK(contains(http_get(port, "/readyz").body, "the gateway cannot be read"));
    // The row was made to leave the window while the database is down; T stands, so it does not.
    REQUIRE(eventually([&] { return status().at("lag_seconds") >= 8; }));
    CHECK(status().at("rules").at("firing") == 1);
    CHECK_FALSE(contains(daemon.out(), "Resolved"));
    CHECK(eventually(
        [&] { return contains(daemon.out(), "Firing: the gateway cannot be followed"); }));
    CHECK(contains(daemon.out(), "the gateway cannot be read (unreachable): "));
    CHECK(status().at("engine_time").get<std::int64_t>() <= stands + 2);
    server.start();
    REQUIRE(eventually([&] { return http_get(port, "/readyz").status == 200; }, 40s));
    insert(7);
    CHECK(eventually([&] { return status().value("rows", 0) == 3; }));
    // Now the engine goes on, and what has left the window is over.
    CHECK(eventually([&] {
        return contains(daemon.out(), "Resolved: recent") ||
               contains(daemon.out(), "Over, without traffic: recent");
    }));
    CHECK(eventually(
        [&] { return contains(daemon.out(), "Resolved: the gateway cannot be followed"); }));
    daemon.signal(SIGTERM);
    CHECK(daemon.wait(2s) == 0);
    const auto log = daemon.err();
    CHECK(log.find("cannot be read (") != std::string::npos);
    CHECK(log.find("cannot be read (") == log.rfind("cannot be read ("));
    CHECK(contains(log, "can be read again, after "));
}

TEST_CASE("a notice outlives a service that is down and a daemon that is killed") {
    Site site{"outlive"};
    site.telegram().always({502, "<html>bad gateway</html>", "text/html"});
    site.write_config(burn_rule());
    auto daemon = site.start();
    site.request(3, "gpt-4o", 1);
    site.settle();
    site.request(3, "gpt-4o", 5000);
    // Both are told and that is on record: a kill in between may repeat a message.
    REQUIRE(eventually([&] { return site.status().at("outbox").at("pending") == 1; }));
    CHECK(site.wecom().shown().size() == 1);
    CHECK(site.feishu().shown().size() == 1);
    REQUIRE(eventually([&] { return !site.telegram().calls().empty(); }));
    daemon->signal(SIGKILL);
    daemon->wait();
    daemon = site.start();
    CHECK(site.status().at("outbox").at("pending") == 1);
    const auto before = site.telegram().calls().size();
    site.telegram().always({200, R"({"ok":true,"result":{"message_id":1}})"});
    REQUIRE(eventually([&] { return site.status().at("outbox").at("pending") == 0; }, 60s));
    CHECK(site.telegram().calls().size() > before);
    CHECK(contains(site.telegram().calls().back().body, "token-burn"));
    // The others had theirs, and the restart did not say it again.
    CHECK(site.wecom().shown().size() == 1);
    CHECK(site.feishu().shown().size() == 1);
    CHECK(site.status().at("rules").at("firing") == 1);
}

TEST_CASE("what a rule finds at its first look is one summary and trips nothing") {
    Site site{"firstlook"};
    for (const int channel : {3, 4}) site.request(channel, "gpt-4o", 5000);
    site.write_config(burn_rule(", action: {disable_channel: {mode: live}}"));
    const auto daemon = site.start();
    REQUIRE_MESSAGE(eventually([&] { return site.wecom().shown().size() == 1; }), daemon->err());
    CHECK(contains(site.wecom().shown().at(0), "3 (azure-eu)"));
    CHECK(contains(site.wecom().shown().at(0), "4 (openai)"));
    REQUIRE(eventually([&] { return site.status().at("rules").at("firing") == 1; }));
    CHECK(site.cell("SELECT count(*) FROM channels WHERE status = 1") == "2");
    CHECK(site.status().at("breaker").at("recent").empty());
}

TEST_CASE("a hang-up reloads a good configuration and keeps the old one before a faulty one") {
    Site site{"reload"};
    site.write_config(burn_rule());
    const auto daemon = site.start();
    site.write_config("rules:\n  - {name: burn, metric: tokns, window: 1h, above: 1000}\n");
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon->err(), "reload refused"); }));
    CHECK(contains(daemon->err(), "rules.yaml:2:26: "));
    CHECK(site.status().at("rules").at("total") == 1);
    site.write_config(burn_rule() + "  - {name: second, metric: requests, window: 5m, above: 9}\n");
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon->err(), "reloaded"); }));
    CHECK(eventually([&] {
        return http_get(site.port(), "/readyz").status == 200 &&
               site.status().at("rules").at("total") == 2;
    }));
    site.request(3, "gpt-4o", 1);
    CHECK(eventually([&] { return site.status().value("rows", 0) == 1; }));
}

TEST_CASE("a second daemon on one store is kept off and told who has it") {
    Site site{"second"};
    site.write_config(burn_rule());
    const auto daemon = site.start();
    const auto second = run_program({"sync", "--config", site.file("quotafuse.yaml")});
    CHECK(second.code == 69);
    CHECK(contains(second.err, "is held by another quotafuse (pid "));
}
