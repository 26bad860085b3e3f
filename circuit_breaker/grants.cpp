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

constexpr auto kViews = "quotafuse";  // a database

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
    return {.database = kViews,
            .table = options_table(wanted),
            .select = {},
            .without = std::move(without),
            .what = "harmless options, through the view"};
}

std::string masks_table(const GrantsWanted& wanted) {
    return wanted.database + "_token_masks";
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
    const auto* const what = reader_judges(wanted)
                                 ? "channels by name and state, and what shadow mode judges by"
                                 : "channels by name and state, not their keys";
    return {.database = wanted.database, .table = "channels", .select = columns, .what = what};
}

TableGrant reader_tokens(const GrantsWanted& wanted) {
    Columns columns{"id", "user_id", "name", "status"};
    if (wanted.needs.tokens)
        add(columns, {"expired_time", "remain_quota", "unlimited_quota", "used_quota"});
    // One API deletes keys and users, New API marks them.
    if (is_new_api(wanted)) add(columns, {"deleted_at"});
    return {.database = wanted.database,
            .table = "tokens",
            .select = columns,
            .what = "API keys by name and state, not the keys themselves"};
}

/// What the page of keys shows.
void add_token_list(const GrantsWanted& wanted, std::vector<TableGrant>& grants) {
    Columns columns{"id",           "user_id",      "name",
                    "status",       "created_time", "accessed_time",
                    "expired_time", "remain_quota", "unlimited_quota",
                    "used_quota"};
    if (is_new_api(wanted)) add(columns, {"deleted_at"});
    grants.push_back(
        {.database = wanted.database,
         .table = "tokens",
         .select = columns,
         .without = "the list of keys on the status page stays empty",
         .what = "API keys by name, age and quota, for their list on the status page"});
    grants.push_back({.database = kViews,
                      .table = masks_table(wanted),
                      .select = {},
                      .without = "that list tells no key by its first and last characters",
                      .what = "first and last characters of the keys, through the view"});
}

TableGrant reader_users(const GrantsWanted& wanted) {
    if (!wanted.needs.users)
        return {.database = wanted.database,
                .table = "users",
                .select = {"id", "request_count"},
                .without = "that the gateway logs nothing although it is used goes unnoticed",
                .what = "how often the gateway was used, to notice that it logs nothing"};
    Columns columns{"id", "request_count", "username", "group", "status", "quota", "used_quota"};
    if (is_new_api(wanted)) add(columns, {"deleted_at"});
    return {.database = wanted.database,
            .table = "users",
            .select = columns,
            .what = "users by name and quota, no passwords, no access tokens"};
}

TableGrant breaker_channels(const GrantsWanted& wanted) {
    TableGrant grant{.database = wanted.database,
                     .table = "channels",
                     .select = {"id", "status", "name"},
                     .update = {"status"},
                     .what = "to switch channels off and on"};
    if (is_new_api(wanted)) {
        grant.what += ", with the reason (other_info)";
        add(grant.select, {"auto_ban", "other_info"});
        add(grant.update, {"other_info"});
    }
    for (auto* columns : {&grant.select, &grant.update}) {
        if (wanted.rules.models) add(*columns, {"models"});
        if (wanted.rules.half_open) add(*columns, {"priority", "weight"});
    }
    if (wanted.rules.models) grant.what += ", or single models of them";
    if (wanted.rules.half_open)
        grant.what += ", and to try one with little traffic first (half-open)";
    return grant;
}

TableGrant breaker_abilities(const GrantsWanted& wanted) {
    TableGrant grant{.database = wanted.database,
                     .table = "abilities",
                     .select = {"group", "model", "channel_id", "enabled"},
                     .update = {"enabled"},
                     .what = "the routes to those channels, and whether others can take over"};
    if (!wanted.rules.half_open) return grant;
    for (auto* columns : {&grant.select, &grant.update}) {
        add(*columns, {"priority"});
        if (is_new_api(wanted)) add(*columns, {"weight"});
    }
    return grant;
}

TableGrant breaker_tokens(const GrantsWanted& wanted) {
    TableGrant grant{.database = wanted.database,
                     .table = "tokens",
                     .select = {"id", "user_id", "name", "status"},
                     .update = {"status"},
                     .what = "to disable API keys by their id, it sees none"};
    if (is_new_api(wanted)) add(grant.select, {"deleted_at"});
    return grant;
}

