#pragma once

#include <optional>
#include <vector>

namespace quotafuse::alerts {

/// By how many percent of `base` the value is above it (negative: below it). Empty where there is
/// nothing to compare with: a base of 0 or less.
std::optional<double> change_in_percent(double value, double base);

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
