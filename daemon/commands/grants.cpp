#include "circuit_breaker/grants.h"

#include <iostream>

#include "base/failure.h"
#include "daemon/accounts.h"
#include "daemon/commands/commands.h"

namespace quotafuse::daemon {

int grants_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    const auto& main = require_source(config);
    if (main.kind == sync::Dsn::Kind::sqlite) {
        std::cout << "-- " << main.describe()
                  << " has no accounts: the user that runs quotafuse needs to read the file,\n"
                  << "-- and to write it and its folder where the breaker is live.\n";
        return 0;
    }
    if ((arguments.tokens || arguments.models) && !config.breaker.dsn) {
        throw base::Failure(base::ExitCode::config,
                            "--tokens and --models are for the breaker's account: name one in "
                            "breaker.dsn (BREAKER_SQL_DSN) first");
    }
    if (!config.source.gateway) {
        std::cout << "-- For New API. For One API set source.gateway to one-api first: its tables "
                     "have other columns.\n";
    }
    auto wanted = grants_wanted(config);
    wanted.rules.tokens = wanted.rules.tokens || arguments.tokens;
    wanted.rules.models = wanted.rules.models || arguments.models;
    std::cout << renamed_accounts(config, wanted) << circuit_breaker::grants_sql(wanted);
    return 0;
}

}  // namespace quotafuse::daemon
