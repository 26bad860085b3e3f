#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "alerts/rule.h"

namespace quotafuse::alerts {

/// By how many percent of `base` the value is above it (negative: below it). Empty where there is
/// nothing to compare with: a base of 0 or less.
std::optional<double> change_in_percent(double value, double base);

/// How many weeks a rule with `usual` looks back where rows are kept for `kept` (empty: for ever):
/// as many as its window can be read of, from kLeastWeeks to `most`.
int weeks_of(const Rule& rule, int most, std::optional<std::chrono::seconds> kept);

/// What is usual at this time of the week.
struct Usual {
    double median = 0;
    double spread =
        0;  // 3 · 1.4826 · MAD: three standard deviations, were the weeks normally distributed
};
/// Of the values of the weeks that count, in any order (it is left sorted in another); empty for
/// fewer than kLeastWeeks.
std::optional<Usual> usual_of(std::vector<double>& weeks);

}  // namespace quotafuse::alerts
