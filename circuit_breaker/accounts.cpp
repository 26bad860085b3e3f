#include "circuit_breaker/accounts.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "circuit_breaker/account_excess.h"
#include "circuit_breaker/account_powers.h"
#include "circuit_breaker/grant_list.h"

namespace quotafuse::circuit_breaker {
namespace {

using sync::GatewayError;
using sync::GatewaySession;
using Names = std::vector<std::string>;

constexpr std::array<std::pair<const char*, const char*>, 5> kSecrets{{{"channels", "key"},
                                                                       {"tokens", "key"},
                                                                       {"users", "password"},
                                                                       {"users", "access_token"},
                                                                       {"options", "value"}}};

/// How a statement went that was only tried.
struct Attempt {
    enum class How {
        fine,
        denied,
        absent,   // there is no such table or column
        refused,  // anything else: `why`
    };
    How how = How::fine;
    std::string why{};
    bool fine() const { return how == How::fine; }
};

Attempt failure(const GatewayError& e) {
    switch (e.kind()) {
        case GatewayError::Kind::denied:
            return {Attempt::How::denied, e.what()};
        case GatewayError::Kind::schema:
            return {Attempt::How::absent, e.what()};
        case GatewayError::Kind::locked:
        case GatewayError::Kind::rejected:
            return {Attempt::How::refused, e.what()};
        case GatewayError::Kind::unreachable:
        case GatewayError::Kind::stalled:
        case GatewayError::Kind::interrupted:
            throw e;
    }
    std::abort();
}

std::string table_of(const TableGrant& grant) {
    return quote_name(grant.database) + "." + quote_name(grant.table);
}

/// Asks for no values: the connector cannot take those of MySQL's type JSON.
Attempt try_select(GatewaySession& session, const std::string& table, const Names& columns) {
    Names asked;
    for (const auto& column : columns) asked.push_back(quote_name(column) + " IS NULL");
    const auto from =
        asked.empty() ? fmt::format("(SELECT * FROM {} LIMIT 0) AS whole", table) : table;
    if (asked.empty()) asked.emplace_back("1");
    try {
        session.query(fmt::format("SELECT {} FROM {} LIMIT 0", fmt::join(asked, ", "), from));
        return {};
    } catch (const GatewayError& e) {
        return failure(e);
    }
}

/// Changes nothing: no row fits, and it is rolled back.
Attempt try_update(GatewaySession& session, const std::string& table, const Names& columns) {
    Names settings;
    for (const auto& column : columns)
        settings.push_back(fmt::format("{0} = {0}", quote_name(column)));
    try {
        session.begin();
        session.execute(
            fmt::format("UPDATE {} SET {} WHERE 1 = 0", table, fmt::join(settings, ", ")));
        session.rollback();
        return {};
    } catch (const GatewayError& e) {
        session.rollback();
        return failure(e);
    }
}

const char* dsn_of(AccountUse use) {
    switch (use) {
        case AccountUse::reader:
            return "source.dsn (SQL_DSN)";
        case AccountUse::logs:
            return "source.log_dsn (LOG_SQL_DSN)";
        case AccountUse::breaker:
            return "breaker.dsn (BREAKER_SQL_DSN)";
    }
    std::abort();
}

std::vector<TableGrant> needed_by(const GrantsWanted& wanted, AccountUse use) {
    switch (use) {
        case AccountUse::reader:
            return reader_grants(wanted);
        case AccountUse::logs:
            return log_grants(wanted);
        case AccountUse::breaker:
            return breaker_grants(wanted);
    }
    std::abort();
}

class AccountCheck {
public:
    AccountCheck(GatewaySession& session, const GrantsWanted& wanted, AccountUse use, Shared shared)
        : session_(session),
          wanted_(wanted),
          use_(use),
          shared_(shared),
          needed_(needed_by(wanted, use)) {}

    AccountFindings run() {
        if (!identify()) return std::move(findings_);
        find_secrets();
        for (const auto& grant : needed_) try_grant(grant);
        // Of one account for both the reader's findings tell what is too much.
        const bool told = shared_ == Shared::yes && use_ == AccountUse::breaker;
        if (!told) warn_of_excess();
        return std::move(findings_);
    }

private:
    using Try = Attempt (*)(GatewaySession&, const std::string&, const Names&);
    /// Columns of one table that cannot be used as they should.
    struct Missing {
        Names denied;
        Names absent;
        std::string refused;  // why the statement failed although each column alone may be used
    };

    bool identify();
    void find_secrets();
    void warn_of_excess();
    void warn_of_secrets();
    void try_grant(const TableGrant& grant);
    Missing find_missing(const TableGrant& grant, const Names& columns, Try attempt);
    Missing find_unwritable(const TableGrant& grant);
    void tell_denied(const TableGrant& grant, const TableGrant& lacking);
    bool goes_on_without(const TableGrant& grant);
    void tell_absent(const TableGrant& grant, const Names& columns);
    bool takes_no_writes();
    void tell_read_only();