std::string quote_text(std::string text) {
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

constexpr auto kViewReads =
    "It reads with the\n-- rights of the administrator who runs this: if that account is dropped, "
    "let another one run this again.\n";

std::string create_options_view(const GrantsWanted& wanted) {
    return fmt::format(
        "\n-- The options of the gateway hold secrets. Accounts see the harmless ones through this "
        "view. {4}"
        "CREATE DATABASE IF NOT EXISTS {0};\n"
        "CREATE OR REPLACE SQL SECURITY DEFINER VIEW {0}.{1} AS\n"
        "  SELECT `key`, `value` FROM {2}.`options` WHERE `key` IN (\n    {3});\n",
        quote_name(kViews), quote_name(options_table(wanted)), quote_name(wanted.database),
        kOptions, kViewReads);
}

/// Of a short key four characters at each end would tell too much.
std::string create_masks_view(const GrantsWanted& wanted) {
    return fmt::format(
        "\n-- Of API keys the status page shows the first and the last four characters, through "
        "this view. {3}"
        "CREATE DATABASE IF NOT EXISTS {0};\n"
        "CREATE OR REPLACE SQL SECURITY DEFINER VIEW {0}.{1} AS\n"
        "  SELECT `id`, IF(CHAR_LENGTH(TRIM(`key`)) < 24, '****',\n"
        "    CONCAT(LEFT(TRIM(`key`), 4), '****', RIGHT(TRIM(`key`), 4))) AS `masked` FROM "
        "{2}.`tokens`;\n",
        quote_name(kViews), quote_name(masks_table(wanted)), quote_name(wanted.database),
        kViewReads);
}

std::string create_view(const GrantsWanted& wanted, const TableGrant& grant) {
    return grant.table == masks_table(wanted) ? create_masks_view(wanted)
                                              : create_options_view(wanted);
}

std::string statements(const std::vector<TableGrant>& grants, const GrantsWanted& wanted,
                       const std::string& account, bool with_view) {
    std::string sql;
    for (const auto& grant : grants) {
        if (with_view && grant.database == kViews) sql += create_view(wanted, grant);
        sql += fmt::format("-- {}\n", grant.what);
        if (!grant.note.empty())
            sql += fmt::format("-- {}: leave the next line out there.\n", grant.note);
        sql += grant_statement(grant, account) + "\n";
    }
    return sql;
}

/// Least rights are the default: what only people would ask for is named, not granted.
std::string orders_hint(const RuleGrants& rules) {
    if (rules.tokens && rules.models) return {};
    const auto* const what = rules.tokens   ? "single models of channels"
                             : rules.models ? "API keys"
                                            : "API keys and single models of channels";
    return fmt::format("-- No rule disables {}. To do that by hand: quotafuse grants{}{}\n", what,
                       rules.tokens ? "" : " --tokens", rules.models ? "" : " --models");
}

std::string breaker_part(const GrantsWanted& wanted, bool with_view) {
    const auto breaker = quote_account(wanted.breaker, wanted.host);
    const auto* const who =
        wanted.rules.tokens
            ? "The breaker, of breaker.dsn: may switch channels and keys, nothing else."
            : "The breaker, of breaker.dsn: may switch channels, nothing else.";
    return create_account(breaker, who) + orders_hint(wanted.rules) +
           statements(breaker_grants(wanted), wanted, breaker, with_view);
}

}  // namespace

std::vector<TableGrant> log_grants(const GrantsWanted& wanted) {
    return {{.database = wanted.log_database.empty() ? wanted.database : wanted.log_database,
             .table = "logs",
             .select = {},
             .without = "what it may not read of `logs` counts as missing",
             .must = {sync::kNeededOfLogs.begin(), sync::kNeededOfLogs.end()},
             .what = "every request: what alerts and reports are made of"}};
}

std::vector<TableGrant> reader_grants(const GrantsWanted& wanted) {
    std::vector<TableGrant> grants;
    if (wanted.log_database.empty()) grants = log_grants(wanted);
    grants.push_back(reader_channels(wanted));
    if (wanted.needs.abilities || reader_judges(wanted))
        grants.push_back({.database = wanted.database,
                          .table = "abilities",
                          .select = {"group", "model", "channel_id", "enabled"},
                          .what = "which channels serve which model"});
    if (wanted.needs.tokens || (wanted.breaker.empty() && wanted.rules.tokens))
        grants.push_back(reader_tokens(wanted));
    grants.push_back(reader_users(wanted));
    if (wanted.needs.keys && is_new_api(wanted))
        grants.push_back({.database = wanted.database,
                          .table = "channels",
                          .select = {"channel_info"},
                          .note = "New API before July 2025 has no such column",
                          .what = "states of the keys of a multi-key channel, not the keys"});
    grants.push_back(options_grant(
        wanted, "amounts are shown in US dollars, and what the options say counts as unknown"));
    if (wanted.token_list) add_token_list(wanted, grants);
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

std::vector<TableGrant> breaker_may_have(GrantsWanted wanted) {
    wanted.rules.models = wanted.rules.tokens = true;
    return breaker_grants(wanted);
}

std::string quote_name(std::string name) {
    base::replace_all(name, "`", "``");
    return "`" + name + "`";
}

std::string quote_account(const std::string& user, const std::string& host) {
    // Whether a backslash in '…' escapes is a matter of sql_mode; `…` knows no escapes.
    const auto quote = [](const std::string& text) {
        return text.find('\\') == std::string::npos ? quote_text(text) : quote_name(text);
    };
    return quote(user) + "@" + quote(host);
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
    std::string sql =
        "-- Choose the passwords, then run this as an administrator of the database of the "
        "gateway: "
        "mysql -u root -p < grants.sql (newer MariaDB calls it mariadb)\n"
        "-- Running it again does no harm: an account that exists keeps its password, no right is "
        "taken away.\n"
        "-- What an account may do beyond this, quotafuse check --online tells.\n";
    sql += fmt::format(
        "-- The part after @ is where quotafuse connects from{}. Where an account exists with "
        "another one, put that one into its lines.\n\n",
        wanted.host == "%" ? ", % is anywhere" : "");
    sql += create_account(
        reader, "The reader, of SQL_DSN or source.dsn: sees no key, no password, writes nothing.");
    if (!wanted.log_database.empty()) {
        const auto& user = wanted.log_reader.empty() ? wanted.reader : wanted.log_reader;
        const auto logs = quote_account(user, wanted.host);
        sql += "\n" + create_account(logs,
                                     "The reader of the logs, of LOG_SQL_DSN or source.log_dsn. "
                                     "Run these two lines where the logs are.");
        sql += statements(log_grants(wanted), wanted, logs, false) + "\n";
    }
    sql += statements(reader_grants(wanted), wanted, reader, true);
    return wanted.breaker.empty() ? sql : sql + "\n" + breaker_part(wanted, false);
}

std::string breaker_sql(const GrantsWanted& wanted) {
    return breaker_part(wanted, true);
}

}  // namespace quotafuse::circuit_breaker
