#include "sync/address.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <arpa/inet.h>

namespace quotafuse::sync {
namespace {

constexpr std::uint64_t kIpv4Space = std::uint64_t{1} << 32U;
constexpr std::uint64_t kLoopback = 0x7F000001;
constexpr std::string_view kPrefix = "/64";

using Bytes = std::array<unsigned char, 16>;  // in the network's order

std::uint64_t number_of(const unsigned char* from, std::size_t bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i) number = number << 8U | from[i];
    return number;
}

std::uint64_t of_ipv6(const Bytes& bytes) {
    const auto upper = number_of(bytes.data(), 8);
    const auto lower = number_of(bytes.data() + 8, 8);
    if (upper == 0 && lower == 1) return kLoopback;
    if (upper == 0 && lower >> 32U == 0xFFFF) return lower % kIpv4Space;
    const bool is_none = upper < kIpv4Space || static_cast<Address>(upper) == kOtherAddresses;
    return is_none ? 0 : upper;
}

}  // namespace

Address parse_address(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    const bool is_ipv6 = text.find(':') != std::string_view::npos;
    if (is_ipv6 && text.ends_with(kPrefix)) text.remove_suffix(kPrefix.size());
    if (text.size() >= buffer.size()) return 0;
    std::copy(text.begin(), text.end(), buffer.begin());
    Bytes bytes{};
    if (::inet_pton(is_ipv6 ? AF_INET6 : AF_INET, buffer.data(), bytes.data()) != 1) return 0;
    return static_cast<Address>(is_ipv6 ? of_ipv6(bytes) : number_of(bytes.data(), 4));
}

std::string format_address(Address address) {
    if (address == 0 || address == kOtherAddresses) return {};
    const auto number = static_cast<std::uint64_t>(address);
    const bool is_ipv6 = number >= kIpv4Space;
    Bytes bytes{};
    const std::size_t used = is_ipv6 ? 8 : 4;
    for (std::size_t i = 0; i < used; ++i) {
        bytes[i] = static_cast<unsigned char>(number >> 8U * (used - 1 - i));
    }
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    ::inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, bytes.data(), buffer.data(), buffer.size());
    std::string text{buffer.data()};
    if (is_ipv6) text += kPrefix;
    return text;
}

}  // namespace quotafuse::sync
