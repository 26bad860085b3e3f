#pragma once
// A status server to talk to, byte by byte where a test needs it.

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "daemon/status_server.h"

namespace quotafuse::daemon {

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

    /// What comes until `end` has come `times` times; less where the server closes, or after five
    /// seconds.
    std::string receive_until(std::string_view end, int times = 1) const {
        std::string all;
        std::array<char, 4096> buffer{};
        for (;;) {
            int seen = 0;
            for (auto at = all.find(end); at != all.npos; at = all.find(end, at + 1)) ++seen;
            if (seen >= times) return all;
            const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) return all;
            all.append(buffer.data(), static_cast<std::size_t>(got));
        }
    }

    bool is_reset_within(std::chrono::milliseconds time) const {
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

inline std::string ask(int port, std::string_view bytes) {
    const RawClient client{port};
    client.send(bytes);
    return client.receive_all();
}

inline std::string get(int port, const std::string& target, const std::string& more_headers = "") {
    return ask(port, "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more_headers + "\r\n");
}

inline int status_of(const std::string& reply) {
    return reply.starts_with("HTTP/1.1 ") ? std::stoi(reply.substr(9, 3)) : 0;
}

inline std::string body_of(const std::string& reply) {
    return reply.substr(reply.find("\r\n\r\n") + 4);
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// The status of an error, having checked that its body has the one shape of errors.
inline int error_status(const std::string& reply) {
    const auto body = nlohmann::json::parse(body_of(reply), nullptr, false);
    REQUIRE(body.is_object());
    CHECK(body["error"]["status"] == status_of(reply));
    CHECK_FALSE(body["error"]["message"].get<std::string>().empty());
    CHECK(contains(reply, "Content-Security-Policy: default-src 'none';"));
    return status_of(reply);
}

struct Running : Fixture {
    explicit Running(const RequestLimits& limits = {}, StatusPages pages = {},
                     AccessSettings access = {})
        : server({.ip = "127.0.0.1"}, view, clock, log, limits, std::move(pages), std::move(access),
                 &sessions),
          port(server.port()) {}
    Sessions sessions{clock};
    StatusServer server;
    int port;
};
}  // namespace quotafuse::daemon
