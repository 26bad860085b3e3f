#include "daemon/request_connection.h"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

namespace quotafuse::daemon {

short RequestConnection::events() const {
    switch (phase) {
        case Phase::reading:
        case Phase::draining:
            return POLLIN;
        case Phase::writing:
            return POLLOUT;
        case Phase::listening:
            return static_cast<short>(unsent() > 0 ? POLLIN | POLLOUT : POLLIN);
        // Not while a thread works for it: poll would report a hang-up again and again.
        case Phase::answering:
        case Phase::producing:
        case Phase::done:
            return 0;
    }
    std::abort();
}

RequestConnection::Sent RequestConnection::send_some() {
    const auto before = sent;
    while (sent < bytes.size()) {
        const auto put =
            ::send(socket.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (put < 0 && would_block()) return sent > before ? Sent::some : Sent::nothing;
        if (put < 0) return Sent::lost;
        sent += static_cast<std::size_t>(put);
    }
    bytes = {};
    sent = 0;
    return Sent::all;
}

bool RequestConnection::drop_input(char* buffer, std::size_t size) const {
    const auto got = ::recv(socket.get(), buffer, size, 0);
    return got > 0 || (got < 0 && would_block());
}

void RequestConnection::half_close() const {
    ::shutdown(socket.get(), SHUT_WR);
}

void RequestConnection::break_off() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    producer.reset();
    phase = Phase::done;
}

void RequestConnection::give_up_after(base::Milliseconds time) const {
    const auto most = static_cast<unsigned>(time.count());
    // Only TCP knows it; elsewhere the peer is a program of this host.
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most);
}

std::string peer_address(const sockaddr_storage& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    } else if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
    return text.data();
}

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace quotafuse::daemon
