#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quotafuse::daemon {

/// An IPv6 address, or an IPv4 one as IPv6 maps it.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};

    bool is_v4() const;
    bool operator==(const IpAddress&) const = default;
};

/// Nothing for what is no IP address (brackets, ports and zones included).
std::optional<IpAddress> parse_ip(std::string_view text);

/// Whom it belongs to, as far as one may count: an IPv4 address, or the /64 network of an IPv6 one,
/// of which a home has all.
std::string owner_of(const IpAddress& address);

/// The addresses that share a beginning, as 10.0.0.0/8; without a length one address.
class IpRange {
public:
    static std::optional<IpRange> parse(std::string_view text);
    bool contains(const IpAddress& address) const;

private:
    IpAddress first_;
    unsigned bits_ = 128;  // of 128, an IPv4 range included
};

}  // namespace quotafuse::daemon
