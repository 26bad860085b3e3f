#pragma once

#include <string>

#include "sync/dialect.h"
#include "sync/gateway_info.h"

namespace quotafuse::circuit_breaker {

/// What `quotafuse grants` is asked for.
struct GrantsWanted {
    sync::Gateway gateway = sync::Gateway::new_api;
    std::string database{};      // of the gateway
    std::string log_database{};  // where LOG_SQL_DSN points; empty = the same
    std::string reader = "quotafuse";
    std::string breaker{};  // empty: the breaker is not configured, no account may write
    std::string host = "%";
    sync::InfoNeeds needs{};  // of the rules: what the reader may see of the gateway's objects
};

/// The SQL (MySQL 5.7 and later, MariaDB) that an administrator runs once: two accounts with no
/// more than quotafuse uses. No grant reaches a key, a password or an access token; options, which
/// hold secrets too, are seen through a view in a database of its own. Passwords are left to be
/// filled in.
std::string grants_sql(const GrantsWanted& wanted);

}  // namespace quotafuse::circuit_breaker
