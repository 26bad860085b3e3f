#include <iostream>

#include "base/failure.h"
#include "circuit_breaker/grants.h"
#include "daemon/commands/commands.h"

namespace quotafuse::daemon {

int grants_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    const auto& main = require_source(config);
    if (main.kind == sync::Dsn::Kind::sqlite) {
        std::cout << "-- " << main.describe() << " has no accounts: the user that runs quotafuse needs to read the file,\n"
                  << "-- and to write it and its folder where the breaker is live.\n";
        return 0;
    }
    circuit_breaker::GrantsWanted wanted;
    wanted.gateway = config.source.gateway.value_or(sync::Gateway::new_api);
    wanted.database = main.database;
    if (config.source.logs && config.source.logs->kind == sync::Dsn::Kind::mysql) wanted.log_database = config.source.logs->database;
    // An account of the gateway itself is no account for a reader: name a new one then.
    if (main.user != "root") wanted.reader = main.user;
    if (config.breaker.dsn && config.breaker.dsn->kind == sync::Dsn::Kind::mysql) {
        wanted.breaker = config.breaker.dsn->user == wanted.reader ? wanted.reader + "_breaker" : config.breaker.dsn->user;
    }
    std::cout << circuit_breaker::grants_sql(wanted);
    return 0;
}

}  // namespace quotafuse::daemon
