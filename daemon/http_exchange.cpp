#include "daemon/http_exchange.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

namespace quotafuse::daemon {
namespace {

constexpr auto kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action {}";

// No Cross-Origin-Opener-Policy: it makes the browser start a process anew, 40 ms, and keeps from a
// window that opened ours only what SameSite=Strict and frame-ancestors keep from it already.
constexpr std::array<std::pair<const char*, const char*>, 2> kStrictHeaders{{
    {"X-Content-Type-Options", "nosniff"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
}};

/// A request and its reply in memory: cpp-httplib never sees a socket, so no client can make it
/// wait.
class MemoryStream final : public httplib::Stream {
public:
    explicit MemoryStream(std::string input) : input_(std::move(input)) {}

    bool is_readable() const override { return read_ < input_.size(); }
    bool is_writable() const override { return true; }
    ssize_t read(char* to, size_t size) override {
        const auto count = std::min(size, input_.size() - read_);
        std::memcpy(to, input_.data() + read_, count);
        read_ += count;
        return static_cast<ssize_t>(count);
    }
    ssize_t write(const char* from, size_t size) override {
        output_.append(from, size);
        return static_cast<ssize_t>(size);
    }
    void get_remote_ip_and_port(std::string&, int&) const override {}
    void get_local_ip_and_port(std::string&, int&) const override {}
    socket_t socket() const override { return INVALID_SOCKET; }

    std::string take_output() { return std::move(output_); }

private:
    std::string input_;
    std::size_t read_ = 0;
    std::string output_;
};

/// cpp-httplib's reading and writing of HTTP without its listening: its accept loop gives a thread
/// to each client that merely connects.
class Exchange final : public httplib::Server {
public:
    void run(MemoryStream& stream) {
        bool closed = false;
#ifdef CPPHTTPLIB_SERVER_READ_TIMEOUT_SECOND  // newer than 0.11, which has no number to compare
        process_request(stream, {}, 0, {}, 0, true, closed, nullptr);
#else
        process_request(stream, true, closed, nullptr);
#endif
    }
};

void fill(httplib::Response& to, const HttpReply& reply) {
    to.status = reply.status;
    for (const auto& [name, value] : strict_headers(reply)) to.set_header(name, value);
    if (!reply.content_type.empty()) to.set_content(reply.body, reply.content_type);
}

}  // namespace

std::string http_exchange(HttpRequest request, const HttpHandler& handler, HttpReply& open) {
    // Only what it has to decode: bodies, ranges, encodings and expectations of a stranger stay
    // outside.
    MemoryStream stream{fmt::format("{} {} HTTP/1.1\r\nConnection: close\r\n\r\n",
                                    request.method == "HEAD" ? "HEAD" : "GET", request.target)};
    bool stays_open = false;
    Exchange exchange;
    exchange.set_pre_routing_handler(
        [&](const httplib::Request& decoded, httplib::Response& response) {
            request.path = decoded.path;
            request.query = {decoded.params.begin(), decoded.params.end()};
            auto reply = handler(request);
            if (reply.stream || reply.listens) {
                open = std::move(reply);
                stays_open = true;
            } else {
                fill(response, reply);
            }
            return httplib::Server::HandlerResponse::Handled;
        });
    exchange.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (response.body.empty())
            fill(response, error_reply(response.status, "the request is malformed"));
    });
    exchange.run(stream);
    return stays_open ? std::string{} : stream.take_output();
}

std::string http_refusal(const HttpReply& reply) {
    HttpReply none;
    return http_exchange(
        {.method = "GET", .target = "/"}, [&](const HttpRequest&) { return reply; }, none);
}

std::vector<std::pair<std::string, std::string>> strict_headers(const HttpReply& reply) {
    // A form that is sent from a page without a referrer has no origin, and would be refused.
    std::vector<std::pair<std::string, std::string>> headers{
        {"Content-Security-Policy", fmt::format(kPolicy, reply.has_form ? "'self'" : "'none'")},
        {"Referrer-Policy", reply.has_form ? "same-origin" : "no-referrer"},
        {"Cache-Control", reply.cache_control}};
    headers.insert(headers.end(), kStrictHeaders.begin(), kStrictHeaders.end());
    headers.insert(headers.end(), reply.headers.begin(), reply.headers.end());
    return headers;
}

}  // namespace quotafuse::daemon
