#include <doctest/doctest.h>

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
    CHECK(grants_sql({.gateway = sync::Gateway::one_api,
                      .database = "one",
                      .log_database = "logs`db",
                      .reader = "r",
                      .breaker = "b",
                      .host = "10.0.0.5"}) == R"(-- The reader: sees no key, writes nothing.
CREATE USER IF NOT EXISTS 'r'@'10.0.0.5' IDENTIFIED BY '<choose a password>';
GRANT SELECT ON `logs``db`.`logs` TO 'r'@'10.0.0.5';
GRANT SELECT (`id`, `type`, `status`, `name`) ON `one`.`channels` TO 'r'@'10.0.0.5';
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

TEST_CASE("the breaker's grants for all features are these") {
    const auto text = grants_sql(
        {.gateway = sync::Gateway::new_api, .database = "new-api", .breaker = "b", .rules = kAll});
    const auto at = text.find("-- The breaker");
    REQUIRE(at != std::string::npos);
    CHECK(text.substr(at) == R"(-- The breaker: may switch channels and keys, nothing else.
CREATE USER IF NOT EXISTS 'b'@'%' IDENTIFIED BY '<choose a password>';
GRANT SELECT (`id`, `status`, `name`, `auto_ban`, `other_info`, `models`, `priority`, `weight`), UPDATE (`status`, `other_info`, `models`, `priority`, `weight`) ON `new-api`.`channels` TO 'b'@'%';
GRANT SELECT (`group`, `model`, `channel_id`, `enabled`, `priority`, `weight`), UPDATE (`enabled`, `priority`, `weight`) ON `new-api`.`abilities` TO 'b'@'%';
GRANT SELECT (`id`, `user_id`, `name`, `status`, `deleted_at`), UPDATE (`status`) ON `new-api`.`tokens` TO 'b'@'%';
GRANT SELECT ON `quotafuse`.`new-api_options` TO 'b'@'%';
)");
}
