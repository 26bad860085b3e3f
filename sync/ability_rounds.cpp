#include "sync/ability_rounds.h"

#include <algorithm>
#include <utility>

#include "sync/cells.h"

namespace quotafuse::sync {
namespace {

constexpr std::int64_t kSlice = 1000;

}  // namespace

AbilityRounds::Query AbilityRounds::next(Dsn::Kind kind) const {
    // SQLite looks a row value up in the key, MySQL reads all before it; of the ORs it is the other
    // way round.
    std::string condition;
    auto arguments = last_;
    if (!last_.empty() && kind == Dsn::Kind::sqlite) {
        condition = "WHERE (`group`, `model`, `channel_id`) > (?, ?, ?) ";
    } else if (!last_.empty()) {
        condition =
            "WHERE `group` > ? OR (`group` = ? AND `model` > ?) OR "
            "(`group` = ? AND `model` = ? AND `channel_id` > ?) ";
        arguments = {last_[0], last_[0], last_[1], last_[0], last_[1], last_[2]};
    }
    arguments.emplace_back(kSlice);
    return {"SELECT `group`, `model`, `channel_id`, `enabled` FROM `abilities` " + condition +
                "ORDER BY `group`, `model`, `channel_id` LIMIT ?",
            std::move(arguments)};
}

bool AbilityRounds::take(const std::vector<Cells>& rows) {
    for (const auto& row : rows) {
        auto& channels = next_[{to_text(row[0]), to_text(row[1])}];
        if (to_integer(row[3]) != 0) channels.push_back(to_integer(row[2]));
    }
    count_ += rows.size();
    const bool all = rows.size() < static_cast<std::size_t>(kSlice);
    if (!all && count_ < kMost) {
        const auto& last = rows.back();
        last_ = {last[0].value_or(""), last[1].value_or(""), to_integer(last[2])};
        return false;
    }
    too_many_ = !all;
    complete_ = std::exchange(next_, {});
    last_.clear();
    count_ = 0;
    known_ = true;
    return true;
}

std::map<GatewayInfo::Route, int> AbilityRounds::count_healthy(
    const std::map<std::int64_t, Channel>& channels) const {
    const auto serves = [&](std::int64_t id) {
        const auto at = channels.find(id);
        return at != channels.end() && at->second.status == 1;
    };
    std::map<GatewayInfo::Route, int> healthy;
    for (const auto& [route, enabled] : complete_)
        healthy[route] = static_cast<int>(std::count_if(enabled.begin(), enabled.end(), serves));
    return healthy;
}

}  // namespace quotafuse::sync
