#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/gateway_trip.h"
#include "circuit_breaker/grants.h"
#include "support/test_gateway.h"
#include "sync/gateway_info.h"
#include "sync/info_reader.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using tests::TestGateway;
using Engine = TestGateway::Engine;

namespace {

constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};
constexpr auto kSchemas = {"newapi_2025", "newapi_2026", "oneapi"};

/// "table.column".
using Columns = std::set<std::string>;

TripRequest order(const TestGateway& gateway, Mode mode) {
    return {.trip_id = "t",
            .target = Target::of_channel(2),
            .reason = "dear",
            .gateway = gateway.gateway(),
            .mode = mode};
}

/// A gateway whose two accounts have exactly what grants_sql prints.
struct Granted {
    explicit Granted(const std::string& schema, sync::InfoNeeds needs = {}, RuleGrants rules = {},
                     const std::string& breaker = "q_breaker")
        : gateway{Engine::mariadb, schema} {
        for (const std::int64_t id : {1, 2}) gateway.add_channel(id, {"default"}, {"gpt-4o", "o1"});
        gateway.sql(
            "INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'false'), ('SMTPToken', "
            "'hush'); INSERT INTO users(id, username, password, request_count) VALUES(1, 'root', "
            "'hush', 40), (2, 'u', 'hush', 2);"
            "INSERT INTO tokens(id, user_id, `key`, name, status, remain_quota) "
            "VALUES(7, 2, 'sk', 'n', 1, 9)");
        auto text = grants_sql({.gateway = gateway.gateway(),
                                .database = gateway.database(),
                                .log_database = "",
                                .reader = "q'reader",
                                .breaker = breaker,
                                .host = "127.0.0.%",
                                .needs = needs,
                                .rules = rules});
        base::replace_all(text, "<choose a password>", "pw");
        gateway.sql("DROP USER IF EXISTS 'q''reader'@'127.0.0.%', 'q_breaker'@'127.0.0.%'");
        gateway.sql(text);
    }
    std::string refusal(sync::GatewaySession& session, const std::string& sql) {
        try {
            session.query(sql);
            return "allowed";
        } catch (const sync::GatewayError& e) {
            return e.kind() == sync::GatewayError::Kind::denied ? "denied" : e.what();
        }
    }
    Columns all_columns() {
        Columns columns;
        for (const auto& row :
             gateway.sql("SELECT table_name, column_name FROM information_schema.columns "
                         "WHERE table_schema = DATABASE()"))
            columns.insert(row[0] + "." + row[1]);
        return columns;
    }
    /// The columns for which a statement about one, with {0} for its table and {1} for itself, is
    /// not denied.
    Columns allowed(sync::GatewaySession& session, const std::string& statement) {
        Columns found;
        for (const auto& name : all_columns()) {
            const auto point = name.find('.');
            const auto answer =
                refusal(session, fmt::format(fmt::runtime(statement), name.substr(0, point),
                                             name.substr(point + 1)));
            if (answer != "denied") found.insert(name);
        }
        return found;
    }
    Columns readable(sync::GatewaySession& session) {
        return allowed(session, "SELECT `{1}` FROM `{0}` LIMIT 1");
    }
    /// Sets one column of all rows; without a WHERE, so that no missing right to read it is
    /// in the way.
    Columns writable(sync::GatewaySession& session) {
        return allowed(session, "UPDATE `{0}` SET `{1}` = DEFAULT");
    }
    /// Everything else that would change something.
    void check_no_other_change(sync::GatewaySession& session) {
        std::set<std::string> tables;
        for (const auto& name : all_columns()) tables.insert(name.substr(0, name.find('.')));
        REQUIRE(tables.contains("logs"));
        for (const auto& table : tables) {
            for (const auto* sql :
                 {"INSERT INTO `{}` VALUES()", "DELETE FROM `{}`", "TRUNCATE TABLE `{}`",
                  "DROP TABLE `{}`", "ALTER TABLE `{}` ADD COLUMN qf INT",
                  "CREATE INDEX qf ON `{}` (id)", "RENAME TABLE `{}` TO qf",
                  "REPLACE INTO `{}` VALUES()", "CREATE TABLE qf LIKE `{}`",
                  "LOCK TABLES `{}` WRITE", "LOCK TABLES `{}` READ",
                  "CREATE VIEW qf AS SELECT 1 FROM `{}`", "SELECT 1 FROM `{}` INTO OUTFILE 'qf'",
                  "LOAD DATA INFILE 'qf' INTO TABLE `{}`",
                  "CREATE TRIGGER qf BEFORE INSERT ON `{}` FOR EACH ROW SET @a = 1"}) {
                const auto text = fmt::format(fmt::runtime(sql), table);
                CAPTURE(text);
                CHECK(refusal(session, text) == "denied");
            }
        }
        for (const auto* sql :
             {"CREATE TABLE qf(a INT)", "CREATE DATABASE qf", "CREATE VIEW qf AS SELECT 1",
              "CREATE USER qf", "SET GLOBAL max_connections = 10", "SELECT 1 INTO OUTFILE 'qf'",
              "CREATE PROCEDURE qf() SELECT 1",
              "CREATE EVENT qf ON SCHEDULE EVERY 1 DAY DO SELECT 1",
              "GRANT SELECT ON logs TO PUBLIC", "DROP DATABASE quotafuse",
              "DROP VIEW quotafuse.qf"}) {
            CAPTURE(sql);
            CHECK(refusal(session, sql) == "denied");
        }
    }
    TestGateway gateway;
};

