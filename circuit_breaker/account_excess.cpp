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

/// More rights than a reader of the sentence takes in.
constexpr std::size_t kMostNamed = 8;

constexpr auto kGrantsAgain = "then run what `quotafuse grants` prints";
constexpr auto kOwnAccount = "use an account of its own, as `quotafuse grants` prints";

/// Whom else a REVOKE from this grantee meets; empty for the account itself.
std::string_view others_met(const std::string& grantee, const std::string& account) {
    if (grantee == account) return {};
    return grantee == "PUBLIC" ? " (PUBLIC is every account of the server)"
                               : " (all who have this role lose it)";
}

/// What comes with a role of MySQL stands there, or in a role within it, which the server does not
/// tell: a REVOKE of the right from the account fails.
std::string cure_of_role(const std::string& role, bool mandatory, const std::string& account) {
    if (mandatory)
        return fmt::format(
            "it comes with the mandatory role {0}, which no REVOKE takes from an account: take {0} "
            "out of mandatory_roles, or the right from the role",
            role);
    return fmt::format("it comes with the role {0}: REVOKE {0} FROM {1};", role, account);
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
    Names described(bool for_people) const;
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

Names Group::described(bool for_people) const {
    Names texts;
    for (std::size_t i = 0; i < rights.size(); ++i) {
        Names quoted;
        for (const auto& column : columns[i]) quoted.push_back(quote_name(column));
        if (quoted.empty()) {
            const bool a_table = object.back() == '`' && object.front() == '`';
            const bool widely = for_people && a_table && rights[i] == "UPDATE";
            texts.push_back(rights[i] + (widely ? " of every column" : ""));
        } else {
            texts.push_back(fmt::format("{} ({})", rights[i], fmt::join(quoted, ", ")));
        }
    }
    return texts;
}

std::string what_it_may(const Group& group) {
    const auto where = group.object == "*.*" ? std::string{"the whole server"} : group.object;
    if (group.has("PROXY")) return fmt::format("may act as {} (PROXY)", group.object);
    if (group.has("ALL PRIVILEGES")) return fmt::format("may do everything on {}", where);
    auto texts = group.described(true);
    if (texts.size() <= kMostNamed)
        return fmt::format("may {} on {}", fmt::join(texts, ", "), where);
    const auto others = texts.size() - kMostNamed;
    texts.resize(kMostNamed);
    return fmt::format("may {} and {} more on {}", fmt::join(texts, ", "), others, where);
}

std::string cure(const Group& group, const std::string& account) {
    if (!group.role.empty()) {
        auto text = cure_of_role(group.role, group.mandatory, account);
        return group.mandatory ? text : fmt::format("{} {}", text, kGrantsAgain);
    }
    const bool much = group.has("ALL PRIVILEGES") || group.rights.size() > kMostNamed;
    // An account of its own has what PUBLIC has, too.
    if (much && group.grantee == account) return kOwnAccount;
    auto rights = fmt::format("{}", fmt::join(group.described(false), ", "));
    if (much) rights = "ALL PRIVILEGES";
    auto sql = fmt::format("REVOKE {} ON {} FROM {};{}", rights, group.object, group.grantee,
                           others_met(group.grantee, account));
    if (much && group.has("GRANT OPTION"))
        sql += fmt::format(" REVOKE GRANT OPTION ON {} FROM {};", group.object, group.grantee);
    if (much || group.has("UPDATE")) sql += fmt::format(" {}", kGrantsAgain);
    return sql;
}

}  // namespace

std::vector<std::string> excess_of(const std::vector<Power>& powers,
                                   const std::vector<TableGrant>& needed,
                                   const std::string& account) {
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
    Names sentences;
    for (const auto& group : groups)
        sentences.push_back(what_it_may(group) + ": " + cure(group, account));
    return sentences;
}

std::string cure_of_reading(const std::vector<Power>& sources, const std::string& account) {
    Names cures;
    for (const auto& power : sources) {
        const bool whole = power.right == "ALL PRIVILEGES";
        if (whole && power.grantee == account && power.role.empty()) return kOwnAccount;
        const auto column = power.column.empty() ? "" : " (" + quote_name(power.column) + ")";
        auto text =
            power.role.empty()
                ? fmt::format("REVOKE {}{} ON {} FROM {};{}", whole ? power.right : "SELECT",
                              column, object_of(power), power.grantee,
                              others_met(power.grantee, account))
                : cure_of_role(power.role, power.mandatory, account) + (power.mandatory ? ";" : "");
        if (std::ranges::find(cures, text) == cures.end()) cures.push_back(std::move(text));
    }
    if (cures.empty()) return "its grants do not tell why; look at the roles of the server";
    return fmt::format("{} {}", fmt::join(cures, " "), kGrantsAgain);
}

}  // namespace quotafuse::circuit_breaker
