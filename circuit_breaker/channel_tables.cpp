#include "circuit_breaker/channel_tables.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/cells.h"

namespace quotafuse::circuit_breaker {

using sync::Argument;
using sync::Cell;
using sync::to_integer;

std::optional<ChannelRow> ChannelTables::read(std::int64_t channel, Lock lock) {
    const auto rows = session_.query(
        fmt::format("SELECT `status`, `name`, {} FROM `channels` WHERE `id` = ?{}",
                    new_api_ ? "`other_info`, `auto_ban`" : "NULL, NULL", locking(session_, lock)),
        {channel});
    if (rows.empty()) return {};
    const auto& row = rows.front();
    return ChannelRow{.name = row[1].value_or(""),
                      .status = static_cast<int>(to_integer(row[0])),
                      .other_info = row[2],
                      .auto_ban = !row[3] || to_integer(row[3]) != 0};
}

std::vector<Ability> ChannelTables::read_abilities(std::int64_t channel, Lock lock) {
    return read_peers("mine.`channel_id` = ?", {channel}, lock);
}

std::vector<Ability> ChannelTables::read_abilities(std::int64_t channel, const std::string& model,
                                                   Lock lock) {
    return read_peers("mine.`channel_id` = ? AND mine.`model` = ?", {channel, model}, lock);
}

std::vector<Ability> ChannelTables::read_peers(const std::string& which,
                                               const std::vector<Argument>& arguments, Lock lock) {
    // Locks are taken in the order of the gateway's own updates: by the index of channels, then the
    // row. Left alone, a server joins a small table by scanning it, and one of the two is lost to a
    // deadlock. The gateway makes this index at each of its starts.
    const bool force = lock == Lock::yes && session_.kind() == sync::Dsn::Kind::mysql;
    const auto* const mine =
        force ? "FORCE INDEX (`idx_abilities_channel_id`) STRAIGHT_JOIN" : "JOIN";
    const auto rows = session_.query(
        fmt::format("SELECT peer.`group`, peer.`model`, peer.`channel_id`, peer.`enabled` "
                    "FROM `abilities` mine {} `abilities` peer {} "
                    "ON peer.`group` = mine.`group` AND peer.`model` = mine.`model` WHERE {}{}",
                    mine, force ? "FORCE INDEX (PRIMARY)" : "", which, locking(session_, lock)),
        arguments);
    std::vector<Ability> abilities;
    std::set<std::int64_t> channels;
    for (const auto& row : rows) {
        abilities.push_back({.group = row[0].value_or(""),
                             .model = row[1].value_or(""),
                             .channel = to_integer(row[2]),
                             .enabled = to_integer(row[3]) != 0});
        channels.insert(abilities.back().channel);
    }
    if (channels.empty()) return abilities;
    // A statement of its own and after the lock: InnoDB's snapshot begins here, so it is not older.
    std::map<std::int64_t, std::int64_t> status;
    for (const auto& row :
         session_.query(fmt::format("SELECT `id`, `status` FROM `channels` WHERE `id` IN ({})",
                                    fmt::join(channels, ",")))) {
        status[to_integer(row[0])] = to_integer(row[1]);
    }
    for (auto& ability : abilities) ability.channel_on = status[ability.channel] == kEnabled;
    return abilities;
}

bool ChannelTables::set_status(std::int64_t channel, const ChannelRow& before, int status,
                               const Cell& other_info) {
    const std::int64_t from = before.status;
    const std::int64_t to = status;
    if (!new_api_) {
        return session_.execute(
                   "UPDATE `channels` SET `status` = ? WHERE `id` = ? AND `status` = ?",
                   {to, channel, from}) > 0;
    }
    return session_.execute(
               fmt::format("UPDATE `channels` SET `status` = ?, `other_info` = ? "
                           "WHERE `id` = ? AND `status` = ? AND {}",
                           same_bytes(session_, "other_info")),
               {to, argument(other_info), channel, from, argument(before.other_info)}) > 0;
}

void ChannelTables::disable_abilities(std::int64_t channel) {
    session_.execute("UPDATE `abilities` SET `enabled` = 0 WHERE `channel_id` = ?", {channel});
}

void ChannelTables::restore_abilities(std::int64_t channel, const std::vector<Ability>& before) {
    session_.execute("UPDATE `abilities` SET `enabled` = 1 WHERE `channel_id` = ?", {channel});
    for (const auto& ability : before) {
        if (ability.channel != channel || ability.enabled) continue;
        session_.execute(
            "UPDATE `abilities` SET `enabled` = 0 "
            "WHERE `channel_id` = ? AND `group` = ? AND `model` = ?",
            {channel, ability.group, ability.model});
    }
}

}  // namespace quotafuse::circuit_breaker
