#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "alerts/rule.h"

namespace quotafuse::daemon {

/// 1234567 → "1,234,567".
std::string group_digits(std::int64_t number);

/// In what amounts are shown.
struct Currency {
    std::string symbol = "$";
    double per_dollar = 1;
    bool operator==(const Currency&) const = default;
};

/// "$1,234.50", "-¥0.29"; less than a cent keeps the digits that tell it from nothing, and what is
/// no number is "$?".
std::string format_amount(double dollars, const Currency& currency);
/// A metric's value as people read it, with its unit: "2,500,000", "35.2 %", "$3.40", "1,234 ms",
/// "12.5/min", "25m". Values in USD are shown in `currency`.
std::string format_value(alerts::Metric metric, double value, const Currency& currency = {});
/// The same for a unit as alerts::metric_unit() names it.
std::string format_value(std::string_view unit, double value, const Currency& currency = {});
/// The value of a rule or a notice: where it compares, a change.
std::string format_value(alerts::Metric metric, alerts::Comparison compare_to, double value,
                         const Currency& currency = {});
/// A change in percent, with its sign: "+230 %", "-62.5 %".
std::string format_change(double percent);
/// A duration, of which a negative one (two clocks) is none: "1m30s".
std::string format_age(std::chrono::seconds age);

}  // namespace quotafuse::daemon
