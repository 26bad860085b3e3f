#include "circuit_breaker/account_excess.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace quotafuse::circuit_breaker {
namespace {

using Names = std::vector<std::string>;

/// Rights that change nothing that lasts. SELECT is judged by what secrets it reaches. Any other
/// right is too much, so that those of servers to come are warned of as well.
constexpr std::array<std::string_view, 11> kHarmless{"USAGE",
                                                     "SELECT",
                                                     "CREATE TEMPORARY TABLES",
                                                     "SHOW DATABASES",
                                                     "SHOW VIEW",
                                                     "SHOW CREATE ROUTINE",
                                                     "SHOW_ROUTINE",
                                                     "BINLOG MONITOR",
                                                     "SLAVE MONITOR",
                                                     "REPLICATION CLIENT",
                                                     "REPLICA MONITOR"};

/// On the whole server they are those of an administrator.
constexpr std::array<std::string_view, 4> kOfAdministrators{"SUPER", "CREATE USER", "GRANT OPTION",
                                                            "SET USER"};

/// More rights than a reader of the sentence takes in, and than quotafuse's own account would have
/// by a mistake.
constexpr std::size_t kMostNamed = 8;

/// A REVOKE may take what is needed, too.
constexpr auto kGrantsAgain = "then run what `quotafuse grants` prints";

/// What comes with a role of MySQL stands there, or in a role within it, which the server does not
/// tell: a REVOKE of the right from the account fails.
std::string cure_of_role(const std::string& role, bool mandatory, const std::string& account) {
    if (mandatory)
        return fmt::format(
            "take {} out of mandatory_roles (no REVOKE takes it from an account), "
            "or the right from that role",
            role);
    return fmt::format("REVOKE {} FROM {};", role, account);
}

/// Whom else a REVOKE meets, and where a right comes from that does not stand at the account
/// itself.
std::string comes_by(const std::string& grantee, const std::string& role, bool mandatory,
                     const std::string& account) {
    if (!role.empty()) return fmt::format(" by the {}role {}", mandatory ? "mandatory " : "", role);
    if (grantee == account) return {};
    if (grantee == "PUBLIC") return " as every account of the server (PUBLIC)";
    return fmt::format(" as all who have the role {}", grantee);
}

bool is_needed(const Power& power, const std::vector<TableGrant>& needed) {
    if (std::ranges::find(kHarmless, power.right) != kHarmless.end()) return true;
    if (power.right != "UPDATE" || power.column.empty()) return false;
    return std::ranges::any_of(needed, [&](const TableGrant& grant) {
        return same_name(grant.database, power.database) && same_name(grant.table, power.table) &&
               std::ranges::any_of(grant.update, [&](const std::string& column) {
                   return same_name(column, power.column);
               });
    });
}

/// The powers of one account or role on one object.
struct Group {
    std::string object;
    std::string grantee;
    std::string role;  // as in Power
    bool mandatory = false;
    Names rights;                // in the order of the list
    std::vector<Names> columns;  // of each right; empty = all
    bool fits(const Power& power) const {
        return object == object_of(power) && grantee == power.grantee && role == power.role;
    }
    bool has(std::string_view right) const {
        return std::ranges::find(rights, right) != rights.end();
    }
    void add(const Power& power);
    Names described() const;
};

void Group::add(const Power& power) {
    auto at = rights.size();
    // A right on all columns and the same one on some are two.
    for (std::size_t i = 0; i < rights.size(); ++i) {
        if (rights[i] == power.right && columns[i].empty() == power.column.empty()) at = i;
    }
    if (at == rights.size()) {
        rights.push_back(power.right);
        columns.emplace_back();
    }
    if (!power.column.empty()) columns[at].push_back(power.column);
}

Names Group::described() const {
    Names texts;
    for (std::size_t i = 0; i < rights.size(); ++i) {
        Names quoted;
        for (const auto& column : columns[i]) quoted.push_back(quote_name(column));
        texts.push_back(quoted.empty()
                            ? rights[i]
                            : fmt::format("{} ({})", rights[i], fmt::join(quoted, ", ")));
    }
    return texts;
}

/// "DROP, ALTER on `d`.*"
std::string rights_of(const Group& group) {
    const auto where = group.object == "*.*" ? std::string{"the whole server"} : group.object;
    if (group.has("PROXY")) return fmt::format("act as {} (PROXY)", group.object);
    if (group.has("ALL PRIVILEGES")) return fmt::format("do everything on {}", where);
    auto texts = group.described();
    if (texts.size() <= kMostNamed) return fmt::format("{} on {}", fmt::join(texts, ", "), where);
    const auto others = texts.size() - kMostNamed;
    texts.resize(kMostNamed);
    return fmt::format("{} and {} more on {}", fmt::join(texts, ", "), others, where);
}

bool is_much(const Group& group) {
    return group.has("ALL PRIVILEGES") || group.rights.size() > kMostNamed;
}

std::string cure(const Group& group, const std::string& account) {
    if (!group.role.empty()) {
        auto text = cure_of_role(group.role, group.mandatory, account);
        return group.mandatory ? text : fmt::format("{} {}", text, kGrantsAgain);
    }
    const bool much = is_much(group);
    auto rights = fmt::format("{}", fmt::join(group.described(), ", "));
    if (much) rights = "ALL PRIVILEGES";
    auto sql = fmt::format("REVOKE {} ON {} FROM {};", rights, group.object, group.grantee);
    if (much && group.has("GRANT OPTION"))
        sql += fmt::format(" REVOKE GRANT OPTION ON {} FROM {};", group.object, group.grantee);
    if (much || group.has("UPDATE")) sql += fmt::format(" {}", kGrantsAgain);
    return sql;
}

std::vector<Group> groups_of(const std::vector<Power>& powers,
                             const std::vector<TableGrant>& needed) {
    std::vector<Group> groups;
    for (const auto& power : powers) {
        if (is_needed(power, needed)) continue;
        auto at =
            std::ranges::find_if(groups, [&](const Group& group) { return group.fits(power); });
        if (at == groups.end())
            at = groups.insert(at, {.object = object_of(power),
                                    .grantee = power.grantee,
                                    .role = power.role,
                                    .mandatory = power.mandatory,
                                    .rights = {},
                                    .columns = {}});
        at->add(power);
    }
    return groups;
}

bool is_of_administrators(const Group& group) {
    return group.object == "*.*" && std::ranges::any_of(kOfAdministrators, [&](const auto right) {
               return group.has(right);
           });
}

}  // namespace

