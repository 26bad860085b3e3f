#pragma once
// A status page with a password, asked without sockets, by a clock that stands.

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "daemon/password.h"
#include "support/fake_clock.h"
#include "support/status_site.h"

namespace quotafuse::daemon {

using Headers = std::vector<std::pair<std::string, std::string>>;

inline const std::string kPassword = "correct-horse";

inline std::string header_of(const HttpReply& reply, std::string_view name) {
    for (const auto& [key, value] : reply.headers) {
        if (key == name) return value;
    }
    return {};
}

/// What a browser sends back of a Set-Cookie.
inline std::string cookie_of(const HttpReply& reply) {
    const auto cookie = header_of(reply, "Set-Cookie");
    return cookie.substr(0, cookie.find(';'));
}

/// 32 bytes that are other ones each time, and the same in each test.
inline std::function<Digest()> counted_bytes() {
    return [count = 0]() mutable { return digest_of(std::to_string(++count)); };
}

class LoginSite {
public:
    explicit LoginSite(AccessSettings settings = {.password = base::Secret{kPassword}},
                       StatusPages pages = {})
        : sessions{clock, counted_bytes()}, site{{.ip = "127.0.0.1"},
                                                 view,
                                                 std::move(pages),
                                                 std::move(settings),
                                                 &sessions,
                                                 clock,
                                                 log} {}

    HttpReply ask(const std::string& method, const std::string& path, Headers headers = {},
                  const std::string& body = {}, const std::string& peer = "127.0.0.1") const {
        if (std::none_of(headers.begin(), headers.end(),
                         [](const auto& header) { return header.first == "host"; }))
            headers.emplace_back("host", "127.0.0.1:8787");
        return site.answer({.method = method,
                            .target = path,
                            .path = path,
                            .headers = std::move(headers),
                            .peer = peer,
                            .body = body});
    }
    HttpReply get(const std::string& path, Headers headers = {}) const {
        return ask("GET", path, std::move(headers));
    }
    HttpReply log_in(const std::string& password, Headers headers = {},
                     const std::string& peer = "127.0.0.1") const {
        headers.emplace_back("content-type", "application/x-www-form-urlencoded");
        return ask("POST", "/login", std::move(headers), "password=" + password, peer);
    }
    int bearer(const std::string& password, const std::string& peer = "127.0.0.1") const {
        return ask("GET", "/api/v1/status", {{"authorization", "Bearer " + password}}, {}, peer)
            .status;
    }

    tests::FakeClock clock{1'767'000'000};
    base::Log log{base::Level::warning};
    FixedView view;
    Sessions sessions;
    StatusSite site;
};

}  // namespace quotafuse::daemon
