#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "alerts/rule.h"
#include "alerts_property_dice.h"
#include "alerts_property_reference.h"

// What a rule is about, what its limit says of a value, and how exactly a value can be known.

namespace quotafuse::tests::property {

/// How many values were looked at.
struct Tally {
    std::size_t compared = 0;
    std::size_t waited = 0;  // of rules that warmed up
};

/// What a failure is about: a rule, and the second after Monday.
inline std::string describe(const Rule& rule, std::int64_t now) {
    std::string by;
    for (const auto dimension : rule.by)
        by += fmt::format(" {}", alerts::dimension_name(dimension));
    std::string where;
    for (const auto& condition : rule.where) where += sql_of(condition) + " ";
    return fmt::format("{} at {}: {} by [{}] where {}, {}, comparison {}, {} {}, delay {}",
                       rule.name, now, alerts::metric_name(rule.metric), by, where,
                       alerts::describe(rule.window, rule.zone), static_cast<int>(rule.compare_to),
                       rule.below ? "below" : "above", rule.limit, alerts::delay_of(rule).count());
}

inline bool breached(double value, const Rule& rule) {
    return rule.below ? value < rule.limit : value > rule.limit;
}

/// The last row of a series is not looked for again when names change which rows are its own.
inline bool goes_by_names(const Rule& rule) {
    const auto of_channel = [](Dimension dimension) {
        return dimension == Dimension::provider || dimension == Dimension::tag;
    };
    return std::any_of(rule.by.begin(), rule.by.end(), of_channel) ||
           std::any_of(rule.where.begin(), rule.where.end(), [&](const Condition& one) {
               return of_channel(one.dimension) || one.dimension == Dimension::channel;
           });
}

/// How far a percentile may be off, and rounding.
inline double tolerance(const Rule& rule, double value) {
    if (!alerts::is_percentile(rule.metric)) return 1e-9 * (1 + std::abs(value));
    if (rule.compare_to == Comparison::none) return 0.02 * std::abs(value) + 1e-9;
    return 0.041 * std::abs(value + 100);  // a quotient of two
}

}  // namespace quotafuse::tests::property
