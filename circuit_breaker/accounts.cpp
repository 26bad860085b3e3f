#include "circuit_breaker/accounts.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "circuit_breaker/account_excess.h"
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
    AccountCheck(GatewaySession& session, const GrantsWanted& wanted, AccountUse use)
        : session_(session), wanted_(wanted), needed_(needed_by(wanted, use)) {}

    AccountFindings run() {
        identify();
        read_grants();
        find_secrets();
        for (const auto& grant : needed_) try_grant(grant);
        warn_of_secrets();
        for (auto& warning : excess_of(powers_, needed_))
            findings_.warnings.push_back(std::move(warning));
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

    void identify();
    void read_grants();
    std::vector<GrantLine> ask_grants(const std::string& sql);
    std::string active_roles();
    void warn_of_idle_roles(const std::vector<GrantLine>& lines, const Names& active);
    void find_secrets();
    void warn_of_secrets();
    void try_grant(const TableGrant& grant);
    Missing find_missing(const TableGrant& grant, const Names& columns, Try attempt);
    Missing find_unwritable(const TableGrant& grant);
    void tell_denied(const TableGrant& grant, TableGrant lacking);
    void tell_absent(const TableGrant& grant, const Names& columns);
    bool takes_no_writes();
    void tell_read_only();

    GatewaySession& session_;
    const GrantsWanted& wanted_;
    std::vector<TableGrant> needed_;
    std::vector<Power> powers_;
    Names secrets_;  // "tokens.key": those that it may read
    bool read_only_ = false;
    AccountFindings findings_;
};

void AccountCheck::identify() {
    const auto row = session_.query("SELECT CURRENT_USER(), @@hostname, @@port").at(0);
    const auto name = row[0].value_or("");
    const auto at = name.rfind('@');
    findings_.account = at == std::string::npos
                            ? quote_account(name, "%")
                            : quote_account(name.substr(0, at), name.substr(at + 1));
    findings_.server = row[1].value_or("") + ":" + row[2].value_or("");
}

std::vector<GrantLine> AccountCheck::ask_grants(const std::string& sql) {
    std::vector<GrantLine> lines;
    for (const auto& row : session_.query(sql)) lines.push_back(parse_grant(row[0].value_or("")));
    return lines;
}

/// As the server writes them; empty for none.
std::string AccountCheck::active_roles() {
    try {
        return session_.query("SELECT CURRENT_ROLE()").at(0)[0].value_or("");
    } catch (const GatewayError& e) {
        failure(e);  // MySQL 5.7 knows no roles
        return {};
    }
}

/// MariaDB lists the rights of active roles, and those of PUBLIC, as theirs. MySQL merges them into
/// the account's own, unless it is asked for the account by its name.
void AccountCheck::read_grants() {
    auto lines = ask_grants("SHOW GRANTS");
    const auto roles = active_roles();
    const auto version = session_.query("SELECT VERSION()").at(0)[0].value_or("");
    const bool mariadb = version.find("MariaDB") != std::string::npos;
    // MariaDB has one active role at a time and tells its bare name.
    const auto active = mariadb ? Names{roles} : parse_roles(roles);
    warn_of_idle_roles(lines, active);
    if (mariadb || active.empty()) {
        powers_ = powers_of(lines);
        return;
    }
    for (auto& line : ask_grants("SHOW GRANTS FOR CURRENT_USER() USING " + roles))
        lines.push_back(std::move(line));
    powers_ = powers_of(ask_grants("SHOW GRANTS FOR " + findings_.account));
    for (auto& power : powers_of(lines)) {
        if (std::ranges::find(powers_, power) != powers_.end()) continue;
        power.by_role = true;
        powers_.push_back(std::move(power));
    }
}

void AccountCheck::warn_of_idle_roles(const std::vector<GrantLine>& lines, const Names& active) {
    for (const auto& line : lines) {
        if (line.kind != GrantLine::Kind::roles || line.grantee != findings_.account) continue;
        for (const auto& role : line.roles) {
            if (std::ranges::find(active, role) != active.end()) continue;
            findings_.warnings.push_back(fmt::format(
                "may take the role {0}, which is not active and was not looked at: REVOKE {0} "
                "FROM {1}; unless it is needed",
                quote_name(role), findings_.account));
        }
    }
}

void AccountCheck::find_secrets() {
    for (const auto& [table, column] : kSecrets) {
        const auto whole = quote_name(wanted_.database) + "." + quote_name(table);
        if (try_select(session_, whole, {column}).fine())
            secrets_.push_back(fmt::format("{}.{}", table, column));
    }
}

void AccountCheck::warn_of_secrets() {
    if (secrets_.empty()) return;
    std::vector<Power> sources;
    for (const auto& [table, column] : kSecrets) {
        for (const auto& power : powers_) {
            if (gives(power, "SELECT", wanted_.database, table, column)) sources.push_back(power);
        }
    }
    findings_.warnings.push_back(fmt::format("may read {}, which quotafuse never asks for: {}",
                                             fmt::join(secrets_, ", "), cure_of_reading(sources)));
}

void AccountCheck::try_grant(const TableGrant& grant) {
    const auto unreadable = find_missing(grant, grant.select, try_select);
    auto lacking = grant;
    lacking.select = unreadable.denied;
    lacking.update.clear();
    auto absent = unreadable.absent;
    auto refused = unreadable.refused;
    if (!grant.update.empty()) {
        const auto unwritable = find_unwritable(grant);
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
        const bool may = std::ranges::any_of(powers_, [&](const Power& power) {
            return gives(power, "UPDATE", grant.database, grant.table, column);
        });
        if (!may) missing.denied.push_back(column);
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

void AccountCheck::tell_denied(const TableGrant& grant, TableGrant lacking) {
    const bool is_view = grant.database != wanted_.database && grant.table != "logs";
    // Where the options themselves can be read, nothing is missed; that is warned of elsewhere.
    if (is_view && std::ranges::find(secrets_, "options.value") != secrets_.end()) return;
    const auto statement = grant_statement(lacking, findings_.account);
    // "GRANT <rights> ON <table> TO <account>;"
    constexpr std::size_t kVerb = sizeof("GRANT ") - 1;
    const auto end = statement.size() - (" TO " + findings_.account + ";").size();
    const auto rights = statement.substr(kVerb, end - kVerb);
    auto text = is_view ? fmt::format(
                              "lacks {}: run what `quotafuse grants` prints, which also "
                              "makes this view",
                              rights)
                        : fmt::format("lacks {}: {}", rights, statement);
    if (!grant.note.empty()) text += fmt::format(" ({})", grant.note);
    if (!grant.without.empty()) text += fmt::format(" (without it {})", grant.without);
    (grant.without.empty() ? findings_.lacks : findings_.warnings).push_back(std::move(text));
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

AccountFindings check_account(GatewaySession& session, const GrantsWanted& wanted, AccountUse use) {
    if (session.kind() == sync::Dsn::Kind::sqlite) return check_file(session, use);
    return AccountCheck{session, wanted, use}.run();
}

std::string same_account(const AccountFindings& reader, const AccountFindings& breaker) {
    const bool same = !reader.account.empty() && reader.account == breaker.account &&
                      reader.server == breaker.server;
    if (!same) return {};
    return fmt::format(
        "reader and breaker are one account, {}: what only reads could write, too; make one for "
        "each, as `quotafuse grants` prints",
        reader.account);
}

}  // namespace quotafuse::circuit_breaker
