#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace quotafuse::daemon {

/// 32 bytes: a SHA-256, or so many random ones.
using Digest = std::array<std::uint8_t, 32>;

/// SHA-256.
Digest digest_of(std::string_view text);
/// Takes as long for every pair, so that its time tells nothing of where they differ.
bool same(const Digest& a, const Digest& b);
/// From the system's source of secrets. Throws std::system_error where there is none.
Digest random_bytes();

}  // namespace quotafuse::daemon
