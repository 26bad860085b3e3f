#include <atomic>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/guarded.h"
#include "base/yaml.h"
#include "notifiers/heartbeat.h"
#include "support/chat_services.h"
#include "support/fake_clock.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

/// Counts what it is called, and answers with a status.
struct Listener {
    std::atomic<int> status{200};
    base::Guarded<std::vector<std::string>> requests;
    RawServer server{[this](int socket, const std::string& request) {
        const int now = status;
        RawServer::say(socket, fmt::format("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", now));
        requests.with([&](auto& all) { all.push_back(request); });
    }};
};

struct Site {
    explicit Site(const std::string& url) : heart(make(url)) {}
    std::unique_ptr<Heartbeat> make(const std::string& url) {
        HeartbeatSettings settings;
        settings.url = base::Secret{url + "/ping/0123456789abcdef"};
        return std::make_unique<Heartbeat>(settings, clock, [this](const std::string& why) {
            reports.with([&](auto& all) { all.push_back(why); });
        });
    }

    FakeClock clock{1'767'625'260};
    base::Guarded<std::vector<std::string>> reports;
    std::unique_ptr<Heartbeat> heart;
};

/// Waits for another thread; a test that waits in vain fails by its time limit of a minute.
template <class Holds>
bool soon(const Holds& holds) {
    const auto until = std::chrono::steady_clock::now() + 1min;
    while (!holds() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return holds();
}

/// Whether call number `number` comes at this time of the clock, told again and again that all is
/// well.
bool comes(const Site& site, const Listener& listener, std::size_t number) {
    return soon([&] {
        site.heart->alive(true);
        return listener.requests.copy().size() >= number;
    });
}

}  // namespace

TEST_CASE(
    "the heartbeat calls at once and then at its pace, only while it is told that all is well") {
    Listener listener;
    Site site{listener.server.url()};
    const auto calls = [&] { return listener.requests.copy().size(); };
    site.heart->alive(false);
    site.clock.advance(10min);
    CHECK(calls() == 0);

    REQUIRE(comes(site, listener, 1));
    CHECK(listener.requests.copy().front().starts_with("GET /ping/0123456789abcdef HTTP/1.1\r\n"));
    site.clock.advance(59s);
    site.heart->alive(true);
    site.clock.advance(1s);
    CHECK(calls() == 1);
    REQUIRE(comes(site, listener, 2));
    site.clock.advance(10min);
    site.heart->alive(false);
    CHECK(calls() == 2);
    CHECK(site.reports.copy().empty());
}

TEST_CASE(
    "a heartbeat that is not heard is told once, tried again sooner, and once more when it is") {
    Listener listener;
    listener.status = 500;
    Site site{listener.server.url()};
    const auto told = [&] { return site.reports.copy(); };
    REQUIRE(comes(site, listener, 1));
    for (const std::size_t number : {2U, 3U}) {
        site.clock.advance(10s);
        REQUIRE(comes(site, listener, number));
    }
    CHECK(told() == std::vector<std::string>{"HTTP 500"});
    listener.status = 204;
    for (const std::size_t number : {4U, 5U}) {
        site.clock.advance(60s);
        REQUIRE(comes(site, listener, number));
    }
    CHECK(told() == std::vector<std::string>{"HTTP 500", ""});
}

TEST_CASE("a heartbeat that nobody takes names no part of its URL's path") {
    Site site{refusing_url()};
    site.heart->alive(true);
    REQUIRE(soon([&] { return !site.reports.copy().empty(); }));
    CHECK(site.reports.copy().front().find("127.0.0.1") != std::string::npos);
    CHECK(site.reports.copy().front().find("0123456789abcdef") == std::string::npos);
}

TEST_CASE("a heartbeat ends in the middle of a call, without a report") {
    std::atomic<bool> called = false;
    const RawServer server{[&](int socket, const std::string& request) {
        called = true;
        RawServer::hang(socket, request);
    }};
    Site site{server.url()};
    site.heart->alive(true);
    REQUIRE(soon([&] { return called.load(); }));
    site.heart->alive(true);  // does not wait for the call
    const auto began = std::chrono::steady_clock::now();
    site.heart.reset();
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    CHECK(site.reports.copy().empty());
}

TEST_CASE("the heartbeat's keys are checked, and an unset URL leaves it out") {
    std::vector<std::string> lines;
    const auto read = [&](const std::string& yaml) {
        base::yaml::Diagnostics diagnostics;
        const auto document = base::yaml::parse("f", yaml, diagnostics);
        auto settings = read_heartbeat("f", document.value().root, diagnostics);
        lines = diagnostics.lines();
        return settings;
    };
    using Lines = std::vector<std::string>;
    const auto settings = read(
        "{url: \"https://beats.example/ping/0123456789abcdef\", every: 2m, "
        "proxy: \"http://u:proxy-password@127.0.0.1:1\"}");
    REQUIRE(settings);
    CHECK(lines.empty());
    CHECK(settings->every == 2min);
    CHECK(settings->secrets() == Lines{"0123456789abcdef", "u:proxy-password", "proxy-password",
                                       "dTpwcm94eS1wYXNzd29yZA=="});

    CHECK_FALSE(read("{url: \"\"}"));
    CHECK(lines == Lines{"f:1:7: warning: heartbeat is left out: its url is empty"});
    read("{url: \"ftp://x/\"}");
    CHECK(lines == Lines{"f:1:7: heartbeat.url must be an http:// or https:// URL"});
    read("{url: \"http://x/\", every: 1s}");
    CHECK(lines.size() == 1);
    read("{url: \"http://x/\", evry: 1m}");
    CHECK(lines == Lines{"f:1:20: unknown key 'evry' in heartbeat; did you mean 'every'?"});
}