/// Names in the tables of this schema, in one text: "id status".
void add(Columns& columns, const std::string& table, const std::string& names) {
    for (const auto name : base::split(names, ' ')) columns.insert(table + "." + std::string{name});
}

struct Feature {
    const char* name;
    RuleGrants rules;
};
/// Each thing that rules ask of the breaker's account, and all of them.
const std::vector<Feature>& features() {
    static const std::vector<Feature> all{
        {"a person's trips alone", {}},
        {"channels", {.channels = true}},
        {"models", {.channels = true, .models = true}},
        {"half-open", {.channels = true, .half_open = true}},
        {"keys", {.tokens = true}},
        {"all",
         {.channels = true, .models = true, .half_open = true, .tokens = true, .tags = true}}};
    return all;
}

/// What the breaker's account may see and change, as docs/breaker.md tells it.
std::pair<Columns, Columns> breaker_columns(bool new_api, const RuleGrants& rules) {
    Columns reads;
    Columns writes;
    add(reads, "channels", "id status name");
    add(writes, "channels", "status");
    add(reads, "abilities", "group model channel_id enabled");
    add(writes, "abilities", "enabled");
    if (new_api) {
        add(reads, "channels", "auto_ban other_info");
        add(writes, "channels", "other_info");
    }
    for (auto* columns : {&reads, &writes}) {
        if (rules.models) add(*columns, "channels", "models");
        if (!rules.half_open) continue;
        add(*columns, "channels", "priority weight");
        add(*columns, "abilities", new_api ? "priority weight" : "priority");
    }
    if (rules.tokens) {
        add(reads, "tokens",
            new_api ? "id user_id name status deleted_at" : "id user_id name status");
        add(writes, "tokens", "status");
    }
    return {reads, writes};
}

