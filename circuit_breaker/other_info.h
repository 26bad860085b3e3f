#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace quotafuse::circuit_breaker {

/// `channels.other_info` of New API with our reason and mark in it. Always a valid JSON object,
/// because an older New API's channel page breaks on anything else; keys that were there stay, and
/// what was no object (NULL, '', garbage) counts as empty. `now` in unix seconds.
std::string with_trip(const std::optional<std::string>& other_info, const std::string& trip_id,
                      const std::string& reason, std::int64_t now);

/// The trip that left its mark, if any.
std::optional<std::string> trip_mark(const std::optional<std::string>& other_info);

}  // namespace quotafuse::circuit_breaker
