#include "circuit_breaker/channel_tables.h"

#include <charconv>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/cells.h"

namespace quotafuse::circuit_breaker {
namespace {

using sync::Argument;
using sync::Cell;
using sync::Cells;
using sync::to_integer;

constexpr std::ptrdiff_t kAbilityColumns = 4;

std::vector<Ability> without_more(std::vector<AbilityRow> rows) {
    std::vector<Ability> abilities;
    abilities.reserve(rows.size());
    for (auto& row : rows) abilities.push_back(std::move(row.ability));
    return abilities;
}

}  // namespace

int status_when_off(const sync::OptionValue& auto_enable) {
    const bool comes_back = !auto_enable.readable || auto_enable.value == "true";
    return comes_back ? kDisabledByHand : kDisabledAutomatically;
}

std::optional<std::int64_t> stored_number(const Cell& cell) {
    if (!cell) return {};
    std::int64_t value = 0;
    const auto end = cell->data() + cell->size();
    const auto [rest, error] = std::from_chars(cell->data(), end, value);
    if (error != std::errc{} || rest != end) return {};
    return value;
}

Argument number_argument(const std::optional<std::int64_t>& number) {
    if (number) return *number;
    return std::monostate{};
}

std::string ability_columns(const std::vector<std::string>& more, const std::string& table) {
    auto text = fmt::format("{0}.`group`, {0}.`model`, {0}.`channel_id`, {0}.`enabled`", table);
    for (const auto& column : more) text += fmt::format(", {}.`{}`", table, column);
    return text;
}

AbilityRow ability_of(Cells row) {
    AbilityRow read{.ability = {.group = row[0].value_or(""),
                                .model = row[1].value_or(""),
                                .channel = to_integer(row[2]),
                                .enabled = to_integer(row[3]) != 0}};
    read.more.assign(std::make_move_iterator(row.begin() + kAbilityColumns),
                     std::make_move_iterator(row.end()));
    return read;
}

std::string ChannelTables::columns() const {
    return fmt::format("`id`, `status`, `name`, {}",
                       new_api_ ? "`other_info`, `auto_ban`" : "NULL, NULL");
}

ChannelRow ChannelTables::row_of(const Cells& cells) const {
    return {.name = cells[2].value_or(""),
            .status = static_cast<int>(to_integer(cells[1])),
            .other_info = cells[3],
            .auto_ban = !cells[4] || to_integer(cells[4]) != 0};
}

std::optional<ChannelRow> ChannelTables::read(std::int64_t channel, Lock lock) {
    const auto rows = session_.query(fmt::format("SELECT {} FROM `channels` WHERE `id` = ?{}",
                                                 columns(), locking(session_, lock)),
                                     {channel});
    if (rows.empty()) return {};
    return row_of(rows.front());
}

std::map<std::int64_t, ChannelRow> ChannelTables::read(const std::vector<std::int64_t>& channels) {
    std::map<std::int64_t, ChannelRow> found;
    in_slices(channels, kMostIds, [&](const auto& ids) {
        for (const auto& cells : session_.query(fmt::format(
                 "SELECT {} FROM `channels` WHERE `id` IN ({})", columns(), fmt::join(ids, ","))))
            found.emplace(to_integer(cells[0]), row_of(cells));
    });
    return found;
}

std::set<std::int64_t> ChannelTables::lit(const std::vector<std::int64_t>& channels) {
    std::set<std::int64_t> lit;
    in_slices(channels, kMostIds, [&](const auto& ids) {
        for (const auto& cells :
             session_.query(fmt::format("SELECT DISTINCT `channel_id` FROM `abilities` "
                                        "WHERE `enabled` = 1 AND `channel_id` IN ({})",
                                        fmt::join(ids, ","))))
            lit.insert(to_integer(cells[0]));
    });
    return lit;
}

std::vector<AbilityKey> ChannelTables::lit(const std::vector<AbilityKey>& abilities) {
    std::vector<AbilityKey> lit;
    in_slices(abilities, kMostPairs, [&](const std::vector<AbilityKey>& slice) {
        std::vector<std::string> which;
        std::vector<Argument> arguments;
        for (const auto& [channel, group, model] : slice) {
            which.emplace_back("`channel_id` = ? AND `group` = ? AND `model` = ?");
            arguments.insert(arguments.end(), {channel, group, model});
        }
        for (const auto& cells :
             session_.query(fmt::format("SELECT `channel_id`, `group`, `model` FROM `abilities` "
                                        "WHERE `enabled` = 1 AND ({})",
                                        fmt::join(which, " OR ")),
                            arguments))
            lit.push_back({to_integer(cells[0]), cells[1].value_or(""), cells[2].value_or("")});
    });
    return lit;
}

std::vector<Ability> ChannelTables::read_abilities(std::int64_t channel, Lock lock) {
    return without_more(read_peers({"mine.`channel_id` = ?", {channel}}, {}, lock));
}

std::vector<Ability> ChannelTables::read_abilities(std::int64_t channel, const std::string& model,
                                                   Lock lock) {
    return without_more(
        read_peers({"mine.`channel_id` = ? AND mine.`model` = ?", {channel, model}}, {}, lock));
}

std::vector<AbilityRow> ChannelTables::read_peers(std::int64_t channel,
                                                  const std::vector<std::string>& more) {
    return read_peers({"mine.`channel_id` = ?", {channel}}, more, Lock::no);
}

std::vector<AbilityRow> ChannelTables::read_peers(const Which& which,
                                                  const std::vector<std::string>& more, Lock lock) {
    std::vector<AbilityRow> abilities;
    std::set<std::int64_t> channels;
    for (auto& row : query_peers(which, more, lock)) {
        abilities.push_back(ability_of(std::move(row)));
        channels.insert(abilities.back().ability.channel);
    }
    // A statement of its own and after the lock: InnoDB's snapshot begins here, so it is not older.
    std::set<std::int64_t> on;
    in_slices(std::vector(channels.begin(), channels.end()), kMostIds, [&](const auto& ids) {
        for (const auto& row : session_.query(
                 fmt::format("SELECT `id` FROM `channels` WHERE `status` = {} AND `id` IN ({})",
                             kEnabled, fmt::join(ids, ","))))
            on.insert(to_integer(row[0]));
    });
    for (auto& [ability, rest] : abilities) ability.channel_on = on.contains(ability.channel);
    return abilities;
}

std::vector<Cells> ChannelTables::query_peers(const Which& which,
                                              const std::vector<std::string>& more, Lock lock) {
    // Locks are taken in the order of the gateway's own updates: by the index of channels, then the
    // row. Left alone, a server joins a small table by scanning it, and one of the two is lost to a
    // deadlock. The gateway makes this index at each of its starts.
    const bool locks = lock == Lock::yes && session_.kind() == sync::Dsn::Kind::mysql;
    const bool force = locks && hints_;
    try {
        return session_.query(
            fmt::format("SELECT {} FROM `abilities` mine {} {} `abilities` peer {} "
                        "ON peer.`group` = mine.`group` AND peer.`model` = mine.`model` WHERE {}{}",
                        ability_columns(more, "peer"),
                        force ? "FORCE INDEX (`idx_abilities_channel_id`)" : "",
                        locks ? "STRAIGHT_JOIN" : "JOIN", force ? "FORCE INDEX (PRIMARY)" : "",
                        which.condition, locking(session_, lock)),
            which.arguments);
    } catch (const sync::GatewayError& e) {
        // Made by hand, or by a gateway that is older than the index. To look for the index first
        // would cost every trip a statement, and to drop the hint would bring back the scans of
        // small tables. Without the index the server must scan, and lock, the whole table until we
        // are through (measured for 400 channels with 10 rows each: 8,000 locks instead of 133),
        // but so does each update of the gateway itself (4,000), and a deadlock is tried again.
        if (!force || e.kind() != sync::GatewayError::Kind::schema) throw;
        hints_ = false;
        return query_peers(which, more, lock);
    }
}

bool ChannelTables::set_status(std::int64_t channel, const ChannelRow& before, int status,
                               const Cell& other_info, const std::vector<NumberChange>& more) {
    std::string set = "`status` = ?";
    std::string where = "`id` = ? AND `status` = ?";
    std::vector<Argument> to{std::int64_t{status}};
    std::vector<Argument> from{channel, std::int64_t{before.status}};
    if (new_api_) {
        set += ", `other_info` = ?";
        where += " AND " + same_bytes(session_, "other_info");
        to.push_back(argument(other_info));
        from.push_back(argument(before.other_info));
    }
    for (const auto& one : more) {
        set += fmt::format(", `{}` = ?", one.column);
        where += " AND " + same_number(session_, one.column);
        to.push_back(number_argument(one.to));
        from.push_back(number_argument(one.from));
    }
    to.insert(to.end(), from.begin(), from.end());
    return session_.execute(fmt::format("UPDATE `channels` SET {} WHERE {}", set, where), to) > 0;
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
