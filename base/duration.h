#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace quotafuse::base {

/// Reads "90s", "1h30m", "2d", "1w". Units fall from large to small, each once: w d h m s.
/// A bare number, an empty text, a fraction or an overflow (over 100 years) is no duration.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// As parse_duration, with "ms" as the smallest unit.
std::optional<std::chrono::milliseconds> parse_duration_ms(std::string_view text);

/// The shortest text that parse_duration reads back as the same: 5400 s is "1h30m", 0 is "0s".
std::string format_duration(std::chrono::seconds duration);

}  // namespace quotafuse::base
