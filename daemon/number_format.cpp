#include "daemon/number_format.h"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace quotafuse::daemon {
namespace {

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

/// Cents are enough for money that matters; less than a cent keeps the digits that tell it from
/// nothing.
std::string dollars(double value) {
    const auto amount = std::abs(value);
    const auto text = fmt::format("{:.{}f}", amount, amount > 0 && amount < 0.01 ? 6 : 2);
    const auto point = text.find('.');
    return fmt::format("{}${}{}", value < 0 ? "-" : "",
                       group_digits(std::strtoll(text.substr(0, point).c_str(), nullptr, 10)),
                       text.substr(point));
}

}  // namespace

std::string group_digits(std::int64_t number) {
    auto text = std::to_string(number);
    const std::size_t start = number < 0 ? 1 : 0;
    for (auto at = text.size(); at > start + 3;) text.insert(at -= 3, ",");
    return text;
}

std::string format_value(alerts::Metric metric, double value) {
    switch (metric) {
        case alerts::Metric::requests:
        case alerts::Metric::attempts:
        case alerts::Metric::errors:
        case alerts::Metric::client_errors:
        case alerts::Metric::tokens:
        case alerts::Metric::prompt_tokens:
        case alerts::Metric::completion_tokens:
        case alerts::Metric::cache_tokens:
        case alerts::Metric::quota:
            return decimal(value, 2);
        case alerts::Metric::error_rate:
            return decimal(value, 1) + " %";
        case alerts::Metric::cost:
            return dollars(value);
        case alerts::Metric::rpm:
        case alerts::Metric::tpm:
            return decimal(value, 1) + "/min";
        case alerts::Metric::latency_avg:
            return decimal(value, 0) + " ms";
    }
    std::abort();
}

}  // namespace quotafuse::daemon
