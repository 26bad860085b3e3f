#include "alerts/gauge_board.h"

#include <limits>

namespace quotafuse::alerts {

void GaugeBoard::set(const sync::GaugeChange& change) {
    known_ = true;
    if (change.value) {
        values_.insert_or_assign(change.key, *change.value);
    } else {
        values_.erase(change.key);
    }
    changed_.push_back(change.key);
}

std::optional<double> GaugeBoard::value(const sync::GaugeKey& key) const {
    const auto at = values_.find(key);
    if (at == values_.end()) return std::nullopt;
    return at->second;
}

void GaugeBoard::each(sync::Gauge gauge,
                      const std::function<void(const sync::GaugeKey&, double)>& visit) const {
    const sync::GaugeKey first{gauge, std::numeric_limits<std::int64_t>::min(), 0, 0};
    for (auto at = values_.lower_bound(first); at != values_.end() && at->first.gauge == gauge;
         ++at) {
        visit(at->first, at->second);
    }
}

}  // namespace quotafuse::alerts
