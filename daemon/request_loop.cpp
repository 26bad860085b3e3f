#include "daemon/request_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <list>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "daemon/worker_pool.h"

namespace quotafuse::daemon {
namespace {

using base::Milliseconds;
using base::MonoTime;

// A client that still sends when we close would get a reset and lose our answer: read on for a
// moment.
constexpr Milliseconds kDrainTime{500};
constexpr Milliseconds kAcceptPause{100};
constexpr std::size_t kReadSize = 16 * 1024;

enum class Phase { reading, answering, writing, draining, done };

struct Connection {
    std::uint64_t id;
    FileDescriptor socket;
    std::string peer;
    MonoTime deadline;
    Phase phase = Phase::reading;
    std::string bytes{};   // what came so far, later what is to be sent
    std::size_t sent = 0;  // of bytes
    bool ready = false;    // the last poll saw something
};

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

short events_of(Phase phase) {
    switch (phase) {
        case Phase::reading:
        case Phase::draining:
            return POLLIN;
        case Phase::writing:
            return POLLOUT;
        case Phase::answering:
        case Phase::done:
            return 0;
    }
    std::abort();
}

FileDescriptor make_wake_descriptor() {
    FileDescriptor wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (!wake) throw std::system_error(errno, std::generic_category(), "eventfd");
    return wake;
}

}  // namespace

struct RequestLoop::Impl {
    Impl(FileDescriptor listening, std::unique_ptr<RequestProtocol> spoken,
         const RequestLimits& bounds, const base::Clock& time, const base::Log& journal)
        : listener(std::move(listening)),
          protocol(std::move(spoken)),
          limits(bounds),
          clock(time),
          log(journal),
          pool(
              limits.threads, limits.queued, [this](const auto& job) { return answer(job); },
              [this] { wake_up(); }),
          thread([this](const std::stop_token& stop) { run(stop); }) {}

    std::string answer(const WorkerPool::Job& job) const;
    void wake_up() const;
    void run(const std::stop_token& stop);
    void turn();
    void wait();
    int wait_time() const;
    void accept_clients();
    void add_client(int socket, const sockaddr_storage& address);
    bool make_room();
    void hand_out_replies();
    void advance(Connection& client);
    void read_request(Connection& client);
    void take_request(Connection& client, std::size_t length);
    void reply(Connection& client, std::string bytes);
    void refuse(Connection& client, RequestProtocol::Refusal why);
    void send_more(Connection& client);
    void drain(Connection& client);
    void end_if_overdue(Connection& client);

    FileDescriptor listener;
    FileDescriptor wake = make_wake_descriptor();
    std::unique_ptr<RequestProtocol> protocol;
    RequestLimits limits;
    const base::Clock& clock;
    const base::Log& log;

    // Only the loop's thread touches these.
    std::list<Connection> clients;  // oldest first
    std::uint64_t next_id = 1;
    std::optional<MonoTime> accept_again;
    std::array<char, kReadSize> buffer{};

    WorkerPool pool;
    std::jthread thread;
};

RequestLoop::RequestLoop(FileDescriptor listening, std::unique_ptr<RequestProtocol> protocol,
                         const RequestLimits& limits, const base::Clock& clock,
                         const base::Log& log)
    : impl_(std::make_unique<Impl>(std::move(listening), std::move(protocol), limits, clock, log)) {
}

RequestLoop::~RequestLoop() = default;

std::string RequestLoop::Impl::answer(const WorkerPool::Job& job) const {
    try {
        return protocol->answer(job.request, job.peer);
    } catch (const std::exception& e) {
        log.error(fmt::format("a request could not be answered: {}", e.what()));
        return {};
    }
}

void RequestLoop::Impl::wake_up() const {
    const std::uint64_t one = 1;
    // A full counter refuses the write, and then the loop is awake anyhow.
    [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof one);
}

void RequestLoop::Impl::run(const std::stop_token& stop) {
    const std::stop_callback wake_on_stop{stop, [this] { wake_up(); }};
    while (!stop.stop_requested()) {
        try {
            turn();
        } catch (const std::exception& e) {
            log.error(fmt::format("dropping all clients of a socket: {}", e.what()));
            clients.clear();
            accept_again = clock.mono() + kAcceptPause;
        }
    }
}

void RequestLoop::Impl::turn() {
    wait();
    hand_out_replies();
    for (auto& client : clients) {
        if (client.ready) advance(client);
        end_if_overdue(client);
    }
    clients.remove_if([](const auto& client) { return client.phase == Phase::done; });
    accept_clients();
}

/// Sleeps until a socket has something for us, a reply is ready, a deadline passes, or stop.
void RequestLoop::Impl::wait() {
    std::vector<pollfd> watched{{wake.get(), POLLIN, 0},
                                {accept_again ? -1 : listener.get(), POLLIN, 0}};
    for (const auto& client : clients) {
        // Not while its request is in work: poll would report a hang-up again and again.
        const auto events = events_of(client.phase);
        watched.push_back({events == 0 ? -1 : client.socket.get(), events, 0});
    }
    if (::poll(watched.data(), watched.size(), wait_time()) < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "poll");
    }
    auto seen = watched.begin() + 2;
    for (auto& client : clients) client.ready = (seen++)->revents != 0;
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto read = ::read(wake.get(), &ignored, sizeof ignored);
}

