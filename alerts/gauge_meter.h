#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerts/gauge_board.h"
#include "alerts/meter.h"
#include "alerts/names.h"
#include "sync/directory.h"
#include "sync/gauges.h"

namespace quotafuse::alerts {

/// Whether a rule on keys chooses by what their users are called, or by their groups.
bool needs_owners(const Rule& rule);

/// A metric of the gateway's objects, each a series. An object that is switched off has no value,
/// save for channel_down: that a disabled key is out of quota is no news. One that expired or ran
/// out still has its values.
class GaugeMeter final : public Meter {
public:
    /// Everything by reference must outlive it.
    GaugeMeter(const Rule& rule, const GaugeBoard& gauges, const Names& names);

    double warmed_up() const override;
    std::string error() const override { return {}; }
    void look(base::Second t, const Known& known, bool all, std::vector<Sighting>& out) override;
    void show(base::Second t, std::vector<Sighting>& out) const override;
    Reading read(const SeriesKey& key, base::Second t) override;
    bool chooses(const SeriesKey& key) override;
    bool deleted(const SeriesKey& key) override;
    std::optional<base::Second> period(base::Second /*t*/) const override { return std::nullopt; }

    /// The gauges that a metric is made of.
    struct Parts {
        sync::Gauge value{};
        std::optional<sync::Gauge> used;    // of a percentage: beside what remains
        std::optional<sync::Gauge> status;  // tells whether it is switched on
    };

private:
    /// An object by its key on the board; `gauge` is parts_.value.
    using Object = sync::GaugeKey;
    /// What a condition looks at.
    struct Value {
        std::int64_t id = 0;
        std::string text;
    };

    std::optional<double> gauge(const Object& object, sync::Gauge which) const;
    bool exists(const Object& object) const;
    bool is_off(const Object& object) const;
    std::optional<double> value_at(const Object& object, base::Second t) const;
    Reading reading_at(const Object& object, base::Second t) const;
    bool is_chosen(const Object& object) const;
    bool holds(const Condition& condition, const Object& object) const;
    Value value_of(Dimension dimension, const Object& object) const;
    SeriesKey key_of(const Object& object) const;
    Object object_of(const SeriesKey& key) const;
    std::vector<Object> every() const;
    std::vector<Object> moved(base::Second t);
    void await(const Object& object);

    const Rule& rule_;
    const Parts parts_;
    const bool needs_directory_;
    const bool needs_owners_;
    const GaugeBoard& gauges_;
    const Names& names_;
    std::optional<base::Second> looked_;             // the second of the last look
    std::map<Object, base::Second> due_of_;          // values that move: when they pass the limit,
    std::set<std::pair<base::Second, Object>> due_;  // and the same in order of time
};

}  // namespace quotafuse::alerts
