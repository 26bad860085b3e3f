#include "alerts/meter.h"

#include "alerts/gauge_meter.h"
#include "alerts/row_meter.h"

namespace quotafuse::alerts {

std::unique_ptr<Meter> make_meter(const Rule& rule, WindowSet& windows, GaugeBoard& gauges,
                                  const Names& names, int weeks) {
    if (is_gauge(rule.metric)) return std::make_unique<GaugeMeter>(rule, gauges, names);
    return std::make_unique<RowMeter>(rule, windows, gauges, names, weeks);
}

}  // namespace quotafuse::alerts
