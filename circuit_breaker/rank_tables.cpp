#include "circuit_breaker/rank_tables.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/cells.h"

namespace quotafuse::circuit_breaker {
namespace {

using sync::Argument;
using sync::Cell;
using sync::Cells;

/// Of RankTables::columns(), from the first cell on.
template <class Iterator>
StoredRank read_rank(Iterator at, Iterator end) {
    StoredRank rank;
    if (at != end) rank.priority = stored_number(*at++);
    if (at != end) rank.weight = stored_number(*at);
    return rank;
}
StoredRank read_rank(const Cells& cells) {
    return read_rank(cells.begin(), cells.end());
}

std::vector<std::optional<std::int64_t>> numbers(const StoredRank& rank) {
    return {rank.priority, rank.weight};
}

}  // namespace

std::vector<std::string> RankTables::columns() const {
    if (tables_.new_api()) return {"priority", "weight"};
    return {"priority"};
}

std::vector<OwnAbility> RankTables::own_abilities(std::int64_t channel, WithRank with, Lock lock) {
    const auto more = with == WithRank::yes ? columns() : std::vector<std::string>{};
    std::vector<OwnAbility> abilities;
    for (auto& row :
         session_.query(fmt::format("SELECT {} FROM `abilities` WHERE `channel_id` = ?{}",
                                    ability_columns(more), locking(session_, lock)),
                        {channel})) {
        auto [ability, rank] = ability_of(std::move(row));
        abilities.push_back({.group = std::move(ability.group),
                             .model = std::move(ability.model),
                             .enabled = ability.enabled,
                             .rank = read_rank(rank)});
    }
    return abilities;
}

std::vector<Cells> RankTables::query_ranks(const std::string& which,
                                           const std::vector<Argument>& arguments, Lock lock) {
    return session_.query(fmt::format("SELECT `id`, `{}` FROM `channels` WHERE {}{}",
                                      fmt::join(columns(), "`, `"), which, locking(session_, lock)),
                          arguments);
}

std::optional<StoredRank> RankTables::rank(std::int64_t channel, Lock lock) {
    const auto rows = query_ranks("`id` = ?", {channel}, lock);
    if (rows.empty()) return {};
    return read_rank(rows.front().begin() + 1, rows.front().end());
}

std::map<std::int64_t, StoredRank> RankTables::ranks(const std::vector<std::int64_t>& channels) {
    std::map<std::int64_t, StoredRank> found;
    in_slices(channels, kMostIds, [&](const auto& ids) {
        for (const auto& row :
             query_ranks(fmt::format("`id` IN ({})", fmt::join(ids, ",")), {}, Lock::no))
            found.emplace(sync::to_integer(row[0]), read_rank(row.begin() + 1, row.end()));
    });
    return found;
}

std::map<std::int64_t, std::vector<StoredRank>> RankTables::ability_ranks(
    const std::vector<std::int64_t>& channels) {
    std::map<std::int64_t, std::vector<StoredRank>> found;
    in_slices(channels, kMostIds, [&](const auto& ids) {
        for (const auto& row : session_.query(fmt::format(
                 "SELECT DISTINCT `channel_id`, `{}` FROM `abilities` WHERE `channel_id` IN ({})",
                 fmt::join(columns(), "`, `"), fmt::join(ids, ","))))
            found[sync::to_integer(row[0])].push_back(read_rank(row.begin() + 1, row.end()));
    });
    return found;
}

std::vector<RankedAbility> RankTables::pairs(std::int64_t channel) {
    std::vector<RankedAbility> abilities;
    for (auto& [ability, rank] : tables_.read_peers(channel, columns()))
        abilities.push_back({.ability = std::move(ability), .rank = read_rank(rank).rank()});
    return abilities;
}

bool RankTables::set_channel(std::int64_t channel, const ChannelRow& before,
                             const StoredRank& rank_before, int status, const Cell& other_info,
                             const StoredRank& rank) {
    std::vector<NumberChange> changes;
    const auto names = columns();
    for (std::size_t i = 0; i < names.size(); ++i)
        changes.push_back({names[i], numbers(rank_before)[i], numbers(rank)[i]});
    return tables_.set_status(channel, before, status, other_info, changes);
}

void RankTables::set_abilities(std::int64_t channel, const StoredRank& rank) {
    set_abilities("`channel_id` = ?", {channel}, rank);
}

void RankTables::set_ability(std::int64_t channel, const KeptRanks::Exception& ability) {
    set_abilities("`channel_id` = ? AND `group` = ? AND `model` = ?",
                  {channel, ability.group, ability.model}, ability.rank);
}

void RankTables::set_abilities(const std::string& which, std::vector<Argument> arguments,
                               const StoredRank& rank) {
    const auto names = columns();
    std::vector<Argument> values;
    for (std::size_t i = 0; i < names.size(); ++i)
        values.push_back(number_argument(numbers(rank)[i]));
    arguments.insert(arguments.begin(), values.begin(), values.end());
    session_.execute(fmt::format("UPDATE `abilities` SET `{}` = ? WHERE {}",
                                 fmt::join(names, "` = ?, `"), which),
                     arguments);
}

}  // namespace quotafuse::circuit_breaker
