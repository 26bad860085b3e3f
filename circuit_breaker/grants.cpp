#include "circuit_breaker/grants.h"

#include <initializer_list>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

constexpr auto kOptionsDatabase = "quotafuse";

using Columns = std::vector<std::string>;

bool is_new_api(const GrantsWanted& wanted) {
    return wanted.gateway == sync::Gateway::new_api;
}

void add(Columns& columns, std::initializer_list<std::string_view> more) {
    for (const auto column : more) columns.emplace_back(column);
}

std::string options_table(const GrantsWanted& wanted) {
    return wanted.database + "_options";
}

TableGrant options_grant(const GrantsWanted& wanted, std::string without) {
    return {.database = kOptionsDatabase,
            .table = options_table(wanted),
            .select = {},
            .without = std::move(without)};
}

/// In shadow mode without an account of its own the breaker judges with the reader's.
bool reader_judges(const GrantsWanted& wanted) {
    return wanted.breaker.empty() && wanted.rules.channels;
}

TableGrant reader_channels(const GrantsWanted& wanted) {
    Columns columns{"id", "type", "status", "name"};
    if (is_new_api(wanted)) {
        if (reader_judges(wanted)) add(columns, {"auto_ban", "other_info"});
        if (wanted.rules.tags) add(columns, {"tag"});
    }
    if (wanted.breaker.empty() && wanted.rules.models) add(columns, {"models"});
    if (wanted.needs.balances) add(columns, {"balance", "balance_updated_time"});
    return {.database = wanted.database, .table = "channels", .select = columns};
}

TableGrant reader_tokens(const GrantsWanted& wanted) {
    Columns columns{"id", "user_id", "name", "status"};
    if (wanted.needs.tokens)
        add(columns, {"expired_time", "remain_quota", "unlimited_quota", "used_quota"});
    // One API deletes keys and users, New API marks them.
    if (is_new_api(wanted)) add(columns, {"deleted_at"});
    return {.database = wanted.database, .table = "tokens", .select = columns};
}

TableGrant reader_users(const GrantsWanted& wanted) {
    if (!wanted.needs.users)
        return {.database = wanted.database,
                .table = "users",
                .select = {"id", "request_count"},
                .without = "that the gateway logs nothing although it is used goes unnoticed"};
    Columns columns{"id", "request_count", "username", "group", "status", "quota", "used_quota"};
    if (is_new_api(wanted)) add(columns, {"deleted_at"});
    return {.database = wanted.database, .table = "users", .select = columns};
}

TableGrant breaker_channels(const GrantsWanted& wanted) {
    TableGrant grant{wanted.database, "channels", {"id", "status", "name"}, {"status"}};
    if (is_new_api(wanted)) {
        add(grant.select, {"auto_ban", "other_info"});
        add(grant.update, {"other_info"});
    }
    for (auto* columns : {&grant.select, &grant.update}) {
        if (wanted.rules.models) add(*columns, {"models"});
        if (wanted.rules.half_open) add(*columns, {"priority", "weight"});
    }
    return grant;
}

TableGrant breaker_abilities(const GrantsWanted& wanted) {
    TableGrant grant{
        wanted.database, "abilities", {"group", "model", "channel_id", "enabled"}, {"enabled"}};
    if (!wanted.rules.half_open) return grant;
    for (auto* columns : {&grant.select, &grant.update}) {
        add(*columns, {"priority"});
        if (is_new_api(wanted)) add(*columns, {"weight"});
    }
    return grant;
}

TableGrant breaker_tokens(const GrantsWanted& wanted) {
    TableGrant grant{wanted.database, "tokens", {"id", "user_id", "name", "status"}, {"status"}};
    if (is_new_api(wanted)) add(grant.select, {"deleted_at"});
    return grant;
}

std::string quote_text(std::string text) {
    base::replace_all(text, "\\", "\\\\");
    base::replace_all(text, "'", "''");
    return "'" + text + "'";
}

std::string quote_names(const Columns& names) {
    Columns quoted;
    for (const auto& name : names) quoted.push_back(quote_name(name));
    return fmt::format("({})", fmt::join(quoted, ", "));
}

std::string create_account(const std::string& who, const char* what) {
    return fmt::format("-- {}\nCREATE USER IF NOT EXISTS {} IDENTIFIED BY '<choose a password>';\n",
                       what, who);
}

