#include "daemon/accounts.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "circuit_breaker/account_powers.h"
#include "circuit_breaker/accounts.h"
#include "daemon/info_needs.h"
#include "sync/gateway_session.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::AccountFindings;
using circuit_breaker::AccountName;
using circuit_breaker::AccountUse;
using circuit_breaker::GrantsWanted;
using circuit_breaker::Shared;

constexpr auto kReader = "quotafuse";

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

void print(const Account& account, const AccountFindings& found, const std::string& how,
           std::ostream& out) {
    out << fmt::format("{:<14} {}\n", account.name, how);
    for (const auto& lack : found.lacks)
        out << fmt::format("  error: the {} {}\n", account.name, lack);
    for (const auto& warning : found.warnings)
        out << fmt::format("  warning: the {} {}\n", account.name, warning);
}

std::unique_ptr<sync::GatewaySession> connect(const Account& account) {
    sync::SessionOptions options;
    options.read_only = account.use != AccountUse::breaker;
    return sync::make_session(account.dsn, options);
}

/// False where it lacks something, or the server did not answer.
bool prove(const Account& account, const GrantsWanted& wanted, Shared shared, std::ostream& out) {
    try {
        const auto found = check_account(*connect(account), wanted, account.use, shared);
        const bool file = account.dsn.kind == sync::Dsn::Kind::sqlite;
        print(account, found, file ? file_summary(found) : summary(found), out);
        return found.ok();
    } catch (const sync::GatewayError& e) {
        out << fmt::format("{:<14} FAILED: {}\n", account.name, e.what());
        return false;
    }
}

/// The account, where the server takes both for one. Who does not connect is told of elsewhere.
std::optional<AccountName> same_account(const Account& reader, const Account& breaker) {
    if (reader.dsn.kind != sync::Dsn::Kind::mysql || breaker.dsn.kind != sync::Dsn::Kind::mysql)
        return {};
    try {
        auto name = circuit_breaker::name_of_account(*connect(reader));
        const auto other = circuit_breaker::name_of_account(*connect(breaker));
        if (name.quoted == other.quoted && name.server == other.server) return name;
        return {};
    } catch (const sync::GatewayError&) {
        return {};
    }
}

/// No statement for the account that both have: what one of them needs is too much for the other.
bool prove_shared(const Account& breaker, GrantsWanted wanted, const AccountName& name,
                  std::ostream& out) {
    AccountFindings found;
    try {
        found = check_account(*connect(breaker), wanted, breaker.use);
    } catch (const sync::GatewayError& e) {
        out << fmt::format("{:<14} FAILED: {}\n", breaker.name, e.what());
        return false;
    }
    out << fmt::format(
        "{:<14} {}\n", breaker.name,
        found.ok() ? fmt::format("{} again, see below", name.quoted)
                   : fmt::format("FAILED: {} may not do what the breaker must", name.quoted));
    out << fmt::format(
        "  warning: reader and breaker are one account, {}: what only reads could write, too, by a "
        "fault or\n  for whoever gets its password. Make this account for the breaker, name it in "
        "breaker.dsn, and check again:\n\n",
        name.quoted);
    // Administrators make accounts for any host, as `quotafuse grants` does.
    if (name.user != "root") wanted.host = name.host;
    out << circuit_breaker::breaker_sql(wanted) << '\n';
    return found.ok();
}

}  // namespace

circuit_breaker::GrantsWanted grants_wanted(const Config& config,
                                            std::optional<sync::Gateway> seen) {
    const auto& main = *config.source.main;
    circuit_breaker::GrantsWanted wanted;
    wanted.gateway = config.source.gateway.value_or(seen.value_or(sync::Gateway::new_api));
    wanted.database = main.database;
    if (config.source.logs && config.source.logs->kind == sync::Dsn::Kind::mysql) {
        wanted.log_database = config.source.logs->database;
        if (config.source.logs->user != "root") wanted.log_reader = config.source.logs->user;
    }
    // An administrator's account is none for quotafuse: a new one is named then.
    if (main.user != "root") wanted.reader = main.user;
    if (config.breaker.dsn && config.breaker.dsn->kind == sync::Dsn::Kind::mysql) {
        const auto& user = config.breaker.dsn->user;
        // MySQL takes names of 32 characters.
        constexpr std::size_t kMost = 24;
        const auto base = wanted.reader.size() > kMost ? std::string{kReader} : wanted.reader;
        wanted.breaker = user == "root" || user == wanted.reader ? base + "_breaker" : user;
    }
    wanted.needs = needs_of(config.rules);
    wanted.rules = grants_of(config.rules);
    wanted.token_list = true;
    return wanted;
}

bool prove_accounts(const Config& config, std::optional<sync::Gateway> seen, std::ostream& out) {
    const auto wanted = grants_wanted(config, seen);
    // The breaker looks for the gateway's tables where its own DSN says.
    auto breakers = wanted;
    std::optional<Account> breaker;
    std::optional<AccountName> same;
    const Account reader{"reader", AccountUse::reader, *config.source.main};
    if (config.breaker.dsn) {
        breaker.emplace(Account{"breaker", AccountUse::breaker, *config.breaker.dsn});
        breakers.database = breaker->dsn.database;
        same = same_account(reader, *breaker);
    }
    bool ok = true;
    // A file that is only read needs no proof: it was read.
    if (reader.dsn.kind == sync::Dsn::Kind::mysql)
        ok = prove(reader, wanted, same ? Shared::yes : Shared::no, out);
    if (!wanted.log_database.empty())
        ok = prove({"reader of logs", AccountUse::logs, *config.source.logs}, wanted, Shared::no,
                   out) &&
             ok;
    if (same) return prove_shared(*breaker, breakers, *same, out) && ok;
    if (breaker) ok = prove(*breaker, breakers, Shared::no, out) && ok;
    return ok;
}

}  // namespace quotafuse::daemon
