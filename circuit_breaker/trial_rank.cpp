#include "circuit_breaker/trial_rank.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace quotafuse::circuit_breaker {
namespace {

/// The other channels that serve one group × model.
struct Peers {
    std::set<std::int64_t> priorities{};
    std::int64_t weight_at_top = 0;  // the sum over those of the highest priority

    std::int64_t top() const { return *priorities.rbegin(); }
    void add(const Rank& rank) {
        if (priorities.empty() || rank.priority > top()) weight_at_top = 0;
        priorities.insert(rank.priority);
        if (rank.priority == top()) weight_at_top += rank.weight;
    }
};

/// The pairs that the channel shares with others: where it is alone, its rank does not count.
std::vector<Peers> shared_pairs(std::int64_t channel, const std::vector<RankedAbility>& pairs) {
    std::map<std::pair<std::string, std::string>, Peers> peers;
    for (const auto& [ability, rank] : pairs) {
        if (ability.channel == channel || !ability.serves()) continue;
        peers[{ability.group, ability.model}].add(rank);
    }
    std::vector<Peers> shared;
    for (auto& [pair, of_pair] : peers) shared.push_back(std::move(of_pair));
    return shared;
}

std::int64_t one_below(std::int64_t priority) {
    return priority == std::numeric_limits<std::int64_t>::min() ? priority : priority - 1;
}

/// A priority that no first attempt comes to, and the last retry does.
std::int64_t retries_only(const std::vector<Peers>& pairs, std::int64_t lowest_top,
                          std::int64_t retry_times) {
    auto lowest = lowest_top;
    bool within_reach = true;
    for (const auto& peers : pairs) {
        lowest = std::min(lowest, *peers.priorities.begin());
        within_reach =
            within_reach && static_cast<std::int64_t>(peers.priorities.size()) <= retry_times;
    }
    return one_below(within_reach ? lowest : lowest_top);
}

/// Among peers of the same priority. 1 where they have weights: 0 would get nothing. 0 where they
/// have none: it gets a share like theirs, and 1 would get everything.
std::int64_t smallest_weight(const std::vector<Peers>& pairs, std::int64_t priority) {
    const bool any_without = std::ranges::any_of(pairs, [priority](const Peers& peers) {
        return peers.top() == priority && peers.weight_at_top == 0;
    });
    return any_without ? 0 : 1;
}

}  // namespace

Rank trial_rank(std::int64_t channel, Rank own, const std::vector<RankedAbility>& pairs,
                std::optional<std::int64_t> retry_times) {
    const auto shared = shared_pairs(channel, pairs);
    if (shared.empty()) return own;
    const auto lowest_top = std::ranges::min(shared, {}, &Peers::top).top();
    if (retry_times && *retry_times >= 1) {
        return {std::min(own.priority, retries_only(shared, lowest_top, *retry_times)), own.weight};
    }
    // Above the highest priority of any pair it would get all of that pair.
    const auto priority = std::min(own.priority, lowest_top);
    return {priority, std::min(own.weight, smallest_weight(shared, priority))};
}

}  // namespace quotafuse::circuit_breaker
