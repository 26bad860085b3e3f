#include "circuit_breaker/grants.h"

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::circuit_breaker {
namespace {

/// Options that hold no secret and that rules, messages or the breaker read.
constexpr const char* kOptions =
    "'QuotaPerUnit', 'LogConsumeEnabled', 'AutomaticDisableChannelEnabled',\n"
    "    'AutomaticEnableChannelEnabled', 'RetryTimes', 'USDExchangeRate',\n"
    "    'general_setting.quota_display_type', 'general_setting.custom_currency_symbol',\n"
    "    'general_setting.custom_currency_exchange_rate', "
    "'monitor_setting.auto_test_channel_enabled',\n"
    "    'monitor_setting.auto_test_channel_minutes', 'monitor_setting.channel_test_mode'";

std::string name(std::string text) {
    base::replace_all(text, "`", "``");
    return "`" + text + "`";
}

std::string quoted(std::string text) {
    base::replace_all(text, "\\", "\\\\");
    base::replace_all(text, "'", "''");
    return "'" + text + "'";
}

std::string account(const std::string& user, const std::string& host) {
    return quoted(user) + "@" + quoted(host);
}

std::string create_account(const std::string& who, const char* what) {
    return fmt::format("-- {}\nCREATE USER IF NOT EXISTS {} IDENTIFIED BY '<choose a password>';\n",
                       what, who);
}

std::string grant_columns(const std::string& columns, const std::string& table,
                          const std::string& to) {
    return fmt::format("GRANT SELECT ({}) ON {} TO {};\n", columns, table, to);
}

/// What the reader may see of channels, keys and users: what InfoReader reads for these needs.
std::string object_grants(const GrantsWanted& wanted, const std::string& database,
                          const std::string& reader) {
    const bool new_api = wanted.gateway == sync::Gateway::new_api;
    const auto& needs = wanted.needs;
    // One API deletes keys and users, New API marks them.
    const std::string deleted = new_api ? ", `deleted_at`" : "";
    std::string channels = "`id`, `type`, `status`, `name`";
    if (new_api) channels += ", `auto_ban`, `other_info`, `tag`";
    if (needs.balances) channels += ", `balance`, `balance_updated_time`";
    auto sql = grant_columns(channels, database + ".`channels`", reader);
    sql += grant_columns("`group`, `model`, `channel_id`, `enabled`", database + ".`abilities`",
                         reader);
    if (needs.tokens) {
        sql += grant_columns(
            "`id`, `user_id`, `name`, `status`, `expired_time`, `remain_quota`, "
            "`unlimited_quota`, `used_quota`" +
                deleted,
            database + ".`tokens`", reader);
    }
    std::string users = "`id`, `request_count`";
    if (needs.users) users += ", `username`, `group`, `status`, `quota`, `used_quota`" + deleted;
    sql += grant_columns(users, database + ".`users`", reader);
    if (needs.keys && new_api) {
        sql += "-- New API before July 2025 has no such column: leave this line out there.\n" +
               grant_columns("`channel_info`", database + ".`channels`", reader);
    }
    return sql;
}

}  // namespace

std::string grants_sql(const GrantsWanted& wanted) {
    const bool new_api = wanted.gateway == sync::Gateway::new_api;
    const auto database = name(wanted.database);
    const auto logs = name(wanted.log_database.empty() ? wanted.database : wanted.log_database);
    const auto options = "`quotafuse`." + name(wanted.database + "_options");
    const auto reader = account(wanted.reader, wanted.host);
    const std::string new_api_columns = new_api ? ", `auto_ban`, `other_info`" : "";

    auto sql = create_account(reader, "The reader: sees no key, writes nothing.");
    sql += fmt::format("GRANT SELECT ON {}.`logs` TO {};\n", logs, reader);
    sql += object_grants(wanted, database, reader);
    sql +=
        "\n-- Options without the secrets among them: a view that runs with your rights.\n"
        "CREATE DATABASE IF NOT EXISTS `quotafuse`;\n";
    sql += fmt::format(
        "CREATE OR REPLACE SQL SECURITY DEFINER VIEW {} AS\n"
        "  SELECT `key`, `value` FROM {}.`options` WHERE `key` IN (\n    {});\n"
        "GRANT SELECT ON {} TO {};\n",
        options, database, kOptions, options, reader);
    if (wanted.breaker.empty()) return sql;

    const auto breaker = account(wanted.breaker, wanted.host);
    sql += "\n" + create_account(breaker, "The breaker: may switch channels, nothing else.");
    sql += fmt::format(
        "GRANT SELECT (`id`, `status`, `name`{}), UPDATE (`status`{}) ON {}.`channels` TO {};\n",
        new_api_columns, new_api ? ", `other_info`" : "", database, breaker);
    sql += fmt::format(
        "GRANT SELECT (`group`, `model`, `channel_id`, `enabled`), UPDATE (`enabled`) "
        "ON {}.`abilities` TO {};\n",
        database, breaker);
    sql += fmt::format("GRANT SELECT ON {} TO {};\n", options, breaker);
    return sql;
}

}  // namespace quotafuse::circuit_breaker