bool of_everybody(const Power& power) {
    return power.grantee == "PUBLIC" || power.mandatory;
}

std::string sign_of_owner(const std::vector<Power>& powers) {
    auto own = powers;
    std::erase_if(own, of_everybody);
    for (const auto& group : groups_of(own, {})) {
        if (is_much(group) || is_of_administrators(group)) return rights_of(group);
    }
    return {};
}

std::vector<std::string> excess_of(const std::vector<Power>& powers,
                                   const std::vector<TableGrant>& needed,
                                   const std::string& account) {
    Names sentences;
    for (const auto& group : groups_of(powers, needed))
        sentences.push_back(fmt::format(
            "may {}{}, more than it needs: {}", rights_of(group),
            comes_by(group.grantee, group.role, group.mandatory, account), cure(group, account)));
    return sentences;
}

std::string source_of_reading(const std::vector<Power>& sources, const std::string& account) {
    Names ways;
    for (const auto& power : sources) {
        auto way = comes_by(power.grantee, power.role, power.mandatory, account);
        if (std::ranges::find(ways, way) == ways.end()) ways.push_back(std::move(way));
    }
    return fmt::format("{}", fmt::join(ways, ""));
}

std::string cure_of_reading(const std::vector<Power>& sources, const std::string& account) {
    Names cures;
    for (const auto& power : sources) {
        const bool whole = power.right == "ALL PRIVILEGES";
        const auto column = power.column.empty() ? "" : " (" + quote_name(power.column) + ")";
        auto text = fmt::format("REVOKE {}{} ON {} FROM {};", whole ? power.right : "SELECT",
                                column, object_of(power), power.grantee);
        if (!power.role.empty()) text = cure_of_role(power.role, power.mandatory, account);
        if (power.mandatory) text += ";";
        if (std::ranges::find(cures, text) == cures.end()) cures.push_back(std::move(text));
    }
    if (cures.empty()) return "its grants do not tell why; look at the roles of the server";
    return fmt::format("{} {}", fmt::join(cures, " "), kGrantsAgain);
}

}  // namespace quotafuse::circuit_breaker
