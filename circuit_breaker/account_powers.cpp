#include "circuit_breaker/account_powers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "circuit_breaker/grants.h"

namespace quotafuse::circuit_breaker {
namespace {

using sync::GatewayError;
using sync::GatewaySession;
using Names = std::vector<std::string>;
using Lines = std::vector<GrantLine>;

bool holds(const Names& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

class PowerReader {
public:
    PowerReader(GatewaySession& session, const AccountName& account)
        : session_(session), account_(account) {}

    AccountPowers read() {
        const auto lines = ask("SHOW GRANTS");
        if (lines.empty())
            read_.warnings.emplace_back(
                "may do more than is told here: the server lists no grants of it");
        const bool mariadb = value("SELECT VERSION()").find("MariaDB") != std::string::npos;
        // MariaDB has one active role at a time and tells its bare name.
        const auto roles = value_if_known("SELECT CURRENT_ROLE()");
        if (mariadb) {
            warn_of_idle_roles(lines, roles.empty() ? Names{} : Names{quote_name(roles)}, {});
            keep(lines);
            return std::move(read_);
        }
        const auto active = parse_roles(roles);
        Names mandatory;
        if (!roles.empty()) mandatory = parse_roles(value_if_known("SELECT @@mandatory_roles"));
        warn_of_idle_roles(lines, active, mandatory);
        keep(active.empty() ? lines : ask("SHOW GRANTS FOR " + account_.quoted));
        for (const auto& role : active) add_role(role, holds(mandatory, role));
        return std::move(read_);
    }

private:
    std::string value(const std::string& sql) { return session_.query(sql).at(0)[0].value_or(""); }

    /// Empty where the server knows no such thing: MySQL 5.7 has no roles.
    std::string value_if_known(const std::string& sql) {
        try {
            return value(sql);
        } catch (const GatewayError& e) {
            const bool answered = e.kind() == GatewayError::Kind::denied ||
                                  e.kind() == GatewayError::Kind::schema ||
                                  e.kind() == GatewayError::Kind::rejected;
            if (!answered) throw;
            return {};
        }
    }

    /// What cannot be read is told once, whichever list has it.
    Lines ask(const std::string& sql) {
        Lines lines;
        for (const auto& row : session_.query(sql)) {
            const auto text = row[0].value_or("");
            lines.push_back(parse_grant(text));
            if (lines.back().kind != GrantLine::Kind::unread) continue;
            auto warning = fmt::format("may do more than is told here: can't read this grant: {}",
                                       shown_grant(text));
            if (!holds(read_.warnings, warning)) read_.warnings.push_back(std::move(warning));
        }
        return lines;
    }

    void keep(const Lines& lines) {
        read_.powers = powers_of(lines);
        read_.taken = taken_by(lines);
    }

    /// MySQL merges what a role gives into the account's own: what is new with it is the role's.
    void add_role(const std::string& role, bool mandatory) {
        const auto own = read_.powers;
        for (auto& power : powers_of(ask("SHOW GRANTS FOR CURRENT_USER() USING " + role))) {
            if (std::ranges::find(own, power) != own.end()) continue;
            power.role = role;
            power.mandatory = mandatory;
            read_.powers.push_back(std::move(power));
        }
    }

    /// MariaDB lists the rights of roles that PUBLIC has: those were looked at.
    void warn_of_idle_roles(const Lines& lines, const Names& active, const Names& mandatory) {
        for (const auto& line : lines) {
            if (line.kind != GrantLine::Kind::roles || line.grantee != account_.quoted) continue;
            for (const auto& role : line.roles) {
                if (holds(active, role)) continue;
                read_.warnings.push_back(
                    fmt::format("may take the role {0}, which is not active and was not looked at; "
                                "unless it is "
                                "needed: {1}",
                                role,
                                holds(mandatory, role)
                                    ? fmt::format("take {} out of mandatory_roles", role)
                                    : fmt::format("REVOKE {} FROM {};", role, account_.quoted)));
            }
        }
    }

    GatewaySession& session_;
    const AccountName& account_;
    AccountPowers read_;
};

}  // namespace

AccountName name_of_account(GatewaySession& session) {
    const auto row = session.query("SELECT CURRENT_USER(), USER(), @@hostname, @@port").at(0);
    const auto whole = row[0].value_or("");
    const auto login = row[1].value_or("");
    // A user's name may have an @ in it, a host's has none.
    const auto at = std::min(whole.rfind('@'), whole.size());
    AccountName name{.quoted = "",
                     .user = whole.substr(0, at),
                     .host = at < whole.size() ? whole.substr(at + 1) : "%",
                     .login = login.substr(0, login.rfind('@'))};
    name.quoted = quote_account(name.user, name.host);
    name.server = row[2].value_or("") + ":" + row[3].value_or("");
    return name;
}

bool AccountPowers::may(std::string_view right, std::string_view database, std::string_view table,
                        std::string_view column) const {
    return std::ranges::any_of(powers, [&](const Power& power) {
        if (!gives(power, right, database, table, column)) return false;
        return power.database != "*" || std::ranges::none_of(taken, [&](const Power& less) {
                   return gives(less, right, database, table, column);
               });
    });
}

AccountPowers read_powers(GatewaySession& session, const AccountName& account) {
    return PowerReader{session, account}.read();
}

}  // namespace quotafuse::circuit_breaker