/// Milliseconds to the next deadline, rounded up, or -1 for none.
int RequestLoop::Impl::wait_time() const {
    auto next = accept_again;
    for (const auto& client : clients) {
        if (client.phase == Phase::answering) continue;
        next = next ? std::min(*next, client.deadline) : client.deadline;
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<Milliseconds>(*next - clock.mono());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void RequestLoop::Impl::accept_clients() {
    if (accept_again && clock.mono() < *accept_again) return;
    accept_again.reset();
    for (std::size_t i = 0; i < limits.connections; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int socket = ::accept4(listener.get(), reinterpret_cast<sockaddr*>(&address), &size,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            add_client(socket, address);
            continue;
        }
        if (would_block()) return;
        if (errno == ECONNABORTED) continue;
        // Out of descriptors or memory: the client stays in the backlog, and a pause keeps the loop
        // calm.
        log.warning(fmt::format("cannot accept a client, trying again: {}", std::strerror(errno)));
        accept_again = clock.mono() + kAcceptPause;
        return;
    }
}

void RequestLoop::Impl::add_client(int socket, const sockaddr_storage& address) {
    FileDescriptor owned{socket};
    if (clients.size() >= limits.connections && !make_room()) return;
    clients.push_back(Connection{.id = next_id++,
                                 .socket = std::move(owned),
                                 .peer = peer_address(address),
                                 .deadline = clock.mono() + limits.request_time});
    advance(clients.back());  // most requests are here already
}

/// The oldest client that nobody works for makes room: honest clients send at once, so it is a
/// stuck one.
bool RequestLoop::Impl::make_room() {
    const auto oldest = std::find_if(clients.begin(), clients.end(),
                                     [](const auto& c) { return c.phase != Phase::answering; });
    if (oldest == clients.end()) return false;
    if (oldest->phase == Phase::reading) refuse(*oldest, RequestProtocol::Refusal::too_busy);
    clients.erase(oldest);
    return true;
}

void RequestLoop::Impl::hand_out_replies() {
    for (auto& ready : pool.take_replies()) {
        const auto client = std::find_if(clients.begin(), clients.end(),
                                         [&](const auto& c) { return c.id == ready.connection; });
        if (client != clients.end()) reply(*client, std::move(ready.bytes));
    }
}

void RequestLoop::Impl::advance(Connection& client) {
    switch (client.phase) {
        case Phase::reading:
            return read_request(client);
        case Phase::writing:
            return send_more(client);
        case Phase::draining:
            return drain(client);
        case Phase::answering:
        case Phase::done:
            return;
    }
    std::abort();
}

void RequestLoop::Impl::read_request(Connection& client) {
    const auto got = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && would_block()) return;
    if (got <= 0) {
        client.phase = Phase::done;
        return;
    }
    const auto end = protocol->terminator();
    const auto seen = client.bytes.size();
    client.bytes.append(buffer.data(), static_cast<std::size_t>(got));
    const auto found = client.bytes.find(end, seen < end.size() ? 0 : seen - end.size() + 1);
    const bool whole = found != std::string::npos;
    const auto length = whole ? found + end.size() : client.bytes.size();
    if (length > limits.request_bytes) return refuse(client, RequestProtocol::Refusal::too_large);
    if (whole) take_request(client, length);
}

void RequestLoop::Impl::take_request(Connection& client, std::size_t length) {
    client.bytes.resize(length);
    client.phase = Phase::answering;
    if (!pool.push({client.id, std::exchange(client.bytes, {}), client.peer})) {
        refuse(client, RequestProtocol::Refusal::too_busy);
    }
}

void RequestLoop::Impl::reply(Connection& client, std::string bytes) {
    client.bytes = std::move(bytes);
    client.sent = 0;
    client.phase = Phase::writing;
    client.deadline = clock.mono() + limits.request_time;
    send_more(client);
}

void RequestLoop::Impl::refuse(Connection& client, RequestProtocol::Refusal why) {
    reply(client, protocol->refuse(why));
}

void RequestLoop::Impl::send_more(Connection& client) {
    while (client.sent < client.bytes.size()) {
        const auto put = ::send(client.socket.get(), client.bytes.data() + client.sent,
                                client.bytes.size() - client.sent, MSG_NOSIGNAL);
        if (put < 0 && would_block()) return;
        if (put < 0) {
            client.phase = Phase::done;
            return;
        }
        client.sent += static_cast<std::size_t>(put);
    }
    client.bytes = {};
    ::shutdown(client.socket.get(), SHUT_WR);
    client.phase = Phase::draining;
    client.deadline = clock.mono() + kDrainTime;
}

void RequestLoop::Impl::drain(Connection& client) {
    const auto got = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && !would_block())) client.phase = Phase::done;
}

void RequestLoop::Impl::end_if_overdue(Connection& client) {
    if (client.phase == Phase::answering || client.phase == Phase::done) return;
    if (clock.mono() < client.deadline) return;
    if (client.phase == Phase::reading && !client.bytes.empty()) {
        refuse(client, RequestProtocol::Refusal::too_slow);
    } else {
        client.phase = Phase::done;
    }
}

}  // namespace quotafuse::daemon
