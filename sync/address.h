#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quotafuse::sync {

/// Where a request came from, as one number: an IPv4 address (also one written ::ffff:a.b.c.d) as
/// its 32 bits, an IPv6 address as its upper 64 bits, because a /64 is what one client has and
/// moves about in. ::1 is 127.0.0.1. 0 is none: an address that is missing, unspecified, or of the
/// reserved block 0::/32, whose numbers IPv4 takes.
using Address = std::int64_t;

/// Of "203.0.113.7", "2001:db8:1:2:3:4:5:6" or what format_address() gives; 0 for anything else.
Address parse_address(std::string_view text);

/// "203.0.113.7", "2001:db8:1:2::/64"; empty for 0.
std::string format_address(Address address);

}  // namespace quotafuse::sync
