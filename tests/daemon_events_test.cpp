#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/status_site.h"

namespace quotafuse::daemon {
namespace {

using namespace std::chrono_literals;

const std::string kListen = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// One that listens, after the opening of its stream came.
std::unique_ptr<RawClient> listener(int port) {
    auto client = std::make_unique<RawClient>(port);
    REQUIRE(client->send(kListen));
    const auto opening = client->receive_until("retry: 5000\n\n");
    REQUIRE(status_of(opening) == 200);
    return client;
}

TEST_CASE("a page that listens is told what is published, and at once what was told last") {
    Running run;
    const RawClient early{run.port};
    REQUIRE(early.send(kListen));
    const auto opening = early.receive_until("retry: 5000\n\n");
    for (const auto* const header :
         {"Content-Type: text/event-stream\r\n", "Cache-Control: no-store\r\n",
          "X-Accel-Buffering: no\r\n", "Connection: close\r\n",
          "X-Content-Type-Options: nosniff\r\n"}) {
        CAPTURE(header);
        CHECK(contains(opening, header));
    }
    CHECK(body_of(opening) == "retry: 5000\n\n");
    run.server.publish(R"({"rows":1})");
    CHECK(early.receive_until("}\n\n") == "event: status\ndata: {\"rows\":1}\n\n");
    run.server.publish(R"({"rows":2})");
    CHECK(early.receive_until("}\n\n") == "event: status\ndata: {\"rows\":2}\n\n");
    const RawClient late{run.port};
    REQUIRE(late.send(kListen));
    CHECK(body_of(late.receive_until("}\n\n")) ==
          "retry: 5000\n\nevent: status\ndata: {\"rows\":2}\n\n");
}

TEST_CASE("a listener gets signs of life while nothing happens") {
    const Running run{{.request_time = 100ms, .alive_interval = 30ms}};
    const RawClient client{run.port};
    REQUIRE(client.send(kListen));
    CHECK(contains(client.receive_until(": alive\n\n", 10), ": alive\n\n: alive\n\n"));
}

TEST_CASE("a listener has to come again after a while, so that who was logged out hears no more") {
    const Running run{{.listen_time = 100ms}};
    const auto reply = ask(run.port, kListen);
    CHECK(body_of(reply) == "retry: 5000\n\n");
}

TEST_CASE("above the limit of listeners a page is told to ask now and then, until one has left") {
    const Running run;
    std::vector<std::unique_ptr<RawClient>> listeners;
    for (int i = 0; i < 8; ++i) listeners.push_back(listener(run.port));
    const auto refused = ask(run.port, kListen);
    CHECK(error_status(refused) == 503);
    CHECK(contains(refused, "Retry-After: 60\r\n"));
    CHECK(status_of(get(run.port, "/api/v1/status")) == 200);
    listeners.pop_back();
    // The loop sees who left before, or while, it sees who comes.
    std::string opening;
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (status_of(opening) != 200 && std::chrono::steady_clock::now() < end) {
        listeners.push_back(std::make_unique<RawClient>(run.port));
        REQUIRE(listeners.back()->send(kListen));
        opening = listeners.back()->receive_until("\r\n\r\n");
    }
    CHECK(status_of(opening) == 200);
}

TEST_CASE("a listener that never reads is closed, and delays nobody") {
    Running run;
    const auto stuck = listener(run.port);
    const std::string large = '"' + std::string(60'000, 'x') + '"';
    // The system's buffers take some megabytes first.
    int published = 0;
    for (; published < 1000 && !stuck->is_reset_within(1ms); ++published) run.server.publish(large);
    CHECK(published > 1);
    CHECK(published < 1000);
    CHECK(status_of(get(run.port, "/api/v1/status")) == 200);
    const auto another = listener(run.port);
    another->receive_until("\"\n\n");
    run.server.publish(R"({"rows":3})");
    CHECK(contains(another->receive_until("}\n\n"), R"(data: {"rows":3})"));
}

TEST_CASE("HEAD does not listen") {
    const Running run;
    const auto reply = ask(run.port, "HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(status_of(reply) == 200);
    CHECK(contains(reply, "text/event-stream"));
    CHECK(body_of(reply).empty());
}

}  // namespace
}  // namespace quotafuse::daemon
