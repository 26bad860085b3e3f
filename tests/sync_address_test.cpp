#include <doctest/doctest.h>

#include "sync/address.h"

using quotafuse::sync::format_address;
using quotafuse::sync::parse_address;

TEST_CASE("an IPv4 address is its number, however it is written") {
    CHECK(parse_address("203.0.113.7") == 0xCB007107);
    CHECK(parse_address("::ffff:203.0.113.7") == 0xCB007107);
    CHECK(parse_address("::FFFF:cb00:7107") == 0xCB007107);
    CHECK(parse_address("255.255.255.255") == 0xFFFFFFFF);
    CHECK(parse_address("::1") == parse_address("127.0.0.1"));
    CHECK(format_address(parse_address("203.0.113.7")) == "203.0.113.7");
    CHECK(format_address(parse_address("::1")) == "127.0.0.1");
}

TEST_CASE("an IPv6 address is its /64") {
    const auto one = parse_address("2001:db8:1:2:3:4:5:6");
    CHECK(one == 0x20010DB800010002);
    CHECK(parse_address("2001:0DB8:1:2::ff") == one);
    CHECK(parse_address("2001:db8:1:3::ff") != one);
    CHECK(format_address(one) == "2001:db8:1:2::/64");
    CHECK(parse_address("2001:db8:1:2::/64") == one);
    const auto local = parse_address("fe80::1");  // beyond what is positive
    CHECK(local < 0);
    CHECK(format_address(local) == "fe80::/64");
    CHECK(parse_address("fe80::/64") == local);
}

TEST_CASE("what is no address is none") {
    for (const auto* const text :
         {"", "0.0.0.0", "::", "unknown", "10.1.1", "10.1.1.256", "10.1.1.1/24", "10.1.1.1:80",
          "::/64", "2001:db8::/32", "fe80::1%eth0", "::1:2", "0:0:1:2::5", "1:2:3:4:5:6:7:8:9",
          "2001:db8:1:2:3:4:5:6:2001:db8:1:2:3:4:5:6:2001:db8:1:2:3:4:5:6"}) {
        CAPTURE(text);
        CHECK(parse_address(text) == 0);
    }
    CHECK(format_address(0).empty());
}
