#include "daemon/demo/routes.h"

#include <algorithm>

namespace quotafuse::demo {
namespace {

// New API adds it to every weight, so that a weight of 0 is not "never".
constexpr std::int64_t kWeightFloor = 10;

std::int64_t number(const sync::Cell& cell) {
    return cell ? std::stoll(*cell) : 0;
}

}  // namespace

Routes::Routes(const DemoGateway& gateway) {
    for (const auto& channel : gateway.channels) {
        if (channel.status != 1) continue;
        for (const auto& group : channel.groups) {
            for (const auto& model : channel.models) {
                candidates_[{group, model}].push_back(
                    {channel.id, channel.priority, channel.weight});
            }
        }
    }
    sort();
}

Routes Routes::read(sync::GatewaySession& session, Flavour flavour) {
    const std::string weight = has_column(flavour, "abilities", "weight") ? "a.`weight`" : "0";
    const auto rows =
        session.query("SELECT a.`group`, a.`model`, a.`channel_id`, a.`priority`, " + weight +
                      " FROM `abilities` a JOIN `channels` c ON c.`id` = a.`channel_id`"
                      " WHERE a.`enabled` = 1 AND c.`status` = 1");
    Routes routes;
    for (const auto& row : rows) {
        routes.candidates_[{row[0].value_or(""), row[1].value_or("")}].push_back(
            {number(row[2]), number(row[3]), number(row[4])});
    }
    routes.sort();
    return routes;
}

void Routes::sort() {
    for (auto& [pair, candidates] : candidates_) {
        std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
            return std::pair{-a.priority, a.channel} < std::pair{-b.priority, b.channel};
        });
    }
}

std::optional<std::int64_t> Routes::choose(const std::string& group, const std::string& model,
                                           int retry, Random& random) const {
    const auto found = candidates_.find({group, model});
    if (found == candidates_.end()) return {};
    const auto end = found->second.end();
    auto first = found->second.begin();
    const auto next_priority = [&](auto from) {
        return std::find_if(from, end, [&](const auto& c) { return c.priority != from->priority; });
    };
    for (auto last = next_priority(first); retry > 0 && last != end; --retry) {
        first = last;
        last = next_priority(first);
    }
    std::int64_t total = 0;
    const auto last = next_priority(first);
    for (auto c = first; c != last; ++c) total += c->weight + kWeightFloor;
    auto ticket = std::uniform_int_distribution<std::int64_t>{0, total - 1}(random);
    for (; ticket >= first->weight + kWeightFloor; ++first) ticket -= first->weight + kWeightFloor;
    return first->channel;
}

}  // namespace quotafuse::demo
