#include "circuit_breaker/channel_tables.h"

#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace quotafuse::circuit_breaker {
namespace {

using sync::Argument;
using sync::Cell;

std::int64_t number(const Cell& cell, std::int64_t otherwise) {
    std::int64_t value = otherwise;
    if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
    return value;
}

Argument argument(const Cell& cell) {
    if (cell) return *cell;
    return std::monostate{};
}

}  // namespace

std::optional<ChannelRow> ChannelTables::read(std::int64_t channel, Lock lock) {
    const auto rows = session_.query(
        fmt::format("SELECT `status`, `name`, {} FROM `channels` WHERE `id` = ?{}",
                    new_api_ ? "`other_info`, `auto_ban`" : "NULL, NULL", locking(lock)),
        {channel});
    if (rows.empty()) return {};
    const auto& row = rows.front();
    return ChannelRow{.name = row[1].value_or(""),
                      .status = static_cast<int>(number(row[0], 0)),
                      .other_info = row[2],
                      .auto_ban = number(row[3], 1) != 0};
}

std::vector<Ability> ChannelTables::read_abilities(std::int64_t channel, Lock lock) {
    const auto rows = session_.query(
        fmt::format("SELECT peer.`group`, peer.`model`, peer.`channel_id`, peer.`enabled` "
                    "FROM `abilities` mine JOIN `abilities` peer "
                    "ON peer.`group` = mine.`group` AND peer.`model` = mine.`model` "
                    "WHERE mine.`channel_id` = ?{}",
                    locking(lock)),
        {channel});
    std::vector<Ability> abilities;
    std::set<std::int64_t> channels;
    for (const auto& row : rows) {
        abilities.push_back({.group = row[0].value_or(""),
                             .model = row[1].value_or(""),
                             .channel = number(row[2], 0),
                             .enabled = number(row[3], 0) != 0});
        channels.insert(abilities.back().channel);
    }
    if (channels.empty()) return abilities;
    // A statement of its own and after the lock: InnoDB's snapshot begins here, so it is not older.
    std::map<std::int64_t, std::int64_t> status;
    for (const auto& row :
         session_.query(fmt::format("SELECT `id`, `status` FROM `channels` WHERE `id` IN ({})",
                                    fmt::join(channels, ",")))) {
        status[number(row[0], 0)] = number(row[1], 0);
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
    // BINARY: the column's collation may take texts for equal that are not.
    const auto* same = mysql() ? "BINARY `other_info` <=> BINARY ?" : "`other_info` IS ?";
    return session_.execute(
               fmt::format("UPDATE `channels` SET `status` = ?, `other_info` = ? "
                           "WHERE `id` = ? AND `status` = ? AND {}",
                           same),
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

void ChannelTables::limit_lock_waits() {
    if (mysql()) session_.execute("SET SESSION innodb_lock_wait_timeout = 3");
}

}  // namespace quotafuse::circuit_breaker
