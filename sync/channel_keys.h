#pragma once

#include <optional>
#include <string_view>

namespace quotafuse::sync {

/// How many keys of a channel are switched off, by its `channel_info` (New API since 2025-07): keys
/// that it lists with a status other than 1. Empty for a channel with one key, and for what is no
/// such text.
std::optional<int> count_dead_keys(std::string_view channel_info);

}  // namespace quotafuse::sync
