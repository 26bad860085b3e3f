#include <doctest/doctest.h>

#include "base/text.h"
#include "circuit_breaker/grants.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;

namespace {

const RuleGrants kAll{
    .channels = true, .models = true, .half_open = true, .tokens = true, .tags = true};

}  // namespace

TEST_CASE("without rules that need them no keys, users, balances and tags are granted") {
    const auto text = grants_sql({.gateway = sync::Gateway::new_api, .database = "new-api"});
    for (const auto* const word : {"`tokens`", "`username`", "`balance`", "`channel_info`", "`tag`",
                                   "`abilities`", "`other_info`", "`models`"}) {
        CAPTURE(word);
        CHECK(text.find(word) == std::string::npos);
    }
    CHECK(text.find("GRANT SELECT (`id`, `type`, `status`, `name`) ON `new-api`.`channels`") !=
          std::string::npos);
}

TEST_CASE("without a configured breaker no account may write") {
    const auto text =
        grants_sql({.gateway = sync::Gateway::new_api, .database = "new-api", .rules = kAll});
    CHECK(text.find("UPDATE") == std::string::npos);
    CHECK(text.find("GRANT SELECT ON `new-api`.`logs` TO 'quotafuse'@'%';") != std::string::npos);
}

TEST_CASE("the printed grants are these") {
    CHECK(
        grants_sql({.gateway = sync::Gateway::one_api,
                    .database = "one",
                    .log_database = "logs`db",
                    .reader = "r",
                    .log_reader = "l",
                    .breaker = "b",
                    .host = "10.0.0.5"}) ==
        R"(-- Choose the passwords, then run this as an administrator of the database of the gateway: mysql -u root -p < grants.sql (newer MariaDB calls it mariadb)
-- Running it again does no harm: an account that exists keeps its password, no right is taken away.
-- What an account may do beyond this, quotafuse check --online tells.
-- The part after @ is where quotafuse connects from. Where an account exists with another one, put that one into its lines.

-- The reader, of SQL_DSN or source.dsn: sees no key, no password, writes nothing.
CREATE USER IF NOT EXISTS 'r'@'10.0.0.5' IDENTIFIED BY '<choose a password>';

-- The reader of the logs, of LOG_SQL_DSN or source.log_dsn. Run these two lines where the logs are.
CREATE USER IF NOT EXISTS 'l'@'10.0.0.5' IDENTIFIED BY '<choose a password>';
-- every request: what alerts and reports are made of
GRANT SELECT ON `logs``db`.`logs` TO 'l'@'10.0.0.5';

-- channels by name and state, not their keys
GRANT SELECT (`id`, `type`, `status`, `name`) ON `one`.`channels` TO 'r'@'10.0.0.5';
-- how often the gateway was used, to notice that it logs nothing
GRANT SELECT (`id`, `request_count`) ON `one`.`users` TO 'r'@'10.0.0.5';

-- The options of the gateway hold secrets. Accounts see the harmless ones through this view. It reads with the
-- rights of the administrator who runs this: if that account is dropped, let another one run this again.
CREATE DATABASE IF NOT EXISTS `quotafuse`;
CREATE OR REPLACE SQL SECURITY DEFINER VIEW `quotafuse`.`one_options` AS
  SELECT `key`, `value` FROM `one`.`options` WHERE `key` IN (
    'QuotaPerUnit', 'LogConsumeEnabled', 'AutomaticDisableChannelEnabled',
    'AutomaticEnableChannelEnabled', 'RetryTimes', 'USDExchangeRate',
    'general_setting.quota_display_type', 'general_setting.custom_currency_symbol',
    'general_setting.custom_currency_exchange_rate', 'monitor_setting.auto_test_channel_enabled',
    'monitor_setting.auto_test_channel_minutes', 'monitor_setting.channel_test_mode');
-- harmless options, through the view
GRANT SELECT ON `quotafuse`.`one_options` TO 'r'@'10.0.0.5';

-- The breaker, of breaker.dsn: may switch channels, nothing else.
CREATE USER IF NOT EXISTS 'b'@'10.0.0.5' IDENTIFIED BY '<choose a password>';
-- No rule disables API keys and single models of channels. To do that by hand: quotafuse grants --tokens --models
-- to switch channels off and on
GRANT SELECT (`id`, `status`, `name`), UPDATE (`status`) ON `one`.`channels` TO 'b'@'10.0.0.5';
-- the routes to those channels, and whether others can take over
GRANT SELECT (`group`, `model`, `channel_id`, `enabled`), UPDATE (`enabled`) ON `one`.`abilities` TO 'b'@'10.0.0.5';
-- harmless options, through the view
GRANT SELECT ON `quotafuse`.`one_options` TO 'b'@'10.0.0.5';
)");
}

