#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rule_test.h"
#include "base/clock.h"
#include "sync/directory.h"
#include "sync/gauges.h"
#include "sync/store.h"

namespace quotafuse::alerts {

/// A whole number; empty for any other text.
std::optional<std::int64_t> as_id(const std::string& text);

/// What the gateway would call all that a test mentions; every channel is switched on. Texts become
/// the store's.
sync::Directory directory_of(const RuleTest& test, sync::Store& store);

/// What the gateway's tables would say, of a test's gauges. Texts become the store's.
class TestGauges {
public:
    explicit TestGauges(sync::Store& store) : store_(store) {}

    /// What makes the metric have the value from the second `at` on; without one the object is
    /// gone.
    std::vector<sync::GaugeChange> changes(const RuleTest::Gauge& gauge, base::Second at);

private:
    sync::GaugeKey object_of(Metric metric, const std::string& object);
    void put(sync::Gauge gauge, sync::GaugeKey key, std::optional<double> value);
    void put(sync::Gauge status, sync::Gauge gauge, const sync::GaugeKey& key,
             std::optional<double> value);
    void put_share(sync::Gauge status, sync::Gauge remaining, sync::Gauge used,
                   const sync::GaugeKey& key, std::optional<double> percent);
    void set(Metric metric, const sync::GaugeKey& key, std::optional<double> value);

    sync::Store& store_;
    std::int64_t at_ = 0;
    std::vector<sync::GaugeChange> changes_;
};

}  // namespace quotafuse::alerts
