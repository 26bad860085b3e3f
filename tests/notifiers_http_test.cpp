#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notifiers/http_client.h"
#include "support/chat_services.h"
#include "support/outcome_names.h"
#include "support/tls_service.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

namespace {

HttpReply post(const HttpOptions& options, const std::string& url) {
    HttpClient client{options};
    return client.post(base::Secret{url}, "{}");
}

Judge says_ok() {
    return [](const Call&) { return Judgement{{200, "fine"}, ""}; };
}

/// Somebody who listens but takes no more calls: they get no answer at all.
class FullQueue {
public:
    FullQueue() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        REQUIRE(::bind(open(0), any, size) == 0);
        REQUIRE(::listen(sockets_.front(), 0) == 0);
        REQUIRE(::getsockname(sockets_.front(), any, &size) == 0);
        port_ = ntohs(address.sin_port);
        for (int i = 0; i < 4; ++i) ::connect(open(SOCK_NONBLOCK), any, size);
    }
    ~FullQueue() {
        for (const int one : sockets_) ::close(one);
    }
    FullQueue(const FullQueue&) = delete;
    FullQueue& operator=(const FullQueue&) = delete;
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

private:
    int open(int flags) {
        sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
        return sockets_.back();
    }
    std::vector<int> sockets_;  // the first one listens
    int port_ = 0;
};

}  // namespace

TEST_CASE(
    "a request is one POST of JSON without Expect, and its answer comes back with its headers") {
    std::string seen;
    const RawServer server{[&](int socket, const std::string& request) {
        seen = request;
        RawServer::say(socket,
                       "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nlater");
    }};
    const auto reply = post({}, server.url() + "/hook?key=1");
    CHECK(reply.transport == Kind::ok);
    CHECK(reply.status == 429);
    CHECK(reply.body == "later");
    CHECK(reply.seconds("retry-after") == 7s);
    CHECK(reply.seconds("x-other") == 0s);
    CHECK(seen.starts_with("POST /hook?key=1 HTTP/1.1\r\n"));
    CHECK(seen.find("Content-Type: application/json; charset=utf-8\r\n") != std::string::npos);
    CHECK(seen.find("Expect") == std::string::npos);
}

TEST_CASE("a GET has no body and says nothing of one") {
    std::string seen;
    const RawServer server{[&](int socket, const std::string& request) {
        seen = request;
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nping");
    }};
    HttpClient client{{}};
    CHECK(client.get(base::Secret{server.url() + "/ping/1"}).body == "ping");
    CHECK(seen.starts_with("GET /ping/1 HTTP/1.1\r\n"));
    CHECK(seen.find("Content-") == std::string::npos);
    // The same client posts again, as if nothing had been.
    CHECK(client.post(base::Secret{server.url()}, "{}").body == "ping");
    CHECK(seen.starts_with("POST / HTTP/1.1\r\n"));
    CHECK(seen.ends_with("\r\n\r\n{}"));
}