TEST_CASE("the breaker's grants for all features are these, and can be had alone") {
    const GrantsWanted wanted{
        .gateway = sync::Gateway::new_api, .database = "new-api", .breaker = "b", .rules = kAll};
    const auto text = grants_sql(wanted);
    const auto at = text.find("-- The breaker");
    REQUIRE(at != std::string::npos);
    CHECK(text.substr(at) ==
          R"(-- The breaker, of breaker.dsn: may switch channels and keys, nothing else.
CREATE USER IF NOT EXISTS 'b'@'%' IDENTIFIED BY '<choose a password>';
-- to switch channels off and on, with the reason (other_info), or single models of them, and to try one with little traffic first (half-open)
GRANT SELECT (`id`, `status`, `name`, `auto_ban`, `other_info`, `models`, `priority`, `weight`), UPDATE (`status`, `other_info`, `models`, `priority`, `weight`) ON `new-api`.`channels` TO 'b'@'%';
-- the routes to those channels, and whether others can take over
GRANT SELECT (`group`, `model`, `channel_id`, `enabled`, `priority`, `weight`), UPDATE (`enabled`, `priority`, `weight`) ON `new-api`.`abilities` TO 'b'@'%';
-- to disable API keys by their id, it sees none
GRANT SELECT (`id`, `user_id`, `name`, `status`, `deleted_at`), UPDATE (`status`) ON `new-api`.`tokens` TO 'b'@'%';
-- harmless options, through the view
GRANT SELECT ON `quotafuse`.`new-api_options` TO 'b'@'%';
)");
    // What no rule needs is told, not granted.
    auto some = wanted;
    some.rules.tokens = false;
    CHECK(breaker_sql(some).find("\n-- No rule disables API keys. To do that by hand: quotafuse "
                                 "grants --tokens\n") != std::string::npos);
    some.rules = {.tokens = true};
    CHECK(breaker_sql(some).find("\n-- No rule disables single models of channels. To do that by "
                                 "hand: quotafuse grants --models\n") != std::string::npos);
    // Alone it makes the view that it reads.
    const auto alone = breaker_sql(wanted);
    CHECK(alone.find("VIEW `quotafuse`.`new-api_options`") < alone.find("SELECT ON `quotafuse`"));
    CHECK(alone.find("'quotafuse'@") == std::string::npos);
}

TEST_CASE("for the list of keys the reader sees their ends through a view, and no key") {
    const auto text =
        grants_sql({.gateway = sync::Gateway::new_api, .database = "new-api", .token_list = true});
    const auto at = text.find("-- API keys by name, age");
    REQUIRE(at != std::string::npos);
    CHECK(text.substr(at) ==
          R"sql(-- API keys by name, age and quota, for their list on the status page
GRANT SELECT (`id`, `user_id`, `name`, `status`, `created_time`, `accessed_time`, `expired_time`, `remain_quota`, `unlimited_quota`, `used_quota`, `deleted_at`) ON `new-api`.`tokens` TO 'quotafuse'@'%';

-- Of API keys the status page shows the first and the last four characters, through this view. It reads with the
-- rights of the administrator who runs this: if that account is dropped, let another one run this again.
CREATE DATABASE IF NOT EXISTS `quotafuse`;
CREATE OR REPLACE SQL SECURITY DEFINER VIEW `quotafuse`.`new-api_token_masks` AS
  SELECT `id`, IF(CHAR_LENGTH(TRIM(`key`)) < 24, '****',
    CONCAT(LEFT(TRIM(`key`), 4), '****', RIGHT(TRIM(`key`), 4))) AS `masked` FROM `new-api`.`tokens`;
-- first and last characters of the keys, through the view
GRANT SELECT ON `quotafuse`.`new-api_token_masks` TO 'quotafuse'@'%';
)sql");
}

TEST_CASE("comments disturb no client: no quotes and no semicolons are in them") {
    const sync::InfoNeeds needs{
        .balances = true, .keys = true, .abilities = true, .tokens = true, .users = true};
    for (const auto gateway : {sync::Gateway::new_api, sync::Gateway::one_api}) {
        const auto text = grants_sql({.gateway = gateway,
                                      .database = "d",
                                      .log_database = "l",
                                      .breaker = "b",
                                      .needs = needs,
                                      .rules = kAll,
                                      .token_list = true});
        int comments = 0;
        bool told = false;
        for (const auto line : base::split(text, '\n')) {
            CAPTURE(line);
            if (line.starts_with("GRANT") || line.starts_with("CREATE USER")) CHECK(told);
            told = line.starts_with("-- ");
            if (!told) continue;
            ++comments;
            CHECK(line.find_first_of("'\";`") == std::string_view::npos);
            CHECK(line.size() <= 160);
        }
        CHECK(comments > 12);
    }
}
