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
constexpr std::array<std::string_view, 9> kHarmless{
    "USAGE",          "SELECT",        "CREATE TEMPORARY TABLES", "SHOW DATABASES", "SHOW VIEW",
    "BINLOG MONITOR", "SLAVE MONITOR", "REPLICATION CLIENT",      "REPLICA MONITOR"};

/// More rights than a reader of the sentence takes in.
constexpr std::size_t kMostNamed = 8;

constexpr auto kGrantsAgain = "then run what `quotafuse grants` prints";

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
    bool by_role = false;
    Names rights;                // in the order of the list
    std::vector<Names> columns;  // of each right; empty = all
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

std::string cure(const Group& group) {
    if (group.by_role) return "it comes with a role: take it from the role, or the role from it";
    if (group.has("ALL PRIVILEGES") || group.rights.size() > kMostNamed)
        return "use an account of its own, as `quotafuse grants` prints";
    auto sql = fmt::format("REVOKE {} ON {} FROM {};", fmt::join(group.described(false), ", "),
                           group.object, group.grantee);
    if (group.has("UPDATE")) sql += fmt::format(" {}", kGrantsAgain);
    return sql;
}

}  // namespace

std::vector<std::string> excess_of(const std::vector<Power>& powers,
                                   const std::vector<TableGrant>& needed) {
    std::vector<Group> groups;
    for (const auto& power : powers) {
        if (is_needed(power, needed)) continue;
        const auto object = object_of(power);
        auto at = std::ranges::find_if(groups, [&](const Group& group) {
            return group.object == object && group.grantee == power.grantee &&
                   group.by_role == power.by_role;
        });
        if (at == groups.end())
            at = groups.insert(at, {.object = object,
                                    .grantee = power.grantee,
                                    .by_role = power.by_role,
                                    .rights = {},
                                    .columns = {}});
        at->add(power);
    }
    Names sentences;
    for (const auto& group : groups) sentences.push_back(what_it_may(group) + ": " + cure(group));
    return sentences;
}

std::string cure_of_reading(const std::vector<Power>& sources) {
    Names cures;
    bool whole = false;
    for (const auto& power : sources) {
        whole = whole || power.right == "ALL PRIVILEGES";
        const auto column = power.column.empty() ? "" : " (" + quote_name(power.column) + ")";
        auto text = power.by_role ? std::string{"take it from the account's roles;"}
                                  : fmt::format("REVOKE SELECT{} ON {} FROM {};", column,
                                                object_of(power), power.grantee);
        if (std::ranges::find(cures, text) == cures.end()) cures.push_back(std::move(text));
    }
    if (whole) return "use an account of its own, as `quotafuse grants` prints";
    if (cures.empty()) return "its grants do not tell why; look at the roles of the server";
    return fmt::format("{} {}", fmt::join(cures, " "), kGrantsAgain);
}

}  // namespace quotafuse::circuit_breaker
