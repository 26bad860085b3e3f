#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "sync/gauges.h"

namespace quotafuse::alerts {

/// The gateway's gauges as the engine knows them at its second. Pipeline thread only.
class GaugeBoard {
public:
    /// Takes effect with the next second that is evaluated. An empty value takes the gauge away.
    void set(const sync::GaugeChange& change);
    std::optional<double> value(const sync::GaugeKey& key) const;
    /// Every object that has this gauge.
    void each(sync::Gauge gauge,
              const std::function<void(const sync::GaugeKey&, double)>& visit) const;

    /// Keys set since settle(), by gauge and object.
    const std::vector<sync::GaugeKey>& changed() const { return changed_; }
    void settle() { changed_.clear(); }
    /// Whether any snapshot has come.
    bool known() const { return known_; }
    void note_known() { known_ = true; }

private:
    std::map<sync::GaugeKey, double> values_;
    std::vector<sync::GaugeKey> changed_;
    bool known_ = false;
};

}  // namespace quotafuse::alerts
