#include "alerts/baseline.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "alerts/frame.h"
#include "alerts/rule_loader.h"

namespace quotafuse::alerts {
namespace {

/// Of at least one value; of an even number the mean of the two in the middle.
double median_of(std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    if (values.size() % 2 == 1) return values[middle];
    return values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
}

}  // namespace

std::optional<double> change_in_percent(double value, double base) {
    if (!(base > 0)) return std::nullopt;
    return (value - base) / base * 100;
}

int weeks_of(const Rule& rule, int most, std::optional<std::chrono::seconds> kept) {
    const auto readable = weeks_kept(longest(rule.window), kept);
    return std::max(kLeastWeeks, std::min(most, readable));
}

std::optional<Usual> usual_of(std::vector<double>& weeks) {
    if (weeks.size() < static_cast<std::size_t>(kLeastWeeks)) return std::nullopt;
    Usual usual;
    usual.median = median_of(weeks);
    for (auto& value : weeks) value = std::abs(value - usual.median);
    usual.spread = 3 * 1.4826 * median_of(weeks);
    return usual;
}

}  // namespace quotafuse::alerts
