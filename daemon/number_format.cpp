#include "daemon/number_format.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "base/duration.h"

namespace quotafuse::daemon {
namespace {

constexpr double kLongestTime = 1e10;  // seconds; more is no time, and would not fit

/// At most `decimals` digits behind the point, none that say nothing.
std::string decimal(double value, int decimals) {
    const auto scaled = fmt::format("{:.{}f}", std::abs(value), decimals);
    const auto point = scaled.find('.');
    auto text = group_digits(std::strtoll(scaled.substr(0, point).c_str(), nullptr, 10));
    if (point != std::string::npos) {
        auto fraction = scaled.substr(point);
        while (fraction.ends_with('0')) fraction.pop_back();
        if (fraction != ".") text += fraction;
    }
    return (value < 0 && text != "0" ? "-" : "") + text;
}

}  // namespace

std::string group_digits(std::int64_t number) {
    auto text = std::to_string(number);
    const std::size_t start = number < 0 ? 1 : 0;
    for (auto at = text.size(); at > start + 3;) text.insert(at -= 3, ",");
    return text;
}

/// Cents are enough for money that matters.
std::string format_amount(double dollars, const Currency& currency) {
    const auto amount = std::abs(dollars * currency.per_dollar);
    if (!std::isfinite(amount)) return currency.symbol + "?";
    const auto text = fmt::format("{:.{}f}", amount, amount > 0 && amount < 0.01 ? 6 : 2);
    const auto point = text.find('.');
    return fmt::format("{}{}{}{}", dollars < 0 ? "-" : "", currency.symbol,
                       group_digits(std::strtoll(text.substr(0, point).c_str(), nullptr, 10)),
                       text.substr(point));
}

std::string format_value(alerts::Metric metric, double value, const Currency& currency) {
    return format_value(alerts::metric_unit(metric), value, currency);
}

std::string format_value(std::string_view unit, double value, const Currency& currency) {
    if (unit == "percent") return decimal(value, 1) + " %";
    if (unit == "USD") return format_amount(value, currency);
    if (unit == "per minute") return decimal(value, 1) + "/min";
    if (unit == "ms") return decimal(value, 0) + " ms";
    // A second more or less says nothing, and an expiry may have passed.
    if (unit == "seconds" && std::abs(value) < kLongestTime) {
        const auto text =
            base::format_duration(std::chrono::seconds{std::llround(std::abs(value))});
        return value <= -0.5 ? "-" + text : text;
    }
    return decimal(value, 2);
}

std::string format_value(alerts::Metric metric, alerts::Comparison compare_to, double value,
                         const Currency& currency) {
    return compare_to == alerts::Comparison::none ? format_value(metric, value, currency)
                                                  : format_change(value);
}

std::string format_age(std::chrono::seconds age) {
    return base::format_duration(std::max(age, std::chrono::seconds{0}));
}

std::string format_change(double percent) {
    return (percent > 0 ? "+" : "") + decimal(percent, 1) + " %";
}

}  // namespace quotafuse::daemon
