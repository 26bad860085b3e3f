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
    if (!config.source.gateway) {
        std::cout << "-- For New API. For One API set source.gateway to one-api first: its tables "
                     "have other columns.\n";
    }
    std::cout << circuit_breaker::grants_sql(grants_wanted(config));
    return 0;
}

}  // namespace quotafuse::daemon