/// What trips and returns ask of the models of a channel, of ranks, and of keys.
std::vector<std::string> statements_of(bool new_api, const RuleGrants& rules) {
    std::vector<std::string> all;
    if (rules.models) {
        all.emplace_back("SELECT `models` FROM `channels` WHERE `id` = 1 FOR UPDATE");
        all.emplace_back(
            "UPDATE `channels` SET `models` = 'o1' WHERE `id` = 1 AND `status` = 1 AND BINARY "
            "`models` <=> BINARY 'gpt-4o,o1'");
        all.emplace_back(
            "UPDATE `abilities` SET `enabled` = 0 WHERE `channel_id` = 1 AND `group` = 'default' "
            "AND BINARY `model` <=> BINARY 'gpt-4o'");
    }
    if (rules.half_open) {
        all.emplace_back(
            "SELECT `id`, `status`, `priority`, `weight` FROM `channels` WHERE `id` IN (1, 2) FOR "
            "UPDATE");
        all.emplace_back(
            "UPDATE `channels` SET `status` = 1, `priority` = -1, `weight` = 1 WHERE `id` = 1 AND "
            "`priority` = 0");
        const auto* const weight = new_api ? ", `weight`" : "";
        all.push_back(fmt::format(
            "SELECT peer.`group`, peer.`model`, peer.`channel_id`, peer.`enabled`, "
            "peer.`priority`{} FROM `abilities` mine JOIN `abilities` peer ON peer.`group` = "
            "mine.`group` AND peer.`model` = mine.`model` WHERE mine.`channel_id` = 1 FOR UPDATE",
            new_api ? ", peer.`weight`" : ""));
        all.push_back(fmt::format("SELECT `priority`{} FROM `abilities` LIMIT 1", weight));
        all.push_back(fmt::format(
            "UPDATE `abilities` SET `enabled` = 1, `priority` = -1{} WHERE `channel_id` = 1",
            new_api ? ", `weight` = 1" : ""));
    }
    if (rules.tokens) {
        const auto* const alive = new_api ? " AND `deleted_at` IS NULL" : "";
        all.push_back(fmt::format(
            "SELECT `id`, `name`, `status` FROM `tokens` WHERE `id` = 7{} FOR UPDATE", alive));
        all.push_back(fmt::format(
            "SELECT `id` FROM `tokens` WHERE `user_id` = 2 AND BINARY `name` <=> BINARY 'n'{}",
            alive));
        all.push_back(fmt::format(
            "UPDATE `tokens` SET `status` = 2 WHERE `id` = 7 AND `status` = 1{}", alive));
    }
    return all;
}

}  // namespace

TEST_CASE(
    "with the grants printed for a feature its statements work, and nothing else is allowed") {
    for (const auto* schema : kSchemas) {
        for (const auto& feature : features()) {
            CAPTURE(schema);
            CAPTURE(feature.name);
            Granted granted{schema, {}, feature.rules};
            auto& gateway = granted.gateway;
            const auto session = gateway.session("q_breaker", "pw");
            const auto request = order(gateway, Mode::live);
            const Guard guard{.served = {{"default", "gpt-4o", 5}}};
            const auto result = trip(*session, gateway.database(), request, guard, kNow);
            CAPTURE(result.why);
            CHECK(kind_name(result.kind) == "tripped");
            CHECK(result.status_written == 3);  // the option could be read
            for (const auto& sql : statements_of(gateway.new_api(), feature.rules)) {
                CAPTURE(sql);
                if (sql.starts_with("SELECT"))
                    CHECK_FALSE(session->query(sql).empty());
                else
                    CHECK(session->execute(sql) > 0);
            }
            const auto [reads, writes] = breaker_columns(gateway.new_api(), feature.rules);
            CHECK(granted.readable(*session) == reads);
            CHECK(granted.writable(*session) == writes);
            granted.check_no_other_change(*session);
        }
    }
}

TEST_CASE("the breaker sees the options without the secrets among them") {
    Granted granted{"newapi_2026"};
    const auto session = granted.gateway.session("q_breaker", "pw");
    const auto options = session->query("SELECT `key` FROM `quotafuse`.`" +
                                        granted.gateway.database() + "_options`");
    REQUIRE(options.size() == 1);
    CHECK(options[0][0] == "AutomaticEnableChannelEnabled");
    CHECK(granted.refusal(*session, "SELECT `value` FROM options") == "denied");
}

TEST_CASE("a lost commit and an undo work with the printed grants") {
    Granted granted{"newapi_2026"};
    auto& gateway = granted.gateway;
    tests::AccidentSession session{gateway.session("q_breaker", "pw")};
    session.lost_commit = tests::AccidentSession::Lost::after_it_took_effect;
    session.after_commit = [&] { gateway.sql("UPDATE channels SET status = 2 WHERE id = 1"); };
    const Guard guard{.served = {{"default", "gpt-4o", 5}}};
    const auto request = order(gateway, Mode::live);
    const auto result = trip(session, gateway.database(), request, guard, kNow);
    CHECK(kind_name(result.kind) == "refused");
    CHECK(result.why.ends_with("undone"));
    CHECK(gateway.value("SELECT status FROM channels WHERE id = 2") == "1");
}

