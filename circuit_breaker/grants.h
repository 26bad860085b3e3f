#pragma once

#include <string>
#include <vector>

#include "sync/dialect.h"
#include "sync/gateway_info.h"

namespace quotafuse::circuit_breaker {

/// What the rules ask of the accounts, beside what InfoNeeds says.
struct RuleGrants {
    bool channels = false;   // an action disables channels, or one model of them
    bool models = false;     // one model of a channel; or people shall be able to order that
    bool half_open = false;  // a channel comes back by trials
    bool tokens = false;     // an action disables keys; or people shall be able to order that
    bool tags = false;       // channels are chosen or grouped by their tag
    bool operator==(const RuleGrants&) const = default;
};

/// What `quotafuse grants` is asked for.
struct GrantsWanted {
    sync::Gateway gateway = sync::Gateway::new_api;
    std::string database{};      // of the gateway
    std::string log_database{};  // where LOG_SQL_DSN points; empty = the same
    std::string reader = "quotafuse";
    std::string log_reader{};  // where the logs are; empty = `reader`
    /// Empty: the breaker has no account. No account may write then, and the reader may see what
    /// actions in shadow mode judge by.
    std::string breaker{};
    std::string host = "%";
    sync::InfoNeeds needs{};  // of the rules: what the reader may see of the gateway's objects
    RuleGrants rules{};
    bool token_list = false;  // the status page lists keys, masked
};

/// Rights on one table.
struct TableGrant {
    std::string database;
    std::string table;
    std::vector<std::string> select;    // columns; empty = all of them
    std::vector<std::string> update{};  // columns; empty = none
    /// What is missed without it; empty where nothing works then.
    std::string without{};
    /// Columns without which nothing works all the same, of a whole table (no `select`).
    std::vector<std::string> must{};
    std::string note{};  // for people: where the table may lack the columns
    std::string what{};  // for people: what it is read or written for, a comment of one line
};

/// The reader's account at the gateway's database. With a `log_database` the logs are none of it.
std::vector<TableGrant> reader_grants(const GrantsWanted& wanted);
/// The reader's account where the logs are.
std::vector<TableGrant> log_grants(const GrantsWanted& wanted);
/// The breaker's account: to switch channels (a person may ask for that without any rule), and what
/// the rules' actions ask for.
std::vector<TableGrant> breaker_grants(const GrantsWanted& wanted);
/// What the breaker's account may have: breaker_grants(), and what people's orders need for what no
/// rule switches.
std::vector<TableGrant> breaker_may_have(GrantsWanted wanted);

/// "`name`".
std::string quote_name(std::string name);
/// "'user'@'host'" of an account.
std::string quote_account(const std::string& user, const std::string& host);
/// "GRANT SELECT (`id`), UPDATE (`status`) ON `db`.`table` TO <account>;". `account` is quoted.
std::string grant_statement(const TableGrant& grant, const std::string& account);

/// The SQL (MySQL 5.7 and later, MariaDB) that an administrator runs, as often as he likes: two
/// accounts with no more than quotafuse uses. No grant reaches a key, a password or an access
/// token; options, which hold secrets too, and masked keys are seen through views in a database of
/// its own.
/// Passwords are left to be filled in.
std::string grants_sql(const GrantsWanted& wanted);
/// Of that what the breaker's account needs.
std::string breaker_sql(const GrantsWanted& wanted);

}  // namespace quotafuse::circuit_breaker
