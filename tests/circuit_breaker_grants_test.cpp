#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/gateway_channel.h"
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

TripRequest order(const TestGateway& gateway, Mode mode) {
    return {
        .trip_id = "t", .channel = 2, .reason = "dear", .gateway = gateway.gateway(), .mode = mode};
}

/// A gateway whose two accounts have exactly what grants_sql prints.
struct Granted {
    explicit Granted(const std::string& schema, sync::InfoNeeds needs = {})
        : gateway{Engine::mariadb, schema} {
        for (const std::int64_t id : {1, 2}) gateway.add_channel(id, {"default"}, {"gpt-4o"});
        gateway.sql(
            "INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'false'), ('SMTPToken', "
            "'hush'); INSERT INTO users(id, username, password, request_count) VALUES(1, 'root', "
            "'hush', 40), (2, 'u', 'hush', 2)");
        auto text = grants_sql({.gateway = gateway.gateway(),
                                .database = gateway.database(),
                                .log_database = "",
                                .reader = "q'reader",
                                .breaker = "q_breaker",
                                .host = "127.0.0.%",
                                .needs = needs});
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
    TestGateway gateway;
};

}  // namespace

TEST_CASE(
    "with exactly the printed grants the trip works, and no secret can be read or row deleted") {
    for (const auto* schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
        CAPTURE(schema);
        Granted granted{schema};
        auto& gateway = granted.gateway;
        const auto session = gateway.session("q_breaker", "pw");
        const auto request = order(gateway, Mode::live);
        const Guard guard{.served = {{"default", "gpt-4o", 5}}};
        const auto result = trip_channel(*session, gateway.database(), request, guard, kNow);
        CAPTURE(result.why);
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.status_written == 3);  // the option could be read

        for (const auto* sql :
             {"SELECT `key` FROM channels", "SELECT * FROM channels", "SELECT `key` FROM tokens",
              "SELECT password FROM users", "SELECT `value` FROM options", "SELECT id FROM logs",
              "DELETE FROM channels WHERE id = 1", "DELETE FROM abilities WHERE channel_id = 1",
              "UPDATE channels SET name = 'x' WHERE id = 1", "UPDATE abilities SET priority = 1",
              "UPDATE channels SET `key` = 'x' WHERE id = 1"}) {
            CAPTURE(sql);
            CHECK(granted.refusal(*session, sql) == "denied");
        }
        const auto options =
            session->query("SELECT `key` FROM `quotafuse`.`" + gateway.database() + "_options`");
        REQUIRE(options.size() == 1);
        CHECK(options[0][0] == "AutomaticEnableChannelEnabled");
    }
}

TEST_CASE("a lost commit and an undo work with the printed grants") {
    Granted granted{"newapi_2026"};
    auto& gateway = granted.gateway;
    tests::AccidentSession session{gateway.session("q_breaker", "pw")};
    session.lost_commit = tests::AccidentSession::Lost::after_it_took_effect;
    session.after_commit = [&] { gateway.sql("UPDATE channels SET status = 2 WHERE id = 1"); };
    const Guard guard{.served = {{"default", "gpt-4o", 5}}};
    const auto request = order(gateway, Mode::live);
    const auto result = trip_channel(session, gateway.database(), request, guard, kNow);
    CHECK(kind_name(result.kind) == "refused");
    CHECK(result.why.ends_with("undone"));
    CHECK(gateway.value("SELECT status FROM channels WHERE id = 2") == "1");
}

TEST_CASE(
    "the reader sees logs, channels without their keys and harmless options, and writes nothing") {
    for (const auto* schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
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
        const auto shadow = order(gateway, Mode::shadow);
        CHECK(kind_name(trip_channel(*session, gateway.database(), shadow, {}, kNow).kind) ==
              "would_trip");

        const auto writer = gateway.session("q'reader", "pw");
        for (const auto* sql :
             {"SELECT `key` FROM channels", "SELECT `key` FROM tokens",
              "SELECT `value` FROM options", "UPDATE channels SET status = 3",
              "UPDATE abilities SET enabled = 0", "DELETE FROM logs", "SELECT username FROM users",
              "SELECT access_token FROM users", "UPDATE users SET request_count = 0",
              "INSERT INTO logs(type) VALUES(2)"}) {
            CAPTURE(sql);
            CHECK(granted.refusal(*writer, sql) == "denied");
        }
    }
}

