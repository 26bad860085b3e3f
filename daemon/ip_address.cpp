#include "daemon/ip_address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace quotafuse::daemon {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;
constexpr std::size_t kNetwork = 8;  // bytes of a /64

}  // namespace

bool IpAddress::is_v4() const {
    return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::optional<IpAddress> parse_ip(std::string_view text) {
    const std::string terminated{text};
    if (terminated.size() != std::char_traits<char>::length(terminated.c_str()))
        return std::nullopt;  // a zero byte inside
    IpAddress address;
    if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
    std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
    if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data() + kMapped.size()) == 1)
        return address;
    return std::nullopt;
}

std::string owner_of(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.is_v4()) {
        ::inet_ntop(AF_INET, address.bytes.data() + kMapped.size(), text.data(), text.size());
        return text.data();
    }
    auto network = address.bytes;
    std::fill(network.begin() + kNetwork, network.end(), std::uint8_t{0});
    ::inet_ntop(AF_INET6, network.data(), text.data(), text.size());
    return std::string{text.data()} + "/64";
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto first = parse_ip(text.substr(0, slash));
    if (!first) return std::nullopt;
    IpRange range;
    range.first_ = *first;
    if (slash == std::string_view::npos) return range;
    const auto digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, bits);
    const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    if (error != std::errc{} || stop != end || bits > (v4 ? 32U : 128U)) return std::nullopt;
    range.bits_ = bits + (v4 ? kMappedBits : 0U);
    return range;
}

bool IpRange::contains(const IpAddress& address) const {
    const auto whole = bits_ / 8;
    if (!std::equal(first_.bytes.begin(), first_.bytes.begin() + whole, address.bytes.begin()))
        return false;
    if (bits_ % 8 == 0) return true;
    const auto differs = first_.bytes.at(whole) ^ address.bytes.at(whole);
    return differs >> (8 - bits_ % 8) == 0;
}

}  // namespace quotafuse::daemon
