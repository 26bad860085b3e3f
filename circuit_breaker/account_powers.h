#pragma once

#include <string>
#include <vector>

#include "circuit_breaker/grant_list.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// The account that a server takes a session for.
struct AccountName {
    std::string quoted;    // "'quotafuse'@'%'"
    std::string user;      // empty for the anonymous account
    std::string host;      // of the account, a pattern perhaps: "10.%"
    std::string login;     // the user's name that was sent
    std::string server{};  // by its own name, "host:port"
};

/// Throws GatewayError.
AccountName name_of_account(sync::GatewaySession& session);

/// What the server lists of an account.
struct AccountPowers {
    std::vector<Power> powers;
    std::vector<Power> taken;  // by partial revokes, from the rights on *.*
    std::vector<std::string>
        warnings;  // of what could not be looked at, as AccountFindings has them
    /// Whether it gives a right on a column, partial revokes taken off.
    bool may(std::string_view right, std::string_view database, std::string_view table,
             std::string_view column) const;
};

/// From SHOW GRANTS, with the active roles. Throws GatewayError.
AccountPowers read_powers(sync::GatewaySession& session, const AccountName& account);

}  // namespace quotafuse::circuit_breaker