TEST_CASE(
    "the reader sees logs, channels without their keys and harmless options, and writes nothing") {
    for (const auto* schema : kSchemas) {
        CAPTURE(schema);
        Granted granted{schema};
        auto& gateway = granted.gateway;
        const auto session = gateway.session("q'reader", "pw", true);
        CHECK(session->query("SELECT * FROM logs").empty());
        const auto info = sync::read_gateway_info(*session, gateway.database());
        CHECK(info.channels.size() == 2);
        CHECK(info.channels.at(1).name == "channel-1");
        CHECK(info.auto_enable == false);
        CHECK(info.requests == 42);

        const auto writer = gateway.session("q'reader", "pw");
        auto reads = granted.readable(*writer);
        std::erase_if(reads, [](const auto& name) { return name.starts_with("logs."); });
        CHECK(reads == Columns{"channels.id", "channels.name", "channels.status", "channels.type",
                               "users.id", "users.request_count"});
        CHECK(granted.writable(*writer).empty());
        granted.check_no_other_change(*writer);
    }
}

TEST_CASE("without an account of the breaker the reader's is enough for shadow mode") {
    for (const auto* schema : kSchemas) {
        CAPTURE(schema);
        const RuleGrants rules{.channels = true, .models = true, .tokens = true};
        Granted granted{schema, {}, rules, ""};
        auto& gateway = granted.gateway;
        const auto session = gateway.session("q'reader", "pw", true);
        const auto shadow = order(gateway, Mode::shadow);
        const auto result = trip(*session, gateway.database(), shadow, {}, kNow);
        CAPTURE(result.why);
        CHECK(kind_name(result.kind) == "would_trip");
        CHECK(session->query("SELECT `models` FROM `channels` WHERE `id` = 1").size() == 1);
        const auto* const alive = gateway.new_api() ? " AND `deleted_at` IS NULL" : "";
        CHECK(session
                  ->query(fmt::format("SELECT `id`, `user_id`, `name`, `status` FROM `tokens` "
                                      "WHERE `id` = 7{}",
                                      alive))
                  .size() == 1);
        const auto writer = gateway.session("q'reader", "pw");
        CHECK(granted.writable(*writer).empty());
        for (const auto* secret : {"channels.key", "tokens.key", "users.password", "options.value"})
            CHECK_FALSE(granted.readable(*writer).contains(secret));
    }
}

TEST_CASE("what rules need of the gateway's objects can be read with the grants printed for it") {
    for (const auto* schema : kSchemas) {
        CAPTURE(schema);
        const bool multi_key = std::string_view{schema} == "newapi_2026";
        const sync::InfoNeeds all{
            .balances = true, .keys = multi_key, .abilities = true, .tokens = true, .users = true};
        Granted granted{schema, all};
        auto& gateway = granted.gateway;
        gateway.sql("UPDATE channels SET balance = 5, balance_updated_time = 1000");
        const auto session = gateway.session("q'reader", "pw", true);
        sync::InfoReader reader{*session, gateway.database(), all};
        reader.set_gateway(gateway.gateway());
        std::optional<sync::GatewayInfo> info;
        std::map<std::int64_t, sync::TokenInfo> tokens;
        std::map<std::int64_t, sync::UserInfo> users;
        for (int look = 0; look < 3; ++look) {
            info = reader.read();
            tokens.merge(info->tokens);
            users.merge(info->users);
        }
        CHECK(info->troubles.empty());
        CHECK(info->channels.at(1).balance == 5);
        CHECK(info->has_keys == multi_key);
        CHECK(tokens.at(7).remaining == 9);
        CHECK(users.at(1).name == "root");
        CHECK(info->healthy->at({"default", "gpt-4o"}) == 2);
        CHECK(info->requests == 42);
        CHECK(info->auto_enable == false);
        for (const auto* sql :
             {"SELECT `key` FROM channels", "SELECT `key` FROM tokens",
              "SELECT password FROM users", "SELECT access_token FROM users",
              "SELECT email FROM users", "SELECT * FROM tokens", "SELECT `value` FROM options"}) {
            CAPTURE(sql);
            CHECK(granted.refusal(*session, sql) == "denied");
        }
    }
}

TEST_CASE("the reader sees the tags of channels where a rule asks for them") {
    Granted granted{"newapi_2026", {}, {.tags = true}};
    granted.gateway.sql("UPDATE channels SET tag = 'eu'");
    const auto session = granted.gateway.session("q'reader", "pw", true);
    const auto info = sync::read_gateway_info(*session, granted.gateway.database());
    CHECK(info.channels.at(1).tag == "eu");
}
