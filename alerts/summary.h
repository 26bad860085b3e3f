#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/rule.h"

namespace quotafuse::alerts {

/// The names between {{ and }} in a rule's summary, in order. An unclosed {{ is plain text.
std::vector<std::string> variables_of(std::string_view text);
/// Replaces each {{name}} by value(name). What value returns is not looked at again.
std::string render(std::string_view text,
                   const std::function<std::string(std::string_view)>& value);

/// "2,345,678 tokens", "37.5 %", "12.34 USD", "1h30m", "no value".
std::string format_value(std::optional<double> value, Metric metric);
/// A value or limit of the rule: with a comparison a change, "+230 %", else as above.
std::string format_value(std::optional<double> value, const Rule& rule);

}  // namespace quotafuse::alerts
