#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quotafuse::alerts {

/// FNV-1a: the same on every host and in every version, which std::hash does not promise. What it
/// returns is stored, so it never changes.
inline std::uint64_t stable_hash(std::string_view text) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211U;
    }
    return hash;
}

/// 13 characters of a–z and 2–7: short enough to be read out on the telephone.
inline std::string base32(std::uint64_t value) {
    static constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
    std::string text;
    for (int i = 0; i < 13; ++i, value >>= 5U) text += kDigits[value & 31U];
    return text;
}

}  // namespace quotafuse::alerts
