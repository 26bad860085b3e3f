#include "daemon/http_server.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/failure.h"
#include "daemon/http_exchange.h"
#include "daemon/http_stream.h"

namespace quotafuse::daemon {
namespace {

using base::ExitCode;
using base::Failure;

constexpr std::string_view kHeadEnd = "\r\n\r\n";

class HttpProtocol final : public RequestProtocol {
public:
    HttpProtocol(HttpHandler handler, std::size_t streams, const base::Log& log)
        : handler_(std::move(handler)), places_(streams), log_(log) {}

    std::optional<std::size_t> length(std::string_view bytes, std::size_t searched) const override {
        const auto from = searched < kHeadEnd.size() ? 0 : searched - kHeadEnd.size() + 1;
        const auto found = bytes.find(kHeadEnd, from);
        if (found == std::string_view::npos) return std::nullopt;
        const auto head = found + kHeadEnd.size();
        return head + announced_body(bytes.substr(0, head));
    }

    Answer answer(std::string_view request, const std::string& peer) const override {
        const auto head = request.find(kHeadEnd) + kHeadEnd.size();
        auto parsed = parse_head(request.substr(0, head));
        if (const auto* refused = std::get_if<HttpReply>(&parsed))
            return {.bytes = http_refusal(*refused)};
        auto& understood = std::get<HttpRequest>(parsed);
        understood.peer = peer;
        understood.body = request.substr(head);
        const bool whole = understood.method != "HEAD";
        const bool chunked = understood.reads_chunks;
        HttpReply open;
        auto bytes = http_exchange(
            std::move(understood), [this](const auto& decoded) { return handle(decoded); }, open);
        if (!open.stream && !open.listens) return {.bytes = std::move(bytes)};
        return begin(open, whole, chunked);
    }

    std::string alive() const override { return ": alive\n\n"; }

    std::string refuse(Refusal why) const override {
        switch (why) {
            case Refusal::too_large:
                return http_refusal(error_reply(431, "the request's headers are too large"));
            case Refusal::too_slow:
                return http_refusal(error_reply(408, "the request took too long to arrive"));
            case Refusal::too_busy:
                return http_refusal(busy("too many requests at once; try again in a second", "1"));
            case Refusal::too_many_listeners:
                return http_refusal(busy("too many pages listen; ask every few seconds", "60"));
        }
        std::abort();
    }

private:
    static HttpReply busy(std::string_view message, const char* seconds) {
        auto reply = error_reply(503, message);
        reply.headers.emplace_back("Retry-After", seconds);
        return reply;
    }

    /// The head of a reply that goes on, unless only the head was asked for.
    Answer begin(const HttpReply& reply, bool whole, bool chunked) const {
        if (!whole) return {.bytes = stream_head(reply, chunked && reply.stream)};
        if (reply.listens)
            return {.bytes = stream_head(reply, false) + reply.body, .listens = true};
        auto rest = places_.take(reply.stream, chunked);
        if (!rest) {
            return {.bytes = http_refusal(
                        busy("too many exports at once; try again when one has ended", "10"))};
        }
        return {.bytes = stream_head(reply, chunked), .rest = std::move(rest)};
    }

    HttpReply handle(const HttpRequest& request) const {
        try {
            return handler_(request);
        } catch (const std::exception& e) {
            log_.error(fmt::format("{} {} failed: {}", request.method, request.path, e.what()));
            return error_reply(500, "the request failed; the daemon's log says why");
        }
    }

    HttpHandler handler_;
    mutable StreamPlaces places_;
    const base::Log& log_;
};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<SocketAddress> socket_address(const std::string& ip, std::uint16_t port) {
    SocketAddress address;
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    if (::inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        address.size = sizeof v4;
    } else if (::inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        address.size = sizeof v6;
    } else {
        return std::nullopt;
    }
    return address;
}

[[noreturn]] void fail_to_listen(const ListenAddress& at) {
    const auto why = errno == EADDRINUSE ? "another program listens there" : std::strerror(errno);
    throw Failure(ExitCode::unavailable,
                  fmt::format("cannot listen on {}: {}; set status.listen to a free address",
                              at.text(), why));
}

FileDescriptor open_listener(const ListenAddress& at) {
    auto address = socket_address(at.ip, at.port);
    if (!address) throw Failure(ExitCode::config, fmt::format("'{}' is not an IP address", at.ip));
    FileDescriptor socket{
        ::socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const int on = 1;
    // A restart may meet connections of its predecessor in TIME_WAIT; a live listener is still
    // refused.
    if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        fail_to_listen(at);
    }
    if (address->storage.ss_family == AF_INET6 &&
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
        fail_to_listen(at);
    }
    if (::bind(socket.get(), address->get(), address->size) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0) {
        fail_to_listen(at);
    }
    return socket;
}

std::uint16_t bound_port(const FileDescriptor& socket) {
    SocketAddress address;
    address.size = sizeof address.storage;
    if (::getsockname(socket.get(), address.get(), &address.size) != 0) {
        throw Failure(ExitCode::unavailable, fmt::format("getsockname: {}", std::strerror(errno)));
    }
    if (address.storage.ss_family == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port);
    }
    return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

/// Listens and, where the port was 0, writes the one that the system picked into `address`.
FileDescriptor listen_on(ListenAddress& address) {
    auto socket = open_listener(address);
    address.port = bound_port(socket);
    return socket;
}

}  // namespace

bool is_loopback_ip(std::string_view ip) {
    const auto address = socket_address(std::string{ip}, 0);
    if (!address) return false;
    if (address->storage.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address->storage);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address->storage).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool ListenAddress::is_loopback() const {
    return is_loopback_ip(ip);
}

std::string ListenAddress::text() const {
    const bool v6 = ip.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", ip, port) : fmt::format("{}:{}", ip, port);
}

ListenAddress parse_listen_address(std::string_view text) {
    const auto wrong = [&] {
        return Failure(
            ExitCode::config,
            fmt::format("'{}' is not an address to listen on; write an IP address and a port, "
                        "as 127.0.0.1:8787 or \"[::1]:8787\"",
                        text));
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) throw wrong();
    auto ip = text.substr(0, colon);
    const auto digits = text.substr(colon + 1);
    const bool brackets = ip.size() >= 2 && ip.front() == '[' && ip.back() == ']';
    if (brackets) ip = ip.substr(1, ip.size() - 2);
    ListenAddress address{.ip = std::string{ip}};
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
    if (error != std::errc{} || end != digits.data() + digits.size()) throw wrong();
    const bool v6 = ip.find(':') != std::string_view::npos;
    if (v6 != brackets || !socket_address(address.ip, address.port)) throw wrong();
    return address;
}

HttpServer::HttpServer(const ListenAddress& listen, HttpHandler handler, const base::Clock& clock,
                       const base::Log& log, const RequestLimits& limits)
    : address_(listen),
      loop_(listen_on(address_),
            std::make_unique<HttpProtocol>(std::move(handler), limits.streams, log), limits, clock,
            log) {}

}  // namespace quotafuse::daemon
