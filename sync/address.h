#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quotafuse::sync {

/// Where a request came from, as one number: an IPv4 address (also one written ::ffff:a.b.c.d) as
/// its 32 bits, an IPv6 address as its upper 64 bits, because a /64 is what one client has and
/// moves about in. ::1 is 127.0.0.1. 0 is none: an address that is missing, unspecified, of the
/// reserved block 0::/32, whose numbers IPv4 takes, or of the highest network, see below.
using Address = std::int64_t;

/// Stands for many: those that the rollups by address no longer tell apart (RollupTable::most). Its
/// bits are those of a multicast network, from which nothing can come.
inline constexpr Address kOtherAddresses = -1;

/// Of "203.0.113.7", "2001:db8:1:2:3:4:5:6" or what format_address() gives; 0 for anything else.
Address parse_address(std::string_view text);

/// "203.0.113.7", "2001:db8:1:2::/64"; empty for 0 and kOtherAddresses.
std::string format_address(Address address);

}  // namespace quotafuse::sync
