#include "alerts/resting_rules.h"

#include <algorithm>
#include <functional>

namespace quotafuse::alerts {

void RestingRules::put(std::size_t place, const Rule& rule, const Window& window) {
    auto group = std::ranges::find_if(groups_, [&](const Group& one) {
        return one.window == &window && one.metric == rule.metric;
    });
    if (group == groups_.end()) {
        groups_.push_back({&window, rule.metric, {}});
        group = groups_.end() - 1;
    }
    auto& sleepers = group->sleepers;
    const auto at = std::ranges::lower_bound(sleepers, rule.limit, std::greater{}, &Sleeper::limit);
    sleepers.insert(at, {rule.limit, place});
}

void RestingRules::wake(double quota_per_unit, std::vector<std::size_t>& places) {
    for (auto& [window, metric, sleepers] : groups_) {
        if (sleepers.empty()) continue;
        const bool unknown = window->overflowed() || window->warmed_up() < 1;
        const auto highest = window->highest_changed(metric, quota_per_unit);
        while (!sleepers.empty() && (unknown || (highest && *highest > sleepers.back().limit))) {
            places.push_back(sleepers.back().place);
            sleepers.pop_back();
        }
    }
}

void RestingRules::wake_all(std::vector<std::size_t>& places) {
    for (auto& group : groups_) {
        for (const auto& sleeper : group.sleepers) places.push_back(sleeper.place);
        group.sleepers.clear();
    }
}

}  // namespace quotafuse::alerts
