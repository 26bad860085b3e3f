#include "circuit_breaker/grants.h"

#include <iostream>

#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/info_needs.h"

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
    circuit_breaker::GrantsWanted wanted;
    wanted.gateway = config.source.gateway.value_or(sync::Gateway::new_api);
    wanted.database = main.database;
    if (config.source.logs && config.source.logs->kind == sync::Dsn::Kind::mysql)
        wanted.log_database = config.source.logs->database;
    // An administrator's account is none for quotafuse: a new one is named then.
    if (main.user != "root") wanted.reader = main.user;
    if (config.breaker.dsn && config.breaker.dsn->kind == sync::Dsn::Kind::mysql) {
        const auto& user = config.breaker.dsn->user;
        wanted.breaker =
            user == "root" || user == wanted.reader ? wanted.reader + "_breaker" : user;
    }
    if (!config.source.gateway) {
        std::cout << "-- For New API. For One API set source.gateway to one-api first: its tables "
                     "have other columns.\n";
    }
    wanted.needs = needs_of(config.rules);
    std::cout << circuit_breaker::grants_sql(wanted);
    return 0;
}

}  // namespace quotafuse::daemon
