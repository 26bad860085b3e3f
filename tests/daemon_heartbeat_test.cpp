#include <atomic>
#include <fstream>

#include "base/guarded.h"
#include "daemon_alerts_site.h"
#include "support/chat_services.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("the daemon calls its heartbeat while all is well, and says once that nobody hears it") {
    std::atomic<int> status{200};
    base::Guarded<std::vector<std::string>> calls;
    const RawServer listener{[&](int socket, const std::string& request) {
        const int now = status;
        RawServer::say(socket, fmt::format("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", now));
        calls.with([&](auto& all) { all.push_back(request); });
    }};
    const Site site{kBurn};
    std::ofstream{site.config(), std::ios::app} << fmt::format(
        "heartbeat: {{url: \"{}/ping/0123-4567-89ab\", every: 10s}}\n", listener.url());
    const auto daemon = site.start();
    REQUIRE(eventually([&] { return !calls.copy().empty(); }));
    CHECK(calls.copy().front().starts_with("GET /ping/0123-4567-89ab HTTP/1.1\r\n"));

    status = 500;
    REQUIRE(eventually([&] { return contains(daemon->err(), "heartbeat: is not heard: HTTP 500"); },
                       60s));
    const auto failed = calls.copy().size();
    status = 200;
    REQUIRE(eventually([&] { return contains(daemon->err(), "heartbeat: is heard again"); }, 60s));
    CHECK(calls.copy().size() > failed);
    CHECK_FALSE(contains(daemon->err(), "0123-4567-89ab"));
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(5s) == 0);
}

TEST_CASE("a heartbeat is not called while the gateway cannot be read") {
    base::Guarded<int> calls;
    const RawServer listener{[&](int socket, const std::string&) {
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        calls.with([](auto& count) { ++count; });
    }};
    const Site site{kBurn};
    std::ofstream{site.config(), std::ios::app}
        << fmt::format("heartbeat: {{url: \"{}/\", every: 10s}}\n", listener.url());
    site.gateway("ALTER TABLE logs RENAME TO elsewhere");
    const Program daemon{{"run", "--config", site.config()}};
    REQUIRE(eventually([&] { return http_get(site.port(), "/readyz").status == 503; }));
    // Who is called by a daemon that is well is called within 5 s.
    CHECK_FALSE(eventually([&] { return calls.copy() > 0; }, 7s));
    site.gateway("ALTER TABLE elsewhere RENAME TO logs");
    CHECK(eventually([&] { return calls.copy() > 0; }, 60s));
}
