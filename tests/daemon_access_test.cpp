#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "daemon/access.h"
#include "daemon/http_form.h"
#include "daemon/http_message.h"
#include "daemon/password.h"

namespace quotafuse::daemon {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

HttpRequest request(const Headers& headers, const std::string& peer = "127.0.0.1") {
    return {.method = "GET", .target = "/", .path = "/", .headers = headers, .peer = peer};
}

Access access_of(const std::string& url, const std::string& listen = "127.0.0.1",
                 const std::vector<std::string>& proxies = {}) {
    AccessSettings settings{.password = base::Secret{"correct-horse"}, .public_url = url};
    for (const auto& text : proxies) settings.trusted_proxies.push_back(*IpRange::parse(text));
    return {settings, listen};
}

TEST_CASE("only the page's own names are accepted as Host, so that no other site can borrow one") {
    const auto status = [](const Access& access, const std::string& host) {
        const auto refused = access.refuse_host(request({{"host", host}}));
        return refused ? refused->status : 200;
    };
    const auto access = access_of("https://Fuse.example.com:8443/q", "192.168.1.2");
    for (const auto* const host : {"127.0.0.1", "localhost:8787", "[::1]:8787", "fuse.example.com",
                                   "FUSE.example.com:8443", "192.168.1.2:8787", "192.168.1.2"}) {
        CAPTURE(host);
        CHECK(status(access, host) == 200);
    }
    for (const auto* const host :
         {"evil.example", "fuse.example.com.evil.example", "192.168.1.3", "",
          "fuse.example.com:1:2", "x.fuse.example.com", "192.168.1.2.evil.example", "[::1",
          "fuse.example.com@evil.example"}) {
        CAPTURE(host);
        CHECK(status(access, host) == 421);
    }
    CHECK(access.refuse_host(request({}))->status == 421);
    const auto everywhere = access_of("", "0.0.0.0");
    CHECK(status(everywhere, "192.168.1.2:8787") == 200);
    CHECK(status(everywhere, "[2001:db8::1]:8787") == 200);
    CHECK(status(everywhere, "evil.example") == 421);
    CHECK(status(everywhere, "192.168.1.2.evil.example") == 421);
}

TEST_CASE("a POST that comes from the page of another site is refused") {
    const auto access = access_of("https://fuse.example.com/q");
    const auto refused = [&](Headers headers) {
        headers.emplace_back("host", "127.0.0.1:8787");
        return access.refuse_origin(request(headers)).has_value();
    };
    CHECK_FALSE(refused({}));
    CHECK_FALSE(refused({{"origin", "https://fuse.example.com"}}));
    CHECK_FALSE(refused({{"origin", "http://127.0.0.1:8787"}}));
    CHECK_FALSE(refused({{"origin", "https://127.0.0.1:8787"}, {"sec-fetch-site", "same-origin"}}));
    for (const auto* const origin :
         {"http://fuse.example.com", "https://fuse.example.com:444", "http://127.0.0.1:8788",
          "http://localhost:8787", "null", "", "https://evil.example", "127.0.0.1:8787",
          "https://fuse.example.com.evil.example", "ftp://127.0.0.1:8787"}) {
        CAPTURE(origin);
        CHECK(refused({{"origin", origin}}));
    }
    CHECK(refused({{"sec-fetch-site", "cross-site"}}));
    CHECK(refused({{"origin", "https://fuse.example.com"}, {"sec-fetch-site", "same-site"}}));
}

TEST_CASE("who is slowed down is the peer, or the one for whom a trusted proxy speaks") {
    const auto access = access_of("", "127.0.0.1", {"127.0.0.1", "10.0.0.0/8", "fd00::/8"});
    const auto client = [&](const std::string& peer, const Headers& headers) {
        return access.client(request(headers, peer));
    };
    CHECK(client("127.0.0.1", {}) == "127.0.0.1");
    CHECK(client("127.0.0.1", {{"x-forwarded-for", "203.0.113.7"}}) == "203.0.113.7");
    // What a client itself writes stands before what the proxy adds.
    CHECK(client("127.0.0.1", {{"x-forwarded-for", "1.1.1.1, 203.0.113.7"}}) == "203.0.113.7");
    CHECK(client("127.0.0.1", {{"x-forwarded-for", "1.1.1.1"},
                               {"x-forwarded-for", "2.2.2.2, 10.1.2.3"}}) == "2.2.2.2");
    CHECK(client("127.0.0.1", {{"x-forwarded-for", "10.1.1.1, 10.2.2.2"}}) == "10.1.1.1");
    CHECK(client("127.0.0.1", {{"x-forwarded-for", "7.7.7.7, rubbish"}}) == "127.0.0.1");
    CHECK(client("203.0.113.9", {{"x-forwarded-for", "1.1.1.1"}}) == "203.0.113.9");
    CHECK(client("::ffff:203.0.113.9", {}) == "203.0.113.9");
    CHECK(client("2001:db8:1:2:3:4:5:6", {}) == client("2001:db8:1:2:ffff::1", {}));
    CHECK(client("2001:db8:1:2::1", {}) != client("2001:db8:1:3::1", {}));
    CHECK(client("127.0.0.1", {{"x-forwarded-for", "2001:db8:1:2:9::9"}}) == "2001:db8:1:2::/64");
    // Nobody is believed who was not named.
    CHECK(access_of("").client(request({{"x-forwarded-for", "203.0.113.7"}})) == "127.0.0.1");
}

TEST_CASE("a range holds what begins as it does") {
    const auto holds = [](const char* range, const char* address) {
        const auto parsed = IpRange::parse(range);
        REQUIRE(parsed);
        return parsed->contains(*parse_ip(address));
    };
    CHECK(holds("10.0.0.0/8", "10.255.0.1"));
    CHECK_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
    CHECK(holds("192.168.4.0/22", "192.168.7.255"));
    CHECK_FALSE(holds("192.168.4.0/22", "192.168.8.0"));
    CHECK(holds("127.0.0.1", "::ffff:127.0.0.1"));
    CHECK(holds("0.0.0.0/0", "203.0.113.1"));
    CHECK_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
    CHECK(holds("::/0", "203.0.113.1"));
    CHECK(holds("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
    for (const auto* const text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8",
                                   "::/129", "localhost", "[::1]", "10.0.0.0/8x", "::1%lo"}) {
        CAPTURE(text);
        CHECK_FALSE(IpRange::parse(text));
    }
}

TEST_CASE("the base path is taken off where it is there") {
    const auto access = access_of("https://fuse.example.com/a/quotafuse");
    const auto stripped = [&](const std::string& path) {
        auto asked = request({});
        asked.path = path;
        access.strip_base_path(asked);
        return asked.path;
    };
    CHECK(stripped("/a/quotafuse/api/v1/status") == "/api/v1/status");
    CHECK(stripped("/api/v1/status") == "/api/v1/status");
    CHECK(stripped("/a/quotafuse/") == "/");
    CHECK(stripped("/a/quotafuse").empty());
    CHECK(stripped("/a/quotafuses/x") == "/a/quotafuses/x");
}

TEST_CASE("a cookie goes no further than the page, and over TLS only where the page does") {
    const auto access = access_of("https://fuse.example.com/q");
    const auto scope = [](const Access& of, const Headers& headers) {
        const auto found = of.cookie_scope(request(headers));
        return found.path + (found.secure ? " secure" : "");
    };
    CHECK(scope(access, {{"host", "fuse.example.com"}}) == "/q/ secure");
    CHECK(scope(access, {{"host", "127.0.0.1"}, {"x-forwarded-for", "1.2.3.4"}}) == "/q/ secure");
    CHECK(scope(access, {{"host", "127.0.0.1"}, {"origin", "https://fuse.example.com"}}) ==
          "/q/ secure");
    CHECK(scope(access, {{"host", "127.0.0.1:8787"}}) == "/");  // a tunnel
    CHECK(scope(access_of("http://fuse.example.com"), {{"host", "fuse.example.com"}}) == "/");
    CHECK(scope(access_of("", "0.0.0.0"), {{"host", "192.168.1.2"}}) == "/");
}

TEST_CASE("a form gives its field, decoded, or nothing") {
    CHECK(form_field("password=a%20b+c%C3%A9", "password") == "a b c\xC3\xA9");
    CHECK(form_field("a=1&password=x&b", "password") == "x");
    CHECK(form_field("p%61ssword=x", "password") == "x");
    CHECK(form_field("password=", "password") == "");
    for (const auto* const body : {"", "password", "&&", "passwor=x", "password=%", "password=%4",
                                   "password=%zz", "password=a&password=a", "xpassword=1"}) {
        CAPTURE(body);
        CHECK_FALSE(form_field(body, "password"));
    }
}

TEST_CASE("a Cookie header gives all values of the name") {
    using Values = std::vector<std::string_view>;
    CHECK(cookie_values("a=1; s=x;s=y ; ss=z; s", "s") == Values{"x", "y"});
    CHECK(cookie_values("s=a=b", "s") == Values{"a=b"});
    CHECK(cookie_values("", "s").empty());
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "s=1;";
    CHECK(cookie_values(many, "s").size() == 8);
}

TEST_CASE("a hash fits its password only") {
    const auto hash = hash_password("correct-horse");
    CHECK(hash.starts_with("$y$"));
    CHECK(hash != hash_password("correct-horse"));
    CHECK(is_usable_hash(hash));
    CHECK(fits_hash("correct-horse", hash));
    for (const std::string wrong : {"correct-hors", "correct-horse ", "", "Correct-horse"})
        CHECK_FALSE(fits_hash(wrong, hash));
    CHECK_FALSE(fits_hash(std::string("correct-horse\0x", 15), hash));
    CHECK_FALSE(fits_hash(std::string(5000, 'a'), hash));
    CHECK(fits_hash("password",
                    "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"
                    "jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"));
    CHECK_FALSE(is_password_hash("correct-horse"));
    CHECK_FALSE(is_password_hash("$pecial"));
    CHECK_FALSE(is_usable_hash("$y$"));
    CHECK_FALSE(is_usable_hash(hash.substr(0, 20)));
}

TEST_CASE("only the two POSTs may have a body, and a small one") {
    const auto status = [](const std::string& line, const std::string& headers) {
        const auto parsed = parse_head(line + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
        const auto* const refused = std::get_if<HttpReply>(&parsed);
        return refused == nullptr ? 200 : refused->status;
    };
    const auto body = [](const std::string& line, const std::string& headers) {
        return announced_body(line + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
    };
    CHECK(status("POST /login", "Content-Length: 4096\r\n") == 200);
    CHECK(body("POST /q/login?x", "Content-Length: 4096\r\n") == 4096);
    CHECK(body("POST /logout", "") == 0);
    CHECK(status("POST /logout", "") == 200);
    CHECK(status("POST /login", "Content-Length: 4097\r\n") == 413);
    CHECK(status("POST /login", "Content-Length: 99999999999999999999\r\n") == 400);
    CHECK(status("POST /login", "Content-Length: +1\r\n") == 400);
    CHECK(status("POST /login", "Content-Length: \r\n") == 400);
    CHECK(status("POST /login", "Content-Length: 1\r\nContent-Length: 1\r\n") == 400);
    CHECK(status("POST /login", "Transfer-Encoding: chunked\r\n") == 400);
    CHECK(status("POST /api/v1/status", "Content-Length: 1\r\n") == 405);
    CHECK(status("POST /loginx", "") == 405);
    CHECK(status("POST /?/login", "") == 405);
    CHECK(body("POST /loginx", "Content-Length: 10\r\n") == 0);
    CHECK(status("PUT /login", "") == 405);
    CHECK(status("GET /login", "Content-Length: 1\r\n") == 413);
    CHECK(body("GET /login", "Content-Length: 1\r\n") == 0);
}

}  // namespace
}  // namespace quotafuse::daemon