std::string create_view(const GrantsWanted& wanted) {
    return fmt::format(
        "\n-- Options without the secrets among them: a view that runs with your rights.\n"
        "CREATE DATABASE IF NOT EXISTS {0};\n"
        "CREATE OR REPLACE SQL SECURITY DEFINER VIEW {0}.{1} AS\n"
        "  SELECT `key`, `value` FROM {2}.`options` WHERE `key` IN (\n    {3});\n",
        quote_name(kOptionsDatabase), quote_name(options_table(wanted)),
        quote_name(wanted.database), kOptions);
}

std::string statements(const std::vector<TableGrant>& grants, const GrantsWanted& wanted,
                       const std::string& account, bool with_view) {
    std::string sql;
    for (const auto& grant : grants) {
        if (with_view && grant.database == kOptionsDatabase) sql += create_view(wanted);
        if (!grant.note.empty()) sql += "-- " + grant.note + ": leave this line out there.\n";
        sql += grant_statement(grant, account) + "\n";
    }
    return sql;
}

}  // namespace

std::vector<TableGrant> log_grants(const GrantsWanted& wanted) {
    return {{.database = wanted.log_database.empty() ? wanted.database : wanted.log_database,
             .table = "logs",
             .select = {},
             .without = "what it may not read of `logs` counts as missing"}};
}

std::vector<TableGrant> reader_grants(const GrantsWanted& wanted) {
    std::vector<TableGrant> grants;
    if (wanted.log_database.empty()) grants = log_grants(wanted);
    grants.push_back(reader_channels(wanted));
    if (wanted.needs.abilities || reader_judges(wanted))
        grants.push_back({.database = wanted.database,
                          .table = "abilities",
                          .select = {"group", "model", "channel_id", "enabled"}});
    if (wanted.needs.tokens || (wanted.breaker.empty() && wanted.rules.tokens))
        grants.push_back(reader_tokens(wanted));
    grants.push_back(reader_users(wanted));
    if (wanted.needs.keys && is_new_api(wanted))
        grants.push_back({.database = wanted.database,
                          .table = "channels",
                          .select = {"channel_info"},
                          .note = "New API before July 2025 has no such column"});
    grants.push_back(options_grant(
        wanted, "amounts are shown in US dollars, and what the options say counts as unknown"));
    return grants;
}

std::vector<TableGrant> breaker_grants(const GrantsWanted& wanted) {
    std::vector<TableGrant> grants{breaker_channels(wanted), breaker_abilities(wanted)};
    if (wanted.rules.tokens) grants.push_back(breaker_tokens(wanted));
    grants.push_back(options_grant(
        wanted,
        "it takes the cautious value: on New API it writes status 2, which only a person undoes"));
    return grants;
}

std::string quote_name(std::string name) {
    base::replace_all(name, "`", "``");
    return "`" + name + "`";
}

std::string quote_account(const std::string& user, const std::string& host) {
    return quote_text(user) + "@" + quote_text(host);
}

std::string grant_statement(const TableGrant& grant, const std::string& account) {
    std::string rights;
    // Without columns it is the whole table; where only an UPDATE is asked for, there is no SELECT.
    if (!grant.select.empty())
        rights = "SELECT " + quote_names(grant.select);
    else if (grant.update.empty())
        rights = "SELECT";
    if (!grant.update.empty())
        rights += (rights.empty() ? "UPDATE " : ", UPDATE ") + quote_names(grant.update);
    return fmt::format("GRANT {} ON {}.{} TO {};", rights, quote_name(grant.database),
                       quote_name(grant.table), account);
}

std::string grants_sql(const GrantsWanted& wanted) {
    const auto reader = quote_account(wanted.reader, wanted.host);
    auto sql = create_account(reader, "The reader: sees no key, writes nothing.");
    if (!wanted.log_database.empty()) sql += statements(log_grants(wanted), wanted, reader, false);
    sql += statements(reader_grants(wanted), wanted, reader, true);
    if (wanted.breaker.empty()) return sql;
    const auto breaker = quote_account(wanted.breaker, wanted.host);
    const bool more = wanted.rules.tokens;
    sql += "\n" + create_account(breaker, more ? "The breaker: may switch channels and keys, "
                                                 "nothing else."
                                               : "The breaker: may switch channels, nothing else.");
    return sql + statements(breaker_grants(wanted), wanted, breaker, false);
}

}  // namespace quotafuse::circuit_breaker
