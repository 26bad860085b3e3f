#include <atomic>
#include <cerrno>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/failure.h"
#include "support/status_site.h"

namespace quotafuse::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

TEST_CASE(
    "huge and countless headers are refused, and the refusal arrives while they are still sent") {
    const Running run;
    CHECK(error_status(get(run.port, "/", "X: " + std::string(40 * 1024, 'x') + "\r\n")) == 431);
    std::string headers;
    for (int i = 0; i < 101; ++i) headers += "X: y\r\n";
    CHECK(error_status(get(run.port, "/", headers)) == 431);
    headers.clear();
    for (int i = 0; i < 200'000; ++i) headers += "X" + std::to_string(i) + ": y\r\n";
    const RawClient client{run.port};
    CHECK(client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n"));
    CHECK(error_status(client.receive_all()) == 431);
    CHECK(error_status(ask(run.port, std::string(1'000'000, '\n'))) == 431);
}

TEST_CASE("a client that still sends after its refusal is not reset, so that it can read why") {
    const Running run;
    const RawClient client{run.port};
    REQUIRE(client.send("GET / HTTP/1.1\r\nX: " + std::string(300'000, 'x')));
    CHECK(error_status(client.receive_all()) == 431);
    CHECK_FALSE(client.is_reset_within(100ms));
}

TEST_CASE("a client that sends byte by byte is told that time is up, however busily it sends") {
    const Running run{{.request_time = 300ms}};
    const RawClient client{run.port};
    const auto start = steady_clock::now();
    REQUIRE(client.send("GET / HTTP/1.1\r\nX: "));
    while (client.send("x") && steady_clock::now() - start < 450ms)
        std::this_thread::sleep_for(10ms);
    CHECK(error_status(client.receive_all()) == 408);
    CHECK(steady_clock::now() - start < 2s);
}

TEST_CASE("a client that says nothing is hung up on") {
    const Running run{{.request_time = 100ms}};
    const RawClient client{run.port};
    CHECK(client.receive_all().empty());
}

TEST_CASE("a hundred idle and a hundred dribbling clients do not delay another one") {
    const Running run;
    std::vector<std::unique_ptr<RawClient>> stuck;
    for (int i = 0; i < 200; ++i) {
        stuck.push_back(std::make_unique<RawClient>(run.port));
        if (i % 2 == 1) REQUIRE(stuck.back()->send("GET / HTTP/1.1\r\nHost: loc"));
    }
    for (int i = 0; i < 20; ++i) {
        const auto start = steady_clock::now();
        CHECK(status_of(get(run.port, "/api/v1/status")) == 200);
        CHECK(steady_clock::now() - start < 1s);
    }
}

TEST_CASE("above the limit of connections the oldest idle client makes room for a new one") {
    const Running run{{.connections = 4}};
    const RawClient oldest{run.port};
    std::vector<std::unique_ptr<RawClient>> stuck;
    for (int i = 0; i < 3; ++i) stuck.push_back(std::make_unique<RawClient>(run.port));
    CHECK(status_of(get(run.port, "/api/v1/status")) == 200);
    CHECK(error_status(oldest.receive_all()) == 503);
}

TEST_CASE("clients that never take their reply do not delay another one") {
    Fixture f;
    const HttpHandler handler = [](const HttpRequest& request) {
        const std::size_t size = request.path == "/large" ? 8'000'000 : 2;
        return HttpReply{.content_type = "text/plain", .body = std::string(size, 'x')};
    };
    const HttpServer server{{.ip = "127.0.0.1"}, handler, f.clock, f.log, {.threads = 2}};
    std::vector<std::unique_ptr<RawClient>> greedy;
    for (int i = 0; i < 4; ++i) {
        greedy.push_back(std::make_unique<RawClient>(server.address().port));
        REQUIRE(greedy.back()->send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }
    CHECK(body_of(get(server.address().port, "/small")) == "xx");
}

TEST_CASE("requests above the queue get 503 while the queued ones are served") {
    Fixture f;
    std::latch started{1};
    std::latch go_on{1};
    std::atomic<int> calls = 0;
    const HttpHandler handler = [&](const HttpRequest&) {
        if (calls++ == 0) {
            started.count_down();
            go_on.wait();
        }
        return HttpReply{.content_type = "text/plain", .body = "served"};
    };
    const HttpServer server{
        {.ip = "127.0.0.1"}, handler, f.clock, f.log, {.threads = 1, .queued = 1}};
    const int port = server.address().port;
    std::atomic<int> served = 0;
    std::atomic<int> refused = 0;
    const auto client = [&] {
        const auto reply = get(port, "/");
        served += body_of(reply) == "served";
        refused += contains(reply, "Retry-After: 1\r\n") && error_status(reply) == 503;
    };
    const std::jthread in_work{client};
    started.wait();
    std::vector<std::jthread> others;  // one of them finds a place in the queue
    for (int i = 0; i < 3; ++i) others.emplace_back(client);
    const auto end = steady_clock::now() + 5s;
    while (refused < 2 && steady_clock::now() < end) std::this_thread::sleep_for(5ms);
    CHECK(refused == 2);
    CHECK(served == 0);
    go_on.count_down();
    while (served < 2 && steady_clock::now() < end) std::this_thread::sleep_for(5ms);
    CHECK(served == 2);
}

TEST_CASE("a handler that throws gives a 500 without the reason") {
    Fixture f;
    const base::Log quiet{base::Level::error};
    const HttpServer server{
        {.ip = "127.0.0.1"},
        [](const HttpRequest&) -> HttpReply { throw std::runtime_error("inner detail"); },
        f.clock,
        quiet};
    const auto reply = get(server.address().port, "/");
    CHECK(error_status(reply) == 500);
    CHECK_FALSE(contains(reply, "inner detail"));
}

TEST_CASE("a handler gets the decoded path and query and the headers") {
    Fixture f;
    const HttpHandler echo = [](const HttpRequest& r) {
        const auto window = r.query.find("window");
        return HttpReply{.content_type = "text/plain",
                         .body = r.path + "|" + (window == r.query.end() ? "" : window->second) +
                                 "|" + *r.header("x-note") + "|" + r.peer};
    };
    const HttpServer server{{.ip = "127.0.0.1"}, echo, f.clock, f.log};
    const auto reply =
        get(server.address().port, "/a%20b?window=24h%26x&y=1", "X-Note:  some words \r\n");
    CHECK(body_of(reply) == "/a b|24h&x|some words|127.0.0.1");
}

TEST_CASE("many clients at once are all served") {
    const Running run;
    std::atomic<int> served = 0;
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < 8; ++i) {
            clients.emplace_back([&] {
                for (int k = 0; k < 25; ++k) served += status_of(get(run.port, "/app.js")) == 200;
            });
        }
    }
    CHECK(served == 200);
}

TEST_CASE("the server also listens on the IPv6 loopback") {
    Fixture f;
    const StatusServer server{parse_listen_address("[::1]:0"), f.view, f.clock, f.log};
    CHECK(server.url() == "http://[::1]:" + std::to_string(server.port()) + "/");
    const RawClient client{server.port(), "::1"};
    client.send("GET /api/v1/status HTTP/1.1\r\nHost: [::1]:8787\r\n\r\n");
    CHECK(status_of(client.receive_all()) == 200);
}

std::string failure_of(const std::function<void()>& action, base::ExitCode code) {
    try {
        action();
    } catch (const base::Failure& e) {
        CHECK(e.code() == code);
        return e.what();
    }
    FAIL("nothing was thrown");
    return {};
}

TEST_CASE("a port in use is an error that names the address") {
    const Running run;
    const ListenAddress taken{.ip = "127.0.0.1", .port = static_cast<std::uint16_t>(run.port)};
    const auto text =
        failure_of([&] { const StatusServer second(taken, run.view, run.clock, run.log); },
                   base::ExitCode::unavailable);
    CHECK(text == "cannot listen on 127.0.0.1:" + std::to_string(run.port) +
                      ": another program listens there; set status.listen to a free address");
}

TEST_CASE("an address that other hosts can reach is refused until there is a password") {
    Fixture f;
    for (const auto* address : {"0.0.0.0:8787", "[::]:8787", "192.168.1.2:80"}) {
        CAPTURE(address);
        const auto text = failure_of(
            [&] {
                const StatusServer server(parse_listen_address(address), f.view, f.clock, f.log);
            },
            base::ExitCode::config);
        CHECK(contains(text, "status.password"));
    }
}

TEST_CASE("an address to listen on is an IP address with a port") {
    CHECK(parse_listen_address("127.0.0.1:8787").text() == "127.0.0.1:8787");
    CHECK(parse_listen_address("[::1]:1").text() == "[::1]:1");
    CHECK(parse_listen_address("127.8.0.1:0").is_loopback());
    CHECK(parse_listen_address("[::ffff:127.0.0.1]:1").is_loopback());
    CHECK_FALSE(parse_listen_address("[::ffff:10.0.0.1]:1").is_loopback());
    for (const auto* text :
         {"", "8787", ":8787", "127.0.0.1", "localhost:8787", "::1:8787", "[127.0.0.1]:8787",
          "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8787x", "127.0.0.1: 1", "[::1]", "[]:1"}) {
        CAPTURE(text);
        CHECK(contains(failure_of([&] { parse_listen_address(text); }, base::ExitCode::config),
                       "127.0.0.1:8787"));
    }
}

TEST_CASE("a stop does not wait for idle clients") {
    Fixture f;
    std::optional<StatusServer> server;
    server.emplace(ListenAddress{.ip = "127.0.0.1"}, f.view, f.clock, f.log);
    const RawClient idle{server->port()};
    const auto start = steady_clock::now();
    server.reset();
    CHECK(steady_clock::now() - start < 1s);
    CHECK(idle.receive_all().find("HTTP") == std::string::npos);
}
}  // namespace
}  // namespace quotafuse::daemon