    GatewaySession& session_;
    const GrantsWanted& wanted_;
    AccountUse use_;
    Shared shared_;
    std::vector<TableGrant> needed_;
    AccountPowers held_;
    std::string sign_;  // that it is somebody else's account, see sign_of_owner()
    Names secrets_;     // "tokens.key": those that it may read
    bool read_only_ = false;
    AccountFindings findings_;
};

/// False where what the account may is beside the point.
bool AccountCheck::identify() {
    const auto name = name_of_account(session_);
    findings_.account = name.quoted;
    if (name.user.empty() && !name.login.empty()) {
        findings_.lacks.push_back(fmt::format(
            "is taken for the anonymous account {0}, which stands before {1}: DROP USER {0};",
            name.quoted, quote_account(name.login, "%")));
        return false;
    }
    if (name.user != name.login)
        findings_.warnings.push_back(
            fmt::format("logs in as {} and acts as {} (PROXY), whose rights are told here",
                        quote_name(name.login), name.quoted));
    held_ = read_powers(session_, name);
    sign_ = sign_of_owner(held_.powers);
    if (sign_.empty() && name.user == "root") sign_ = "log in as root";
    findings_.of_others = !sign_.empty();
    return true;
}

void AccountCheck::find_secrets() {
    for (const auto& [table, column] : kSecrets) {
        const auto whole = quote_name(wanted_.database) + "." + quote_name(table);
        if (try_select(session_, whole, {column}).fine())
            secrets_.push_back(fmt::format("{}.{}", table, column));
    }
}

/// An administrator's account, or the gateway's, keeps its rights: to take them would break what it
/// is there for. Only what everybody has is told apart, since an account of its own has it, too.
void AccountCheck::warn_of_excess() {
    if (findings_.of_others) {
        std::erase_if(held_.powers, [](const Power& power) { return !of_everybody(power); });
        findings_.warnings.push_back(fmt::format(
            "may {}{}: that is an account of somebody else; give quotafuse one of its "
            "own: put a new name into {}, and run what `quotafuse grants` prints",
            sign_, secrets_.empty() ? "" : fmt::format(", and read {}", fmt::join(secrets_, ", ")),
            dsn_of(use_)));
    } else {
        for (auto& warning : held_.warnings) findings_.warnings.push_back(std::move(warning));
        warn_of_secrets();
    }
    auto allowed = needed_;
    if (use_ == AccountUse::breaker || shared_ == Shared::yes) {
        for (auto& grant : breaker_may_have(wanted_)) allowed.push_back(std::move(grant));
    }
    for (auto& warning : excess_of(held_.powers, allowed, findings_.account))
        findings_.warnings.push_back(std::move(warning));
}

void AccountCheck::warn_of_secrets() {
    if (secrets_.empty()) return;
    std::vector<Power> sources;
    for (const auto& [table, column] : kSecrets) {
        for (const auto& power : held_.powers) {
            if (gives(power, "SELECT", wanted_.database, table, column)) sources.push_back(power);
        }
    }
    findings_.warnings.push_back(fmt::format("may read {}{}, which quotafuse never asks for: {}",
                                             fmt::join(secrets_, ", "),
                                             source_of_reading(sources, findings_.account),
                                             cure_of_reading(sources, findings_.account)));
}

void AccountCheck::try_grant(const TableGrant& grant) {
    const auto unreadable = find_missing(grant, grant.select, try_select);
    auto lacking = grant;
    lacking.select = unreadable.denied;
    lacking.update.clear();
    auto absent = unreadable.absent;
    auto refused = unreadable.refused;
    if (!grant.update.empty()) {
        auto unwritable = find_unwritable(grant);
        // The trial reads what it sets: of a column that cannot be read the list of grants tells.
        std::erase_if(unwritable.denied, [&](const std::string& column) {
            return std::ranges::find(lacking.select, column) != lacking.select.end() &&
                   held_.may("UPDATE", grant.database, grant.table, column);
        });
        lacking.update = unwritable.denied;
        if (refused.empty()) refused = unwritable.refused;
    }
    const bool whole = grant.select.empty() && !unreadable.denied.empty();
    if (whole) lacking.select.clear();
    if (whole || !lacking.select.empty() || !lacking.update.empty()) tell_denied(grant, lacking);
    if (!absent.empty()) tell_absent(grant, absent);
    if (!refused.empty())
        findings_.lacks.push_back(fmt::format("cannot use {}: {}", table_of(grant), refused));
}

/// Tries all columns at once; where that fails, each one alone. A whole table counts as the column
/// "*".
AccountCheck::Missing AccountCheck::find_missing(const TableGrant& grant, const Names& columns,
                                                 Try attempt) {
    Missing missing;
    const auto note = [&missing](const Attempt& tried, const std::string& column) {
        if (tried.how == Attempt::How::denied) missing.denied.push_back(column);
        if (tried.how == Attempt::How::absent) missing.absent.push_back(column);
        return tried.fine() || tried.how == Attempt::How::refused;
    };
    const auto all = attempt(session_, table_of(grant), columns);
    if (all.fine()) return missing;
    if (columns.empty()) {
        if (note(all, "*")) missing.refused = all.why;
        return missing;
    }
    bool each_alone = true;
    for (const auto& column : columns)
        each_alone = note(attempt(session_, table_of(grant), {column}), column) && each_alone;
    if (each_alone) missing.refused = all.why;
    return missing;
}

/// Where nothing can be written now, the list of grants has to do.
AccountCheck::Missing AccountCheck::find_unwritable(const TableGrant& grant) {
    auto missing = find_missing(grant, grant.update, try_update);
    if (missing.refused.empty() || !takes_no_writes()) return missing;
    missing.refused.clear();
    tell_read_only();
    for (const auto& column : grant.update) {
        if (!held_.may("UPDATE", grant.database, grant.table, column))
            missing.denied.push_back(column);
    }
    return missing;
}

bool AccountCheck::takes_no_writes() {
    try {
        const auto cell = session_.query("SELECT @@global.read_only").at(0)[0];
        return cell && *cell != "0";
    } catch (const GatewayError& e) {
        failure(e);
        return false;
    }
}

/// Once, whatever the number of tables.
void AccountCheck::tell_read_only() {
    if (std::exchange(read_only_, true)) return;
    findings_.lacks.emplace_back(
        "cannot write: the server is read-only, a replica perhaps; breaker.dsn must name the "
        "primary");
}

void AccountCheck::tell_denied(const TableGrant& grant, const TableGrant& lacking) {
    const bool is_view = grant.database != wanted_.database && grant.table != "logs";
    // Where the options themselves can be read, nothing is missed; that is warned of elsewhere.
    const bool of_options = is_view && grant.table.ends_with("_options");
    if (of_options && std::ranges::find(secrets_, "options.value") != secrets_.end()) return;
    const auto statement = grant_statement(lacking, findings_.account);
    // "GRANT <rights> ON <table> TO <account>;"
    constexpr std::size_t kVerb = sizeof("GRANT ") - 1;
    const auto end = statement.size() - (" TO " + findings_.account + ";").size();
    auto text = "lacks " + statement.substr(kVerb, end - kVerb);
    if (is_view)
        text += ": run what `quotafuse grants` prints, which also makes this view";
    else if (shared_ == Shared::no || use_ != AccountUse::breaker)
        text += ": " + statement;
    if (!grant.note.empty()) text += fmt::format(" ({})", grant.note);
    const bool goes_on = goes_on_without(grant);
    if (goes_on) text += fmt::format(" (without it {})", grant.without);
    (goes_on ? findings_.warnings : findings_.lacks).push_back(std::move(text));
}

bool AccountCheck::goes_on_without(const TableGrant& grant) {
    if (grant.without.empty()) return false;
    return grant.must.empty() || try_select(session_, table_of(grant), grant.must).fine();
}

void AccountCheck::tell_absent(const TableGrant& grant, const Names& columns) {
    if (!grant.note.empty()) return;  // an old version: blind spots say what is missed
    const bool is_view = grant.database != wanted_.database && grant.table != "logs";
    if (is_view) return tell_denied(grant, grant);
    const bool table_is_missing = columns.size() >= std::max<std::size_t>(1, grant.select.size());
    const auto what = table_is_missing ? fmt::format("finds no table {}", table_of(grant))
                                       : fmt::format("finds no {} in {}", fmt::join(columns, ", "),
                                                     table_of(grant));
    (grant.without.empty() ? findings_.lacks : findings_.warnings)
        .push_back(what + ": is source.gateway right, and the gateway not too old?");
}

/// A file has no accounts: only whether it can be written.
AccountFindings check_file(GatewaySession& session, AccountUse use) {
    AccountFindings findings;
    if (use != AccountUse::breaker) return findings;
    // BEGIN IMMEDIATE alone passes on a file that may only be read.
    if (const auto tried = try_update(session, "`channels`", {"status"}); !tried.fine())
        findings.lacks.push_back(
            fmt::format("cannot write the file: the user that runs quotafuse must be allowed to "
                        "write it and its folder ({})",
                        tried.why));
    return findings;
}

}  // namespace

AccountFindings check_account(GatewaySession& session, const GrantsWanted& wanted, AccountUse use,
                              Shared shared) {
    if (session.kind() == sync::Dsn::Kind::sqlite) return check_file(session, use);
    return AccountCheck{session, wanted, use, shared}.run();
}

}  // namespace quotafuse::circuit_breaker
