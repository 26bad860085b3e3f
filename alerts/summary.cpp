#include "alerts/summary.h"

#include <cmath>

#include <fmt/format.h>

#include "base/duration.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

/// Seconds beyond which a time is written as a number: a thousand years.
constexpr double kLongest = 3e10;

/// Calls text(piece) for what stands between variables and variable(name) for each {{name}}.
void walk(std::string_view template_text, const std::function<void(std::string_view)>& text,
          const std::function<void(std::string_view)>& variable) {
    while (true) {
        const auto open = template_text.find("{{");
        const auto close = open == std::string_view::npos ? open : template_text.find("}}", open);
        if (close == std::string_view::npos) break;
        text(template_text.substr(0, open));
        variable(base::trim(template_text.substr(open + 2, close - open - 2)));
        template_text.remove_prefix(close + 2);
    }
    text(template_text);
}

/// At most two decimals, none where they are zero, thousands grouped.
std::string grouped(double value) {
    auto text = fmt::format("{:.2f}", std::abs(value));
    auto point = text.find('.');
    if (text.ends_with(".00")) {
        text.resize(point);
    } else if (text.ends_with('0')) {
        text.pop_back();
    }
    while (point > 3) {
        point -= 3;
        text.insert(point, ",");
    }
    return value < 0 ? "-" + text : text;
}

}  // namespace

std::vector<std::string> variables_of(std::string_view text) {
    std::vector<std::string> names;
    walk(
        text, [](std::string_view) {}, [&](std::string_view name) { names.emplace_back(name); });
    return names;
}

std::string render(std::string_view text,
                   const std::function<std::string(std::string_view)>& value) {
    std::string result;
    walk(
        text, [&](std::string_view piece) { result += piece; },
        [&](std::string_view name) { result += value(name); });
    return result;
}

std::string format_value(std::optional<double> value, Metric metric) {
    if (!value) return "no value";
    const auto unit = metric_unit(metric);
    if (unit == "percent") return grouped(*value) + " %";
    if (unit == "seconds" && std::abs(*value) < kLongest) {
        return base::format_duration(std::chrono::seconds{std::llround(*value)});
    }
    return unit.empty() ? grouped(*value) : fmt::format("{} {}", grouped(*value), unit);
}

std::string format_value(std::optional<double> value, const Rule& rule) {
    if (!value || rule.compare_to == Comparison::none) return format_value(value, rule.metric);
    return fmt::format("{}{} %", *value > 0 ? "+" : "", grouped(*value));
}

}  // namespace quotafuse::alerts
