#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/failure.h"
#include "daemon/status_server.h"
#include "daemon/web_files.h"

namespace quotafuse::daemon {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

class FixedView final : public StatusView {
public:
    std::string status_json() const override { return R"({"version":"0.1.0","rows":42})"; }
    Readiness readiness() const override { return {ready, reasons}; }
    bool alive() const override { return living; }

    bool ready = true;
    bool living = true;
    std::vector<std::string> reasons;
};

/// A client that sends exactly the bytes it is told to.
class RawClient {
public:
    explicit RawClient(int port, const char* ip = "127.0.0.1") {
        sockaddr_in v4{.sin_family = AF_INET,
                       .sin_port = htons(static_cast<std::uint16_t>(port)),
                       .sin_addr = {},
                       .sin_zero = {}};
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = v4.sin_port;
        if (::inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
            open(AF_INET, reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
        } else {
            REQUIRE(::inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1);
            open(AF_INET6, reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
        }
    }

    /// False when the server has already hung up.
    bool send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// Everything until the server closes; at most five seconds.
    std::string receive_all() const {
        std::string all;
        std::array<char, 4096> buffer{};
        for (;;) {
            const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (got < 0) all += "[receive failed]";
            if (got <= 0) return all;
            all.append(buffer.data(), static_cast<std::size_t>(got));
        }
    }

    bool is_reset_within(milliseconds time) const {
        pollfd watched{socket_.get(), 0,
                       0};  // no event asked for: only errors and resets are reported
        return ::poll(&watched, 1, static_cast<int>(time.count())) > 0;
    }

private:
    void open(int family, const sockaddr* address, socklen_t size) {
        socket_ = FileDescriptor{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ==
                0);
        REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) ==
                0);
        REQUIRE(::connect(socket_.get(), address, size) == 0);
    }

