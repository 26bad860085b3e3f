#include "circuit_breaker/grants.h"

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::circuit_breaker {
namespace {

/// Options that hold no secret and that rules, messages or the breaker read.
constexpr const char* kOptions =
    "'QuotaPerUnit', 'LogConsumeEnabled', 'AutomaticDisableChannelEnabled',\n"
    "    'AutomaticEnableChannelEnabled', 'RetryTimes', 'USDExchangeRate',\n"
    "    'general_setting.quota_display_type', 'monitor_setting.auto_test_channel_enabled',\n"
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
    sql += fmt::format("GRANT SELECT (`id`, `type`, `status`, `name`{}) ON {}.`channels` TO {};\n",
                       new_api_columns, database, reader);
    sql += fmt::format(
        "GRANT SELECT (`group`, `model`, `channel_id`, `enabled`) ON {}.`abilities` TO {};\n",
        database, reader);
    sql += fmt::format("GRANT SELECT (`id`, `request_count`) ON {}.`users` TO {};\n", database,
                       reader);
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
