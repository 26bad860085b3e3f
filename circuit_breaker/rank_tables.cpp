#include "circuit_breaker/rank_tables.h"

#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace quotafuse::circuit_breaker {
namespace {

using sync::Argument;
using sync::Cell;

Argument number_argument(const std::optional<std::int64_t>& number) {
    if (number) return *number;
    return std::monostate{};
}

}  // namespace

std::optional<std::int64_t> stored_number(const Cell& cell) {
    if (!cell) return {};
    std::int64_t value = 0;
    const auto end = cell->data() + cell->size();
    const auto [rest, error] = std::from_chars(cell->data(), end, value);
    if (error != std::errc{} || rest != end) return {};
    return value;
}

StoredRank RankTables::read_rank(const Cell& priority, const Cell& weight) const {
    StoredRank rank{.priority = stored_number(priority)};
    if (new_api_) rank.weight = stored_number(weight);
    return rank;
}

std::vector<OwnAbility> RankTables::own_abilities(std::int64_t channel, WithRank with, Lock lock) {
    const auto* priority = with == WithRank::yes ? "`priority`" : "NULL";
    const auto* weight = with == WithRank::yes && new_api_ ? "`weight`" : "NULL";
    std::vector<OwnAbility> abilities;
    for (const auto& row :
         session_.query(fmt::format("SELECT `group`, `model`, `enabled`, {}, {} FROM `abilities` "
                                    "WHERE `channel_id` = ?{}",
                                    priority, weight, locking(lock)),
                        {channel})) {
        abilities.push_back({.group = row[0].value_or(""),
                             .model = row[1].value_or(""),
                             .enabled = stored_number(row[2]).value_or(0) != 0,
                             .rank = read_rank(row[3], row[4])});
    }
    return abilities;
}

std::optional<StoredRank> RankTables::rank(std::int64_t channel, Lock lock) {
    const auto rows =
        session_.query(fmt::format("SELECT `priority`, {} FROM `channels` WHERE `id` = ?{}",
                                   new_api_ ? "`weight`" : "NULL", locking(lock)),
                       {channel});
    if (rows.empty()) return {};
    return read_rank(rows.front()[0], rows.front()[1]);
}

std::vector<RankedAbility> RankTables::pairs(std::int64_t channel) {
    const auto rows = session_.query(
        fmt::format("SELECT peer.`group`, peer.`model`, peer.`channel_id`, peer.`enabled`, "
                    "peer.`priority`, {} FROM `abilities` mine JOIN `abilities` peer "
                    "ON peer.`group` = mine.`group` AND peer.`model` = mine.`model` "
                    "WHERE mine.`channel_id` = ?",
                    new_api_ ? "peer.`weight`" : "NULL"),
        {channel});
    std::vector<RankedAbility> abilities;
    std::set<std::int64_t> channels;
    for (const auto& row : rows) {
        abilities.push_back({.ability = {.group = row[0].value_or(""),
                                         .model = row[1].value_or(""),
                                         .channel = stored_number(row[2]).value_or(0),
                                         .enabled = stored_number(row[3]).value_or(0) != 0},
                             .rank = read_rank(row[4], row[5]).rank()});
        channels.insert(abilities.back().ability.channel);
    }
    if (channels.empty()) return abilities;
    std::set<std::int64_t> on;
    for (const auto& row : session_.query(
             fmt::format("SELECT `id` FROM `channels` WHERE `status` = {} AND `id` IN ({})",
                         kEnabled, fmt::join(channels, ",")))) {
        on.insert(stored_number(row[0]).value_or(0));
    }
    for (auto& [ability, rank] : abilities) ability.channel_on = on.contains(ability.channel);
    return abilities;
}

bool RankTables::set_channel(std::int64_t channel, const ChannelRow& before,
                             const StoredRank& rank_before, int status, const Cell& other_info,
                             const StoredRank& rank) {
    const std::int64_t to = status;
    const std::int64_t from = before.status;
    const auto* same = mysql() ? "<=>" : "IS";
    if (!new_api_) {
        return session_.execute(fmt::format("UPDATE `channels` SET `status` = ?, `priority` = ? "
                                            "WHERE `id` = ? AND `status` = ? AND `priority` {} ?",
                                            same),
                                {to, number_argument(rank.priority), channel, from,
                                 number_argument(rank_before.priority)}) > 0;
    }
    // BINARY: the column's collation may take texts for equal that are not.
    const auto* same_info = mysql() ? "BINARY `other_info` <=> BINARY ?" : "`other_info` IS ?";
    return session_.execute(
               fmt::format("UPDATE `channels` SET `status` = ?, `other_info` = ?, `priority` = ?, "
                           "`weight` = ? WHERE `id` = ? AND `status` = ? AND {0} "
                           "AND `priority` {1} ? AND `weight` {1} ?",
                           same_info, same),
               {to, argument(other_info), number_argument(rank.priority),
                number_argument(rank.weight), channel, from, argument(before.other_info),
                number_argument(rank_before.priority), number_argument(rank_before.weight)}) > 0;
}

void RankTables::set_abilities(std::int64_t channel, const StoredRank& rank) {
    if (!new_api_) {
        session_.execute("UPDATE `abilities` SET `priority` = ? WHERE `channel_id` = ?",
                         {number_argument(rank.priority), channel});
        return;
    }
    session_.execute("UPDATE `abilities` SET `priority` = ?, `weight` = ? WHERE `channel_id` = ?",
                     {number_argument(rank.priority), number_argument(rank.weight), channel});
}

void RankTables::set_ability(std::int64_t channel, const KeptRanks::Exception& ability) {
    const std::string where = "WHERE `channel_id` = ? AND `group` = ? AND `model` = ?";
    if (!new_api_) {
        session_.execute(
            "UPDATE `abilities` SET `priority` = ? " + where,
            {number_argument(ability.rank.priority), channel, ability.group, ability.model});
        return;
    }
    session_.execute("UPDATE `abilities` SET `priority` = ?, `weight` = ? " + where,
                     {number_argument(ability.rank.priority), number_argument(ability.rank.weight),
                      channel, ability.group, ability.model});
}

}  // namespace quotafuse::circuit_breaker