    FileDescriptor socket_;
};

struct Fixture {
    base::SystemClock clock;
    base::Log log{base::Level::error};
    FixedView view;
};

std::string ask(int port, std::string_view bytes) {
    const RawClient client{port};
    client.send(bytes);
    return client.receive_all();
}

std::string get(int port, const std::string& target, const std::string& more_headers = "") {
    return ask(port, "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more_headers + "\r\n");
}

int status_of(const std::string& reply) {
    return reply.starts_with("HTTP/1.1 ") ? std::stoi(reply.substr(9, 3)) : 0;
}

std::string body_of(const std::string& reply) {
    return reply.substr(reply.find("\r\n\r\n") + 4);
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// The status of an error, having checked that its body has the one shape of errors.
int error_status(const std::string& reply) {
    const auto body = json::parse(body_of(reply), nullptr, false);
    REQUIRE(body.is_object());
    CHECK(body["error"]["status"] == status_of(reply));
    CHECK_FALSE(body["error"]["message"].get<std::string>().empty());
    CHECK(contains(reply, "Content-Security-Policy: default-src 'none';"));
    return status_of(reply);
}

struct Running : Fixture {
    explicit Running(const RequestLimits& limits = {})
        : server({.ip = "127.0.0.1"}, view, clock, log, limits), port(server.port()) {}
    StatusServer server;
    int port;
};

TEST_CASE("the status is served to a direct request with strict headers") {
    const Running run;
    const auto reply = get(run.port, "/api/v1/status");
    CHECK(status_of(reply) == 200);
    CHECK(body_of(reply) == R"({"version":"0.1.0","rows":42})");
    for (const auto* header :
         {"Content-Type: application/json\r\n", "Cache-Control: no-store\r\n",
          "Connection: close\r\n", "X-Content-Type-Options: nosniff\r\n",
          "Referrer-Policy: no-referrer\r\n", "Cross-Origin-Resource-Policy: same-origin\r\n",
          "Content-Length: 29\r\n",
          "script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"}) {
        CAPTURE(header);
        CHECK(contains(reply, header));
    }
}

TEST_CASE(
    "every embedded file of the page is served as its own type, and the page names only files that "
    "exist") {
    const Running run;
    const auto page = get(run.port, "/");
    CHECK(status_of(page) == 200);
    CHECK(contains(page, "Content-Type: text/html; charset=utf-8"));
    REQUIRE(web_files().size() >= 5);
    for (const auto& file : web_files()) {
        CAPTURE(file.name);
        const auto reply = get(run.port, "/" + std::string{file.name});
        CHECK(status_of(reply) == 200);
        CHECK(body_of(reply) == file.content);
        CHECK_FALSE(contains(reply, "octet-stream"));
    }
    for (const auto* name : {"/app.js", "/app.css", "/favicon.svg"}) CHECK(contains(page, name));
}

TEST_CASE("the page has no inline script or style and its script never writes markup") {
    for (const auto& file : web_files()) {
        CAPTURE(file.name);
        for (const auto* forbidden :
             {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
              " style=", "<style", "onclick=", "http://", "https://"}) {
            CAPTURE(forbidden);
            if (file.name == "favicon.svg")
                continue;  // its namespace is an address that nobody fetches
            CHECK_FALSE(contains(file.content, forbidden));
        }
    }
}

TEST_CASE("HEAD gives the headers of GET without the body") {
    const Running run;
    const auto reply = ask(run.port, "HEAD /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(status_of(reply) == 200);
    CHECK(contains(reply, "Content-Length: 29\r\n"));
    CHECK(body_of(reply).empty());
}

TEST_CASE("other methods get 405 with the methods that are allowed") {
    const Running run;
    for (const std::string method :
         {"POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "get", "BREW"}) {
        CAPTURE(method);
        const auto reply =
            ask(run.port,
                method +
                    " /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nbody");
        CHECK(error_status(reply) == 405);
        CHECK(contains(reply, "Allow: GET, HEAD\r\n"));
    }
}

TEST_CASE("a request with a body is refused") {
    const Running run;
    CHECK(error_status(get(run.port, "/", "Content-Length: 5\r\n")) == 413);
    CHECK(error_status(get(run.port, "/", "Content-Length: -1\r\n")) == 413);
    CHECK(error_status(get(run.port, "/", "Transfer-Encoding: chunked\r\n")) == 400);
    CHECK(status_of(get(run.port, "/", "Content-Length: 0\r\n")) == 200);
}

TEST_CASE("a malformed request gets an error in the one shape") {
    const Running run;
    const std::vector<std::pair<std::string, int>> requests{
        {"nonsense\r\n\r\n", 400},
        {"\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET http://127.0.0.1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
        {"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n folded: line\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400},
        {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414},
    };
    for (const auto& [text, status] : requests) {
        const auto& request = text;
        CAPTURE(request);
        CHECK(error_status(ask(run.port, request)) == status);
    }
}

TEST_CASE("a path that climbs or is encoded reaches no file") {
    const Running run;
    for (const auto* target :
         {"/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
          "/web/app.js", "/app.js%00.html", "/api/v1/status/", "/api/v1", "/index.html/", "/%",
          "/%zz"}) {
        CAPTURE(target);
        CHECK(error_status(get(run.port, target)) == 404);
    }
    CHECK(status_of(get(run.port, "/app.js?v=1#x")) == 200);
}

TEST_CASE("ranges and encodings of a client change nothing") {
    const Running run;
    std::string ranges = "Range: bytes=0-";
    for (int i = 0; i < 4000; ++i) ranges += ",0-";
    const auto reply = get(run.port, "/app.js",
                           ranges + "\r\nAccept-Encoding: gzip, br\r\nExpect: 100-continue\r\n");
    CHECK(status_of(reply) == 200);
    CHECK(body_of(reply) == body_of(get(run.port, "/app.js")));
}

TEST_CASE("a request that is not direct is refused and told of a tunnel") {
    const Running run;
    for (const auto* header :
         {"X-Forwarded-For: 10.0.0.1", "x-forwarded-host: status.example",
          "X-Forwarded-Proto: https", "Forwarded: for=10.0.0.1", "X-Real-IP: 127.0.0.1",
          "Via: 1.1 proxy", "CF-Connecting-IP: 10.0.0.1", "True-Client-IP: 10.0.0.1"}) {
        CAPTURE(header);
        const auto reply = get(run.port, "/api/v1/status", std::string{header} + "\r\n");
        CHECK(error_status(reply) == 403);
        CHECK(contains(reply, "ssh -L"));
        CHECK(error_status(get(run.port, "/", std::string{header} + "\r\n")) == 403);
    }
}

TEST_CASE("only the names of the loopback interface are accepted as Host") {
    const Running run;
    const auto with_host = [&](const std::string& host) {
        return status_of(ask(run.port, "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
    };
    for (const auto* host :
         {"127.0.0.1", "127.0.0.1:8787", "localhost", "LocalHost:1", "[::1]", "[::1]:8787"}) {
        CAPTURE(host);
        CHECK(with_host(host) == 200);
    }
    for (const auto* host :
         {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8787",
          "localhost:80@evil.example", "192.168.1.2:8787", "::1", "", "127.0.0.1:8787:1"}) {
        CAPTURE(host);
        CHECK(with_host(host) == 403);
    }
}

TEST_CASE("a peer that is not loopback is refused whatever it claims") {
    const FixedView view;
    HttpRequest request{.method = "GET",
                        .target = "/",
                        .path = "/",
                        .headers = {{"host", "127.0.0.1"}},
                        .peer = "192.168.1.7"};
    CHECK(answer_status_request(view, request).status == 403);
    request.peer = "::ffff:127.0.0.1";
    CHECK(answer_status_request(view, request).status == 200);
}

TEST_CASE("health and readiness answer probes that come through a proxy") {
    Running run;
    const auto probe = [&](const std::string& path) {
        return ask(run.port,
                   "GET " + path +
                       " HTTP/1.1\r\nHost: status.example\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n");
    };
    CHECK(body_of(probe("/healthz")) == "ok\n");
    // Without the reasons, which may name hosts and accounts.
    CHECK(json::parse(body_of(probe("/readyz"))) == json{{"ready", true}});
}

TEST_CASE("health and readiness are 503 when the daemon says so") {
    Fixture f;
    f.view.living = false;
    f.view.ready = false;
    f.view.reasons = {"the gateway's database cannot be reached: \xff"};
    const StatusServer server{{.ip = "127.0.0.1"}, f.view, f.clock, f.log};
    CHECK(error_status(get(server.port(), "/healthz")) == 503);
    const auto reply = get(server.port(), "/readyz");
    CHECK(status_of(reply) == 503);
    CHECK(json::parse(body_of(reply))["reasons"][0] ==
          "the gateway's database cannot be reached: \uFFFD");
}

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
