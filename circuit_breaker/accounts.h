#pragma once

#include <string>
#include <vector>

#include "circuit_breaker/grants.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// What an account is for, and with that what it needs: reader_grants(), log_grants() or
/// breaker_grants().
enum class AccountUse { reader, logs, breaker };

/// Whether an account has both uses, of the reader and of the breaker.
enum class Shared { no, yes };

/// What is wrong with an account of the gateway's database, as sentences without their beginning:
/// "may …", "lacks …", "finds no …", "cannot …", "is …".
struct AccountFindings {
    std::string account;             // "'quotafuse'@'%'"; empty for a SQLite file
    std::vector<std::string> lacks;  // what cannot work, and the statement that cures it
    /// What it may and should not, and what is missed though all works.
    std::vector<std::string> warnings;
    /// It is an administrator's, or the gateway's own: no REVOKE is told, but to use another one.
    bool of_others = false;
    bool ok() const { return lacks.empty(); }
};

/// Proves what an account may and what it may not. What it needs is tried: the columns are selected
/// with LIMIT 0, and updated WHERE 1 = 0 in a transaction that is rolled back, so no row is read or
/// touched. What it should not have is read from SHOW GRANTS with its active roles; whether it sees
/// secrets is tried, too. Of a `shared` account nothing is too much that the other use needs: the
/// reader's findings tell what is, the breaker's only what it lacks, without a GRANT to the reader.
/// Of a SQLite file: whether the breaker may write it. For the breaker `session` must not be
/// read-only. Throws GatewayError where the server does not answer.
AccountFindings check_account(sync::GatewaySession& session, const GrantsWanted& wanted,
                              AccountUse use, Shared shared = Shared::no);

}  // namespace quotafuse::circuit_breaker
