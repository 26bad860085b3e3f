#include "support/gateway_routing.h"

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::tests {
namespace {

std::int64_t number(const std::string& cell) {
    return cell == "NULL" ? 0 : std::stoll(cell);
}

}  // namespace

std::vector<GatewayRouting::Candidate> GatewayRouting::by_abilities(const std::string& group,
                                                                    const std::string& model) {
    std::vector<Candidate> candidates;
    for (const auto& row : gateway_.sql(
             fmt::format("SELECT channel_id, priority, {} FROM abilities WHERE `group` = '{}' "
                         "AND model = '{}' AND enabled = 1 ORDER BY 3 DESC, 1",
                         gateway_.new_api() ? "weight" : "0", group, model))) {
        candidates.push_back({number(row[0]), number(row[1]), number(row[2])});
    }
    return candidates;
}

void GatewayRouting::reread() {
    if (read_at_ && now_ < *read_at_ + kReread) return;
    read_at_ = now_;
    routes_.clear();
    std::set<std::string> groups;
    for (const auto& row : gateway_.sql("SELECT DISTINCT `group` FROM abilities"))
        groups.insert(row[0]);
    for (const auto& row : gateway_.sql("SELECT id, `group`, models, priority, weight "
                                        "FROM channels WHERE status = 1 ORDER BY id")) {
        for (const auto group : base::split(row[1], ',')) {
            // The gateway's program then writes to a map that is not there, and ends.
            if (!groups.contains(std::string{group}))
                throw std::logic_error("no ability of the group is left: the gateway would die");
            for (const auto model : base::split(row[2], ',')) {
                routes_[{std::string{group}, std::string{model}}].push_back(
                    {number(row[0]), number(row[3]), number(row[4])});
            }
        }
    }
}

std::int64_t GatewayRouting::choose(const std::vector<Candidate>& candidates) {
    std::vector<std::int64_t> shares;
    std::int64_t sum = 0;
    for (const auto& candidate : candidates) sum += candidate.weight;
    const bool on = cache_ == TestGateway::Cache::on;
    for (const auto& candidate : candidates) {
        const auto share = on && sum > 0 ? candidate.weight : candidate.weight + (on ? 100 : 10);
        shares.push_back(share);
    }
    sum = 0;
    for (const auto share : shares) sum += share;
    auto lot = static_cast<std::int64_t>(chance_() % static_cast<std::uint64_t>(sum));
    for (std::size_t i = 0; i < shares.size(); ++i) {
        lot -= shares[i];
        if (lot < 0) return candidates[i].channel;
    }
    throw std::logic_error("a lot beyond the sum of all shares");
}

std::vector<std::int64_t> GatewayRouting::draw(const std::string& group, const std::string& model,
                                               int requests, int retry) {
    std::vector<Candidate> candidates;
    if (cache_ == TestGateway::Cache::on) {
        reread();
        candidates = routes_[{group, model}];
    } else {
        candidates = by_abilities(group, model);
    }
    if (candidates.empty()) return {};
    std::set<std::int64_t, std::greater<>> priorities;
    for (const auto& candidate : candidates) priorities.insert(candidate.priority);
    const auto step = std::min<std::size_t>(static_cast<std::size_t>(retry), priorities.size() - 1);
    const auto wanted = *std::next(priorities.begin(), static_cast<std::ptrdiff_t>(step));
    std::erase_if(candidates, [&](const Candidate& one) { return one.priority != wanted; });
    std::vector<std::int64_t> drawn;
    for (int i = 0; i < requests; ++i) drawn.push_back(choose(candidates));
    return drawn;
}

std::map<std::int64_t, int> GatewayRouting::counts(const std::string& group,
                                                   const std::string& model, int requests,
                                                   int retry) {
    std::map<std::int64_t, int> counts;
    for (const auto channel : draw(group, model, requests, retry)) ++counts[channel];
    return counts;
}

}  // namespace quotafuse::tests