TEST_CASE("a failure at the proxy is told apart from one of the service") {
    const RawServer proxy{[](int socket, const std::string&) {
        RawServer::say(socket,
                       "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                       "Content-Length: 0\r\n\r\n");
    }};
    HttpOptions options;
    options.proxy = base::Secret{"http://user:proxy-password@" + proxy.url().substr(7)};
    auto reply = post(options, "https://far.example/");
    CHECK(reply.at_proxy);
    CHECK(reply.transport == Kind::transient);
    CHECK(reply.error.find("407") != std::string::npos);
    CHECK(reply.error.find("proxy-password") == std::string::npos);
    for (const auto* const scheme : {"http://", "socks5h://"}) {
        options.proxy = base::Secret{scheme + refusing_url().substr(7)};
        reply = post(options, "https://far.example/");
        CHECK(reply.at_proxy);
        CHECK(reply.transport == Kind::transient);
    }
    CHECK_FALSE(post({}, refusing_url()).at_proxy);
}

TEST_CASE("a proxy's 407 that breaks off means that nothing was passed on") {
    const RawServer proxy{[](int socket, const std::string&) {
        RawServer::say(socket, "HTTP/1.1 407 Who\r\nContent-Length: 100\r\n\r\npart");
    }};
    HttpOptions options;
    options.proxy = base::Secret{proxy.url()};
    const auto reply = post(options, "http://far.example/");
    CHECK(reply.transport == Kind::transient);
    CHECK(reply.at_proxy);
}

TEST_CASE("an endless answer is given up after 1 MiB, of which 64 KiB are kept") {  // X5
    const RawServer server{[](int socket, const std::string&) {
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
        for (int i = 0; i < 64; ++i)
            RawServer::say(socket, chunk);  // 4 MiB, unless the client goes away
    }};
    const auto reply = post({}, server.url());
    CHECK(reply.transport == Kind::ambiguous);
    CHECK(reply.status == 200);
    CHECK(reply.body.size() == 64 * 1024);
}

TEST_CASE("who does not answer the call itself is given up sooner than who thinks long") {
    const FullQueue silent;
    HttpOptions options;
    CHECK(options.connect_timeout == 5s);
    options.connect_timeout = 300ms;
    auto started = std::chrono::steady_clock::now();
    auto reply = post(options, silent.url());
    CHECK(reply.transport == Kind::transient);
    CHECK(std::chrono::steady_clock::now() - started < 3s);
    // Never later than the whole request.
    options.connect_timeout = 5s;
    options.timeout = 300ms;
    started = std::chrono::steady_clock::now();
    reply = post(options, silent.url());
    CHECK(reply.transport == Kind::transient);
    CHECK(std::chrono::steady_clock::now() - started < 3s);
}

TEST_CASE("an interrupt ends a hanging request at once, and every later one") {
    const RawServer server{RawServer::hang};
    HttpClient client{{}};
    std::jthread interrupter{[&] {
        std::this_thread::sleep_for(100ms);
        client.interrupt();
    }};
    const auto started = std::chrono::steady_clock::now();
    const auto reply = client.post(base::Secret{server.url()}, "{}");
    CHECK(reply.transport == Kind::ambiguous);
    CHECK(reply.error == "interrupted, the program stops");
    CHECK(client.post(base::Secret{server.url()}, "{}").transport == Kind::transient);
    CHECK(std::chrono::steady_clock::now() - started < 1s);
}

TEST_CASE("only the proxy of the settings counts, never one of the environment") {
    const ChatService service{says_ok()};
    for (const char* const name : {"http_proxy", "ALL_PROXY"})
        ::setenv(name, "http://127.0.0.1:1", 1);
    ::setenv("no_proxy", "*", 1);
    CHECK(post({}, service.url()).body == "fine");

    std::string seen;
    const RawServer proxy{[&](int socket, const std::string& request) {
        seen = request;
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy");
    }};
    HttpOptions options;
    options.proxy = base::Secret{"http://user:password@" + proxy.url().substr(7)};
    CHECK(post(options, "http://far.example/x").body == "proxy");
    for (const char* const name : {"http_proxy", "ALL_PROXY", "no_proxy"}) ::unsetenv(name);
    CHECK(seen.starts_with("POST http://far.example/x HTTP/1.1\r\n"));
    CHECK(seen.find("Proxy-Authorization: Basic ") != std::string::npos);
}

TEST_CASE("other schemes and broken URLs are permanent") {
    CHECK(post({}, "ftp://127.0.0.1/x").transport == Kind::permanent);
    CHECK(post({}, "http://127.0.0.1:99999/x").transport == Kind::permanent);
}

TEST_CASE(
    "a certificate that nobody vouches for is refused, one of the given CA is accepted") {  // X6
    TestAuthority authority{"a test"};
    const TlsService server{authority.issue("IP:127.0.0.1"),
                            [](const httplib::Request&, httplib::Response& response) {
                                response.set_content("fine", "text/plain");
                            }};
    CHECK(post({}, server.url()).transport == Kind::permanent);
    HttpOptions options;
    options.ca_file = authority.certificate();
    const auto reply = post(options, server.url());
    CHECK(reply.error == "");
    CHECK(reply.body == "fine");
    options.ca_file += ".missing";
    CHECK(post(options, server.url()).transport == Kind::permanent);
}

TEST_CASE("a proxy behind TLS is trusted by the same ca_file") {
    TestAuthority authority{"a proxy's"};
    const TlsService proxy{authority.issue("IP:127.0.0.1"),
                           [](const httplib::Request& request, httplib::Response& response) {
                               response.set_content("for " + request.target, "text/plain");
                           }};
    HttpOptions options;
    options.proxy = base::Secret{proxy.url()};
    CHECK(post(options, "http://far.example/x").transport == Kind::permanent);
    options.ca_file = authority.certificate();
    CHECK(post(options, "http://far.example/x").body == "for http://far.example/x");
}
