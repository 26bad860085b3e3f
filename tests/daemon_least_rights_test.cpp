#include <csignal>
#include <ctime>
#include <memory>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "support/mariadb.h"
#include "support/program.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// It remembers how each statement ended: nothing else tells what was asked for in vain.
MariaDb& server() {
    static MariaDb one{{"--performance-schema=ON", "--performance-schema-instrument=statement/%=ON",
                        "--performance-schema-consumer-events-statements-current=ON",
                        "--performance-schema-consumer-events-statements-history-long=ON",
                        "--performance-schema-events-statements-history-long-size=100000"}};
    return one;
}

/// Statements that were refused for want of a right since the last question.
std::string denied() {
    const auto rows = server().sql(
        "SELECT COUNT(*), COALESCE(GROUP_CONCAT(DISTINCT message_text SEPARATOR '; '), '') FROM "
        "performance_schema.events_statements_history_long WHERE mysql_errno IN (1044, 1142, 1143, "
        "1227, 1370)");
    server().sql("TRUNCATE performance_schema.events_statements_history_long");
    const auto& row = rows.at(0);
    return row[0] == "0" ? "" : fmt::format("{}: {}", row[0].value_or(""), row[1].value_or(""));
}

/// A gateway on MariaDB, and the program with accounts as it prints them itself.
class Site {
public:
    Site(std::string schema, const std::string& breaker, const std::string& action_mode = "live")
        : schema_(std::move(schema)) {
        server().load_ddl(kDatabase, schema_);
        server().sql(
            "INSERT INTO channels(id, name, `key`, type, status, `group`, models, balance, "
            "balance_updated_time) VALUES(3, 'azure', 'sk-3', 3, 1, 'default', 'gpt-4o', 1, "
            "UNIX_TIMESTAMP()), (4, 'openai', 'sk-4', 1, 1, 'default', 'gpt-4o', 90, "
            "UNIX_TIMESTAMP());"
            "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('default', "
            "'gpt-4o', "
            "3, 1), ('default', 'gpt-4o', 4, 1);"
            "INSERT INTO users(id, username, password, quota) VALUES(7, 'alice', 'hush', 10);"
            "INSERT INTO tokens(id, user_id, `key`, name, status, remain_quota, expired_time) "
            "VALUES(11, 7, 'sk', 'key-1', 1, 20, -1);"
            "INSERT INTO options VALUES('QuotaPerUnit', '500000'), ('SMTPToken', 'hush')",
            kDatabase);
        write_file(
            file("rules.yaml"),
            fmt::format(
                "rules:\n"
                "  - {{name: burn, metric: tokens, by: [channel], window: 1h, above: 1000, "
                "action: {{disable_channel: {{mode: {}}}}}}}\n"
                "  - {{name: poor, metric: channel_balance, below: 5}}\n"
                "  - {{name: key-left, metric: token_remaining, below: 2}}\n"
                "  - {{name: user-left, metric: user_remaining, below: 1}}\n"
                "  - {{name: few, metric: healthy_channels, below: 5}}\n{}",
                action_mode,
                schema_ == "newapi_2026" ? "  - {name: dead, metric: dead_keys, above: 0}\n" : ""));
        write_file(config(),
                   fmt::format("source: {{dsn: \"{}\", poll_interval: 200ms, gateway: {}}}\n{}"
                               "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                               "status: {{listen: \"127.0.0.1:{}\"}}\nrules: [rules.yaml]\n"
                               "notifiers: {{screen: {{type: console}}}}\nlanguage: en\n",
                               server().dsn("least", "pw", kDatabase),
                               schema_ == "oneapi" ? "one-api" : "new-api", breaker,
                               file("store.db"), file("c.sock"), port_));
        auto printed = run_program({"grants", "--config", config()});
        REQUIRE_MESSAGE(printed.code == 0, printed.err);
        base::replace_all(printed.out, "<choose a password>", "pw");
        server().sql("DROP USER IF EXISTS least@'%', least_breaker@'%'");
        // Running it again is harmless.
        for (int times = 0; times < 2; ++times) server().sql(printed.out);
        denied();
    }

    static std::string breaker_dsn() { return server().dsn("least_breaker", "pw", kDatabase); }
    std::string config() const { return folder_.file("quotafuse.yaml"); }
    int port() const { return port_; }
    std::unique_ptr<Program> start() const {
        auto daemon =
            std::make_unique<Program>(std::vector<std::string>{"run", "--config", config()});
        REQUIRE_MESSAGE(eventually([&] { return http_get(port_, "/readyz").status == 200; }),
                        daemon->err());
        return daemon;
    }
    Ran run(std::vector<std::string> command) const {
        command.insert(command.end(), {"--config", config()});
        return run_program(std::move(command));
    }
    void request(int channel, int tokens) const {
        server().sql(fmt::format("INSERT INTO logs(user_id, created_at, type, content, username, "
                                 "token_name, model_name, quota, prompt_tokens, completion_tokens, "
                                 "channel_id) VALUES(7, {}, 2, '', 'alice', 'key-1', 'gpt-4o', 1, "
                                 "{}, 0, {})",
                                 std::time(nullptr), tokens, channel),
                     kDatabase);
    }
    nlohmann::json status() const {
        return nlohmann::json::parse(http_get(port_, "/api/v1/status").body, nullptr, false);
    }
    void settle() const {
        const auto now = std::time(nullptr);
        REQUIRE(eventually([&] { return status().value("engine_time", std::int64_t{0}) > now; }));
    }
    /// A request that sets the rule off, and the messages of all rules.
    void burn(const Program& daemon) const {
        request(4, 1);
        settle();
        request(3, 5000);
        for (const auto* const rule : {"burn", "poor", "key-left", "few"}) {
            CAPTURE(rule);
            CHECK_MESSAGE(eventually([&] { return tells(daemon, rule); }),
                          (daemon.out() + daemon.err()));
        }
    }
    /// "Firing: burn · …", "Over the limit when the rule was first looked at: poor · …".
    static bool tells(const Program& daemon, const std::string& rule) {
        return contains(daemon.out(), ": " + rule + " · ");
    }
    std::string cell(const std::string& sql) const {
        return server().sql(sql, kDatabase).at(0).at(0).value_or("NULL");
    }
    /// What pages ask of the gateway itself.
    void check_gateway_pages() const {
        const auto keys = nlohmann::json::parse(http_get(port_, "/api/v1/tokens").body);
        CHECK(keys.at("why") == "");
        CHECK(keys.at("masks").at("from") == "view");
        REQUIRE(keys.at("rows").size() == 1);
        CHECK(keys.at("rows").at(0).at("name") == "key-1");
        CHECK(keys.at("rows").at(0).at("masked") == "****");
        CHECK(keys.at("rows").at(0).at("user").at("name") == "alice");
        const auto row = nlohmann::json::parse(http_get(port_, "/api/v1/logs/0-1").body);
        CHECK(row.at("from") == "gateway");
    }
    /// What people ask of a daemon, and of the store. The check tries whether it sees secrets, and
    /// is refused.
    void check_answers() const {
        check_gateway_pages();
        CHECK(denied() == "");
        for (const auto& command : std::vector<std::vector<std::string>>{{"status", "--json"},
                                                                         {"breaker", "report"},
                                                                         {"breaker", "list"},
                                                                         {"notify", "screen"},
                                                                         {"check", "--online"}}) {
            const auto ran = run(command);
            CAPTURE(command);
            CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
        }
        CHECK(status().at("rows") == 2);
        CHECK(status().at("last_error").is_null());
        CHECK(http_get(port_, "/").status == 200);
    }
    void end(Program& daemon) const {
        daemon.signal(SIGTERM);
        CHECK(daemon.wait() == 0);
    }

private:
    static constexpr auto kDatabase = "least-rights";
    std::string file(const std::string& name) const { return folder_.file(name); }

    std::string schema_;
    TempDir folder_;
    int port_ = free_port();
};

}  // namespace

TEST_CASE("what the server refuses for want of a right is counted") {
    const Site site{"newapi_2026", ""};
    CHECK(site.run({"sync"}).code == 0);
    CHECK(denied() == "");
    server().sql("REVOKE SELECT (name) ON `least-rights`.channels FROM least@'%'");
    CHECK(site.run({"check", "--online"}).code != 0);
    CHECK(contains(denied(), "denied to user"));
}

TEST_CASE("with the reader's printed grants alone everything works, and nothing asks for more") {
    struct Case {
        const char* schema;
        const char* breaker;
    };
    for (const auto& [schema, breaker] : {Case{"newapi_2026", ""},
                                          {"newapi_2026", "breaker: {mode: off}\n"},
                                          {"newapi_2026", "breaker: {mode: shadow}\n"},
                                          {"newapi_2025", "breaker: {mode: shadow}\n"},
                                          {"oneapi", "breaker: {mode: shadow}\n"}}) {
        CAPTURE(std::string{schema});
        CAPTURE(std::string{breaker});
        const Site site{schema, breaker};
        const auto daemon = site.start();
        site.burn(*daemon);
        // Users are looked at every half minute: once is enough, their statements are one.
        if (schema == std::string_view{"oneapi"})
            CHECK(eventually([&, &program = *daemon] { return Site::tells(program, "user-left"); },
                             std::chrono::seconds{60}));
        CHECK(denied() == "");
        CHECK(site.cell("SELECT COUNT(*) FROM channels WHERE status <> 1") == "0");
        const bool shadow = !contains(breaker, "off");
        CHECK(contains(daemon->out(), "would have been disabled") == shadow);
        site.check_answers();
        site.end(*daemon);
        CHECK_FALSE(contains(daemon->err(), "enied"));
    }
}

TEST_CASE(
    "a live breaker whose account has no rights fails its trip, told once, and all else goes on") {
    const Site site{"newapi_2026",
                    fmt::format("breaker: {{dsn: \"{}\", mode: live}}\n", Site::breaker_dsn())};
    server().sql(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM least_breaker@'%'; "
        "GRANT SELECT (id) ON `least-rights`.channels TO least_breaker@'%'");
    const auto daemon = site.start();
    site.burn(*daemon);
    CHECK(eventually([&] {
        return contains(daemon->out(), "give the breaker's account what `quotafuse grants`");
    }));
    site.request(3, 10);
    site.settle();
    const auto told = daemon->out();
    const std::string words = "give the breaker's account what `quotafuse grants`";
    CHECK_MESSAGE(told.find(words) == told.rfind(words), told);
    CHECK(site.cell("SELECT COUNT(*) FROM channels WHERE status <> 1") == "0");
    CHECK(site.status().at("rows") == 3);
    const auto report = site.run({"breaker", "report"});
    CHECK(report.code == 0);
    CHECK(site.run({"check", "--online"}).code != 0);
    site.end(*daemon);
}

TEST_CASE(
    "what no rule switches a person may trip once its rights are granted, as the refusal says") {
    const Site site{"newapi_2026",
                    fmt::format("breaker: {{dsn: \"{}\", mode: live}}\n", Site::breaker_dsn())};
    server().sql(
        "UPDATE channels SET models = 'gpt-4o,o1' WHERE id = 3;"
        "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('default', 'o1', 3, 1)",
        "least-rights");
    const auto daemon = site.start();
    struct Case {
        std::vector<std::string> order;
        const char* option;
    };
    const std::vector<Case> cases{
        {{"breaker", "trip", "--token", "11", "--reason", "leaked"}, "--tokens"},
        {{"breaker", "trip", "--channel", "3", "--model", "o1", "--reason", "ill"}, "--models"}};
    for (const auto& [order, option] : cases) {
        CAPTURE(option);
        const auto refused = site.run(order);
        const auto told = refused.out + refused.err;
        CHECK(refused.code == 1);
        CHECK_MESSAGE(contains(told, fmt::format("`quotafuse grants {}`", option)), told);
        CHECK_MESSAGE(told.find("quotafuse grants") == told.rfind("quotafuse grants"), told);
        auto printed = site.run({"grants", option});
        CHECK(printed.code == 0);
        base::replace_all(printed.out, "<choose a password>", "pw");
        server().sql(printed.out);
        const auto done = site.run(order);
        CHECK_MESSAGE(done.code == 0, (done.out + done.err));
    }
    CHECK(site.cell("SELECT status FROM tokens WHERE id = 11") == "2");
    CHECK(site.cell("SELECT models FROM channels WHERE id = 3") == "gpt-4o");
    const auto check = site.run({"check", "--online"});
    CHECK(check.code == 0);
    CHECK_MESSAGE(contains(check.out, "'least_breaker'@'%' may do what it must, and nothing more"),
                  check.out);
    site.end(*daemon);
}

TEST_CASE("rights for people's orders need an account of the breaker") {
    const Site site{"newapi_2026", ""};
    const auto refused = site.run({"grants", "--tokens"});
    CHECK(refused.code == 78);
    CHECK(contains(refused.err, "name one in breaker.dsn (BREAKER_SQL_DSN) first"));
    CHECK(refused.out.empty());
}
