#include "daemon/accounts.h"

#include <string>

#include <fmt/format.h>

#include "circuit_breaker/accounts.h"
#include "daemon/info_needs.h"
#include "sync/gateway_session.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::AccountFindings;
using circuit_breaker::AccountUse;

struct Account {
    std::string name;  // in the output
    AccountUse use;
    const sync::Dsn& dsn;
};

std::string summary(const AccountFindings& found) {
    if (!found.ok()) return fmt::format("FAILED: {} may not do what it must", found.account);
    if (!found.warnings.empty())
        return fmt::format("{} does what it must; see below", found.account);
    return fmt::format("{} may do what it must, and nothing more", found.account);
}

std::string file_summary(const AccountFindings& found) {
    return found.ok() ? "the file can be written" : "FAILED: the file cannot be written";
}

/// Empty where the server did not answer; that was told then.
std::optional<AccountFindings> prove(const Account& account, circuit_breaker::GrantsWanted wanted,
                                     std::ostream& out) {
    // The breaker looks for the gateway's tables where its own DSN says.
    if (account.use == AccountUse::breaker) wanted.database = account.dsn.database;
    try {
        sync::SessionOptions options;
        options.read_only = account.use != AccountUse::breaker;
        const auto session = sync::make_session(account.dsn, options);
        auto found = check_account(*session, wanted, account.use);
        const bool file = account.dsn.kind == sync::Dsn::Kind::sqlite;
        out << fmt::format("{:<14} {}\n", account.name,
                           file ? file_summary(found) : summary(found));
        for (const auto& lack : found.lacks)
            out << fmt::format("  error: the {} {}\n", account.name, lack);
        for (const auto& warning : found.warnings)
            out << fmt::format("  warning: the {} {}\n", account.name, warning);
        return found;
    } catch (const sync::GatewayError& e) {
        out << fmt::format("{:<14} FAILED: {}\n", account.name, e.what());
        return {};
    }
}

}  // namespace

circuit_breaker::GrantsWanted grants_wanted(const Config& config,
                                            std::optional<sync::Gateway> seen) {
    const auto& main = *config.source.main;
    circuit_breaker::GrantsWanted wanted;
    wanted.gateway = config.source.gateway.value_or(seen.value_or(sync::Gateway::new_api));
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
    wanted.needs = needs_of(config.rules);
    wanted.rules = grants_of(config.rules);
    return wanted;
}

bool prove_accounts(const Config& config, std::optional<sync::Gateway> seen, std::ostream& out) {
    const auto wanted = grants_wanted(config, seen);
    bool ok = true;
    std::optional<AccountFindings> reader;
    // A file that is only read needs no proof: it was read.
    if (config.source.main->kind == sync::Dsn::Kind::mysql) {
        reader = prove({"reader", AccountUse::reader, *config.source.main}, wanted, out);
        ok = reader && reader->ok();
    }
    if (!wanted.log_database.empty()) {
        const auto logs =
            prove({"reader of logs", AccountUse::logs, *config.source.logs}, wanted, out);
        ok = logs && logs->ok() && ok;
    }
    if (!config.breaker.dsn) return ok;
    const auto breaker = prove({"breaker", AccountUse::breaker, *config.breaker.dsn}, wanted, out);
    ok = breaker && breaker->ok() && ok;
    if (!reader || !breaker) return ok;
    if (const auto same = same_account(*reader, *breaker); !same.empty())
        out << fmt::format("  warning: {}\n", same);
    return ok;
}

}  // namespace quotafuse::daemon
