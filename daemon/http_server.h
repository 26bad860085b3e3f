#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/http_message.h"
#include "daemon/request_loop.h"

namespace quotafuse::daemon {

/// An IP address and a port, as in 127.0.0.1:8787 or [::1]:8787.
struct ListenAddress {
    std::string ip;
    std::uint16_t port = 0;  // 0: the system picks one (tests)

    bool is_loopback() const;
    std::string text() const;
};

/// Throws Failure (config) when `text` is not an IP address with a port.
ListenAddress parse_listen_address(std::string_view text);

/// 127.0.0.0/8, ::1, or the first as an IPv6 address.
bool is_loopback_ip(std::string_view ip);

/// A bounded HTTP/1.1 server for GET, HEAD and POSTs of a login: one request a connection, errors
/// in one JSON shape, strict headers on each reply. A handler's exception becomes a 500 and a line
/// in the log.
class HttpServer {
public:
    /// Listens at once. Throws Failure: unavailable when the address is taken or cannot be had.
    /// `clock` and `log` outlive the server.
    HttpServer(const ListenAddress& listen, HttpHandler handler, const base::Clock& clock,
               const base::Log& log, const RequestLimits& limits = {});

    /// With the port that the system picked, if it did.
    const ListenAddress& address() const { return address_; }
    /// Sends `bytes`, one server-sent event, to all whose reply listens. Any thread.
    void publish(std::string bytes) { loop_.publish(std::move(bytes)); }

private:
    ListenAddress address_;
    RequestLoop loop_;
};

}  // namespace quotafuse::daemon
