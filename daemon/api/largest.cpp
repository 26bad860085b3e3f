#include "daemon/api/largest.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace quotafuse::daemon::api {
namespace {

using Key = std::tuple<std::int64_t, sync::TextId, std::int64_t>;

/// A key or user with an id may have had several names.
Key key_of(const sync::TrafficCell& cell, sync::TrafficBy by) {
    const bool named = by == sync::TrafficBy::token || by == sync::TrafficBy::user;
    return named && cell.id != 0 ? Key{cell.id, 0, 0} : Key{cell.id, cell.text, cell.owner};
}

std::set<Key> largest_of(const std::vector<sync::TrafficCell>& cells, sync::TrafficBy by,
                         const Largest& largest) {
    std::map<Key, std::pair<std::int64_t, std::int64_t>> sums;  // rank and requests
    for (const auto& cell : cells) {
        auto& [rank, requests] = sums[key_of(cell, by)];
        rank += rank_of(cell.sums, largest.by);
        requests += cell.sums.requests();
    }
    std::vector<std::pair<std::pair<std::int64_t, std::int64_t>, Key>> ranked;
    ranked.reserve(sums.size());
    for (const auto& [key, sum] : sums) ranked.emplace_back(sum, key);
    const auto kept =
        ranked.begin() + static_cast<std::ptrdiff_t>(std::min(largest.most, ranked.size()));
    std::partial_sort(ranked.begin(), kept, ranked.end(), std::greater<>{});
    std::set<Key> keys;
    for (auto one = ranked.begin(); one != kept; ++one) keys.insert(one->second);
    return keys;
}

}  // namespace

std::int64_t rank_of(const sync::TrafficSums& sums, Rank rank) {
    switch (rank) {
        case Rank::cost:
            return sums.cost();
        case Rank::requests:
            return sums.requests();
        case Rank::errors:
            return sums.errors;
        case Rank::tokens:
            return sums.tokens();
    }
    std::abort();
}

std::vector<sync::TrafficCell> take_small(std::vector<sync::TrafficCell>& cells, sync::TrafficBy by,
                                          const Largest& largest) {
    const auto kept = largest_of(cells, by, largest);
    std::map<std::int64_t, sync::TrafficCell> small;  // by time
    std::erase_if(cells, [&](const sync::TrafficCell& cell) {
        if (kept.contains(key_of(cell, by))) return false;
        auto& sum = small[cell.time];
        sum.time = cell.time;
        sum.sums.add(cell.sums);
        sum.last = std::max(sum.last, cell.last);
        return true;
    });
    std::vector<sync::TrafficCell> sums;
    for (auto& [time, sum] : small) sums.push_back(std::move(sum));
    return sums;
}

}  // namespace quotafuse::daemon::api
