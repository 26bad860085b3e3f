#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/clock.h"
#include "sync/gauges.h"

namespace quotafuse::alerts {

/// Whether a status says that somebody, or the gateway, switched the object off. A key that is
/// expired or used up is not: that it comes to its end is what its owner wants to hear of.
bool means_off(sync::Gauge status, double value);

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
    /// Statuses of objects that were off, or gone, and are on since settle().
    const std::vector<sync::GaugeKey>& switched_on() const { return switched_on_; }
    void settle();
    /// Whether any snapshot has come.
    bool known() const { return known_; }
    void note_known() { known_ = true; }

    /// How much of a kind has been read since the daemon began; empty where nothing tells: in tests
    /// of rules, and in what was stored before anything told.
    std::optional<sync::Extent> extent(sync::ObjectKind kind) const;
    /// Whether values of a kind are to be judged: not before all of them are there, or one after
    /// the other would be news, and not those that nobody reads any more.
    bool may_judge(sync::ObjectKind kind) const;
    /// Whether an object that there was is no more.
    bool is_gone(const sync::GaugeKey& status) const { return gone_.contains(status); }
    /// Whether an object exists only if the directory has it: its kind was read as a whole. Until
    /// channels have been read, what the last run knew of them counts.
    bool is_complete(sync::ObjectKind kind) const;

private:
    void note_status(const sync::GaugeChange& change);

    std::map<sync::GaugeKey, double> values_;
    std::set<sync::GaugeKey> gone_;  // statuses that were taken away
    std::vector<sync::GaugeKey> changed_;
    std::vector<sync::GaugeKey> switched_on_;
    bool known_ = false;
    bool knew_all_channels_ = false;  // before they were begun to be read again
};

}  // namespace quotafuse::alerts
