#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quotafuse::base {

/// Appends a number in groups of seven bits, lowest first: one byte below 128, two below 16,384.
inline void put_varint(std::string& bytes, std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) bytes += static_cast<char>((number & 0x7F) | 0x80);
    bytes += static_cast<char>(number);
}

/// Takes a number off the front. Empty when there is none or it is longer than need be, so that
/// each number has one form only.
inline std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
    std::uint64_t number = 0;
    for (unsigned i = 0; i < bytes.size() && i < 10; ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        number |= static_cast<std::uint64_t>(byte & 0x7FU) << (7 * i);
        if (byte >= 0x80) continue;
        const bool overlong = byte == 0 && i > 0;
        const bool overflows = i == 9 && byte > 1;
        if (overlong || overflows) return std::nullopt;
        bytes.remove_prefix(i + 1);
        return number;
    }
    return std::nullopt;
}

/// Signed numbers as unsigned ones, small ones first: 0, −1, 1, −2 …
constexpr std::uint64_t zigzag(std::int64_t number) {
    return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t number) {
    return static_cast<std::int64_t>((number >> 1) ^ (~(number & 1) + 1));
}

}  // namespace quotafuse::base
