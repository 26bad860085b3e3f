#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "alerts/rule.h"

namespace quotafuse::daemon {

/// 1234567 → "1,234,567".
std::string group_digits(std::int64_t number);

/// A metric's value as people read it, with its unit: "2,500,000", "35.2 %", "$3.40", "1,234 ms",
/// "12.5/min", "25m".
std::string format_value(alerts::Metric metric, double value);
/// The same for a unit as alerts::metric_unit() names it.
std::string format_value(std::string_view unit, double value);
/// The value of a rule or a notice: where it compares, a change.
std::string format_value(alerts::Metric metric, alerts::Comparison compare_to, double value);
/// A change in percent, with its sign: "+230 %", "-62.5 %".
std::string format_change(double percent);
/// A duration, of which a negative one (two clocks) is none: "1m30s".
std::string format_age(std::chrono::seconds age);

}  // namespace quotafuse::daemon