TEST_CASE("what rules need of the gateway's objects can be read with the grants printed for it") {
    for (const auto* schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
        CAPTURE(schema);
        const bool multi_key = std::string_view{schema} == "newapi_2026";
        const sync::InfoNeeds all{
            .balances = true, .keys = multi_key, .abilities = true, .tokens = true, .users = true};
        Granted granted{schema, all};
        auto& gateway = granted.gateway;
        gateway.sql(
            "INSERT INTO tokens(id, user_id, `key`, name, remain_quota) VALUES(7, 2, 'sk', 'n', 9);"
            "UPDATE channels SET balance = 5, balance_updated_time = 1000");
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

TEST_CASE("without rules that need them no keys, users and balances are granted") {
    const auto text = grants_sql({.gateway = sync::Gateway::new_api, .database = "new-api"});
    for (const auto* const word : {"`tokens`", "`username`", "`balance`", "`channel_info`"}) {
        CAPTURE(word);
        CHECK(text.find(word) == std::string::npos);
    }
    CHECK(
        text.find("GRANT SELECT (`id`, `type`, `status`, `name`, `auto_ban`, `other_info`, `tag`) "
                  "ON `new-api`.`channels`") != std::string::npos);
}

TEST_CASE("without a configured breaker no account may write") {
    const auto text = grants_sql({.gateway = sync::Gateway::new_api, .database = "new-api"});
    CHECK(text.find("UPDATE") == std::string::npos);
    CHECK(text.find("GRANT SELECT ON `new-api`.`logs` TO 'quotafuse'@'%';") != std::string::npos);
}

TEST_CASE("the printed grants are these") {
    CHECK(grants_sql({.gateway = sync::Gateway::one_api,
                      .database = "one",
                      .log_database = "logs`db",
                      .reader = "r",
                      .breaker = "b",
                      .host = "10.0.0.5"}) == R"(-- The reader: sees no key, writes nothing.
CREATE USER IF NOT EXISTS 'r'@'10.0.0.5' IDENTIFIED BY '<choose a password>';
GRANT SELECT ON `logs``db`.`logs` TO 'r'@'10.0.0.5';
GRANT SELECT (`id`, `type`, `status`, `name`) ON `one`.`channels` TO 'r'@'10.0.0.5';
GRANT SELECT (`group`, `model`, `channel_id`, `enabled`) ON `one`.`abilities` TO 'r'@'10.0.0.5';
GRANT SELECT (`id`, `request_count`) ON `one`.`users` TO 'r'@'10.0.0.5';

-- Options without the secrets among them: a view that runs with your rights.
CREATE DATABASE IF NOT EXISTS `quotafuse`;
CREATE OR REPLACE SQL SECURITY DEFINER VIEW `quotafuse`.`one_options` AS
  SELECT `key`, `value` FROM `one`.`options` WHERE `key` IN (
    'QuotaPerUnit', 'LogConsumeEnabled', 'AutomaticDisableChannelEnabled',
    'AutomaticEnableChannelEnabled', 'RetryTimes', 'USDExchangeRate',
    'general_setting.quota_display_type', 'general_setting.custom_currency_symbol',
    'general_setting.custom_currency_exchange_rate', 'monitor_setting.auto_test_channel_enabled',
    'monitor_setting.auto_test_channel_minutes', 'monitor_setting.channel_test_mode');
GRANT SELECT ON `quotafuse`.`one_options` TO 'r'@'10.0.0.5';

-- The breaker: may switch channels, nothing else.
CREATE USER IF NOT EXISTS 'b'@'10.0.0.5' IDENTIFIED BY '<choose a password>';
GRANT SELECT (`id`, `status`, `name`), UPDATE (`status`) ON `one`.`channels` TO 'b'@'10.0.0.5';
GRANT SELECT (`group`, `model`, `channel_id`, `enabled`), UPDATE (`enabled`) ON `one`.`abilities` TO 'b'@'10.0.0.5';
GRANT SELECT ON `quotafuse`.`one_options` TO 'b'@'10.0.0.5';
)");
}
