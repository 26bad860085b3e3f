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
constexpr auto kOtherReader = "quotafuse_ro";  // where the breaker has that name

struct Account {
    std::string name;  // in the output
    AccountUse use;
    const sync::Dsn& dsn;
};

std::string summary(const AccountFindings& found, Shared shared) {
    if (!found.ok()) return fmt::format("FAILED: {} may not do what it must", found.account);
    if (shared == Shared::yes)
        return fmt::format("{} does what it must, and is the breaker's account, too; see below",
                           found.account);
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

/// Nothing where the server did not answer, which is told.
std::optional<AccountFindings> look(const Account& account, const GrantsWanted& wanted,
                                    Shared shared, std::ostream& out) {
    try {
        return check_account(*connect(account), wanted, account.use, shared);
    } catch (const sync::GatewayError& e) {
        out << fmt::format("{:<14} FAILED: {}\n", account.name, e.what());
        return {};
    }
}

/// False where it lacks something, or the server did not answer.
bool prove(const Account& account, const GrantsWanted& wanted, Shared shared, std::ostream& out) {
    const auto found = look(account, wanted, shared, out);
    if (!found) return false;
    const bool file = account.dsn.kind == sync::Dsn::Kind::sqlite;
    print(account, *found, file ? file_summary(*found) : summary(*found, shared), out);
    return found->ok();
}

/// The account, where the server takes both for one. Who does not connect, or is taken for the
/// anonymous account, is told of elsewhere.
std::optional<AccountName> same_account(const Account& reader, const Account& breaker) {
    if (reader.dsn.kind != sync::Dsn::Kind::mysql || breaker.dsn.kind != sync::Dsn::Kind::mysql)
        return {};
    try {
        auto name = circuit_breaker::name_of_account(*connect(reader));
        const auto other = circuit_breaker::name_of_account(*connect(breaker));
        const bool same = name.quoted == other.quoted && name.server == other.server;
        if (!same || name.user.empty()) return {};
        return name;
    } catch (const sync::GatewayError&) {
        return {};
    }
}

/// MySQL takes names of 32 characters.
std::string breaker_beside(const std::string& reader) {
    constexpr std::size_t kMost = 24;
    return (reader.size() > kMost ? std::string{kReader} : reader) + "_breaker";
}

/// The breaker of an account that `reader` (a name in the output) has as well.
bool prove_shared(const Account& breaker, const std::string& reader, GrantsWanted wanted,
                  const AccountName& name, std::ostream& out) {
    const auto found = look(breaker, wanted, Shared::yes, out);
    if (!found) return false;
    print(breaker, *found,
          fmt::format(fmt::runtime(found->ok() ? "{} does what it must; see below"
                                               : "FAILED: {} may not do what the breaker must"),
                      name.quoted),
          out);
    out << fmt::format(
        "  warning: {} and breaker are one account, {}: by a fault of what only reads, or by "
        "whoever gets its password, the gateway could be changed. ",
        reader, name.quoted);
    if (found->of_others) {
        out << "Put two new names into their DSNs, and run what `quotafuse grants` prints\n";
        return found->ok();
    }
    out << "Run this, put the new account into breaker.dsn (BREAKER_SQL_DSN), and check again:\n\n";
    // A name of its own in the DSN, and yet the same account: the server takes the one for the
    // other.
    if (wanted.breaker == breaker.dsn.user) wanted.breaker = breaker_beside(name.user);
    wanted.host = name.host;
    out << circuit_breaker::breaker_sql(wanted) << '\n';
    return found->ok();
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
    wanted.reader = main.user == "root" ? kReader : main.user;
    if (config.breaker.dsn && config.breaker.dsn->kind == sync::Dsn::Kind::mysql) {
        const auto& user = config.breaker.dsn->user;
        if (main.user == "root" && user == kReader) wanted.reader = kOtherReader;
        wanted.breaker =
            user == "root" || user == wanted.reader ? breaker_beside(wanted.reader) : user;
    }
    wanted.needs = needs_of(config.rules);
    wanted.rules = grants_of(config.rules);
    wanted.token_list = true;
    return wanted;
}

std::string renamed_accounts(const Config& config, const GrantsWanted& wanted) {
    std::string text;
    const auto tell = [&text](std::string_view dsn, const std::string& user, std::string_view what,
                              const std::string& now) {
        if (user != now)
            text += fmt::format("-- {} names {}, {}. Put {} and its password there.\n", dsn, user,
                                what, now);
    };
    constexpr std::string_view kAdministrator = "an administrator";
    tell("source.dsn (SQL_DSN)", config.source.main->user, kAdministrator, wanted.reader);
    if (!wanted.log_database.empty())
        tell("source.log_dsn (LOG_SQL_DSN)", config.source.logs->user, kAdministrator,
             wanted.log_reader.empty() ? wanted.reader : wanted.log_reader);
    if (!wanted.breaker.empty()) {
        const auto& user = config.breaker.dsn->user;
        tell("breaker.dsn (BREAKER_SQL_DSN)", user,
             user == "root" ? kAdministrator : "the account of the reader", wanted.breaker);
    }
    return text;
}

bool prove_accounts(const Config& config, std::optional<sync::Gateway> seen, std::ostream& out) {
    const auto wanted = grants_wanted(config, seen);
    // The breaker looks for the gateway's tables where its own DSN says.
    auto breakers = wanted;
    const Account reader{"reader", AccountUse::reader, *config.source.main};
    std::optional<Account> logs;
    std::optional<Account> breaker;
    if (!wanted.log_database.empty())
        logs.emplace(Account{"reader of logs", AccountUse::logs, *config.source.logs});
    std::optional<AccountName> of_reader;
    std::optional<AccountName> of_logs;
    if (config.breaker.dsn) {
        breaker.emplace(Account{"breaker", AccountUse::breaker, *config.breaker.dsn});
        breakers.database = breaker->dsn.database;
        of_reader = same_account(reader, *breaker);
        if (logs) of_logs = same_account(*logs, *breaker);
    }
    bool ok = true;
    // A file that is only read needs no proof: it was read.
    if (reader.dsn.kind == sync::Dsn::Kind::mysql)
        ok = prove(reader, wanted, of_reader ? Shared::yes : Shared::no, out);
    if (logs) ok = prove(*logs, wanted, of_logs ? Shared::yes : Shared::no, out) && ok;
    if (of_reader) return prove_shared(*breaker, reader.name, breakers, *of_reader, out) && ok;
    if (of_logs) return prove_shared(*breaker, logs->name, breakers, *of_logs, out) && ok;
    if (breaker) ok = prove(*breaker, breakers, Shared::no, out) && ok;
    return ok;
}

}  // namespace quotafuse::daemon
