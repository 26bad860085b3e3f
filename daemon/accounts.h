#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "circuit_breaker/grants.h"
#include "daemon/config.h"
#include "sync/dialect.h"

namespace quotafuse::daemon {

/// The accounts at the gateway's database and what this configuration needs them for. A source
/// must be configured. `seen`: which program the database showed, for where the configuration does
/// not say; New API where nobody knows.
circuit_breaker::GrantsWanted grants_wanted(const Config& config,
                                            std::optional<sync::Gateway> seen = {});

/// Comments for the head of that SQL: where a DSN names an account that quotafuse should not have,
/// which of the new ones belongs there. Empty where all stay.
std::string renamed_accounts(const Config& config, const circuit_breaker::GrantsWanted& wanted);

/// Connects with each account that the configuration names and writes what it may and may not: a
/// line each, as `check --online` has them, and its errors and warnings below. False where
/// something that the configuration needs cannot work.
bool prove_accounts(const Config& config, std::optional<sync::Gateway> seen, std::ostream& out);

}  // namespace quotafuse::daemon
