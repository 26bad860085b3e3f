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

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/guarded.h"
#include "daemon/request_connection.h"
#include "daemon/wake_up.h"
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
// A listener whose host is gone takes a place of the few until the system gives it up.
constexpr Milliseconds kLostAfter{60'000};

using Connection = RequestConnection;
using Phase = Connection::Phase;

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
              limits.threads, limits.queued, [this](auto& job) { return answer(job); },
              [this] { wake.ring(); }),
          thread([this](const std::stop_token& stop) { run(stop); }) {}

    WorkerPool::Reply answer(WorkerPool::Job& job) const;
    void publish(std::string bytes);
    void run(const std::stop_token& stop);
    void turn();
    void wait();
    int wait_time() const;
    void accept_clients();
    void add_client(int socket, const sockaddr_storage& address);
    bool make_room();
    void hand_out_replies();
    void hand_out_events();
    void advance(Connection& client);
    void read_request(Connection& client);
    void take_request(Connection& client, std::size_t length);
    void reply(Connection& client, WorkerPool::Reply ready);
    void listen(Connection& client, std::string bytes);
    void tell(Connection& client, std::string_view bytes);
    void refuse(Connection& client, RequestProtocol::Refusal why);
    void send_more(Connection& client);
    void go_on(Connection& client);
    void finish(Connection& client);
    MonoTime stream_deadline(const Connection& client) const;
    void drain(Connection& client);
    void end_if_overdue(Connection& client);
    void end_overdue(Connection& client);

    FileDescriptor listener;
    WakeUp wake;
    std::unique_ptr<RequestProtocol> protocol;
    RequestLimits limits;
    const base::Clock& clock;
    const base::Log& log;
    base::Guarded<std::vector<std::string>> published;

    // Only the loop's thread touches these.
    std::list<Connection> clients;  // oldest first
    std::uint64_t next_id = 1;
    std::optional<MonoTime> accept_again;
    std::array<char, kReadSize> buffer{};
    std::string last_event;

    WorkerPool pool;
    std::jthread thread;
};

RequestLoop::RequestLoop(FileDescriptor listening, std::unique_ptr<RequestProtocol> protocol,
                         const RequestLimits& limits, const base::Clock& clock,
                         const base::Log& log)
    : impl_(std::make_unique<Impl>(std::move(listening), std::move(protocol), limits, clock, log)) {
}

RequestLoop::~RequestLoop() = default;

void RequestLoop::publish(std::string bytes) {
    impl_->publish(std::move(bytes));
}

void RequestLoop::Impl::publish(std::string bytes) {
    published.with([&](auto& waiting) { waiting.push_back(std::move(bytes)); });
    wake.ring();
}

WorkerPool::Reply RequestLoop::Impl::answer(WorkerPool::Job& job) const {
    try {
        if (job.producer) {
            auto piece = job.producer->next();
            if (piece.empty()) return {};
            return {.bytes = std::move(piece), .producer = std::move(job.producer)};
        }
        auto answer = protocol->answer(job.request, job.peer);
        return {.bytes = std::move(answer.bytes),
                .producer = std::move(answer.rest),
                .listens = answer.listens};
    } catch (const std::exception& e) {
        log.error(fmt::format("a request could not be answered: {}", e.what()));
        return {.broken = job.producer != nullptr};
    }
}

void RequestLoop::Impl::run(const std::stop_token& stop) {
    const std::stop_callback wake_on_stop{stop, [this] { wake.ring(); }};
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
    hand_out_events();
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
    std::vector<pollfd> watched{{wake.descriptor(), POLLIN, 0},
                                {accept_again ? -1 : listener.get(), POLLIN, 0}};
    for (const auto& client : clients) {
        const auto events = client.events();
        watched.push_back({events == 0 ? -1 : client.socket.get(), events, 0});
    }
    if (::poll(watched.data(), watched.size(), wait_time()) < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "poll");
    }
    auto seen = watched.begin() + 2;
    for (auto& client : clients) client.ready = (seen++)->revents != 0;
    wake.silence();
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
/// stuck one. Streams and listeners are few, and counted.
bool RequestLoop::Impl::make_room() {
    const auto oldest = std::find_if(clients.begin(), clients.end(), [](const auto& c) {
        return !c.in_work() && !c.streams() && c.phase != Phase::listening;
    });
    if (oldest == clients.end()) return false;
    if (oldest->phase == Phase::reading) refuse(*oldest, RequestProtocol::Refusal::too_busy);
    clients.erase(oldest);
    return true;
}

void RequestLoop::Impl::hand_out_replies() {
    for (auto& ready : pool.take_replies()) {
        const auto client = std::find_if(clients.begin(), clients.end(),
                                         [&](const auto& c) { return c.id == ready.connection; });
        if (client != clients.end()) reply(*client, std::move(ready));
    }
}

void RequestLoop::Impl::hand_out_events() {
    auto events = published.with([](auto& waiting) { return std::exchange(waiting, {}); });
    for (auto& event : events) {
        for (auto& client : clients) {
            if (client.phase == Phase::listening) tell(client, event);
        }
        last_event = std::move(event);
    }
}

void RequestLoop::Impl::advance(Connection& client) {
    switch (client.phase) {
        case Phase::reading:
            return read_request(client);
        case Phase::writing:
            return send_more(client);
        case Phase::listening:
            send_more(client);
            if (client.phase != Phase::done) drain(client);
            return;
        case Phase::draining:
            return drain(client);
        case Phase::answering:
        case Phase::producing:
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
    const auto searched = client.bytes.size();
    client.bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (!client.length) client.length = protocol->length(client.bytes, searched);
    const auto length = client.length.value_or(client.bytes.size());
    if (length > limits.request_bytes) return refuse(client, RequestProtocol::Refusal::too_large);
    if (client.length && client.bytes.size() >= length) take_request(client, length);
}

void RequestLoop::Impl::take_request(Connection& client, std::size_t length) {
    client.bytes.resize(length);
    client.phase = Phase::answering;
    if (!pool.push({.connection = client.id,
                    .request = std::exchange(client.bytes, {}),
                    .peer = client.peer})) {
        refuse(client, RequestProtocol::Refusal::too_busy);
    }
}

void RequestLoop::Impl::reply(Connection& client, WorkerPool::Reply ready) {
    if (ready.broken) return client.break_off();
    if (ready.listens) return listen(client, std::move(ready.bytes));
    client.bytes = std::move(ready.bytes);
    client.sent = 0;
    client.producer = std::move(ready.producer);
    if (client.producer && !client.ends) client.ends = clock.mono() + limits.stream_time;
    client.phase = Phase::writing;
    client.deadline =
        client.streams() ? stream_deadline(client) : clock.mono() + limits.request_time;
    send_more(client);
}

/// `bytes` open the stream of events; the newest event comes with them.
void RequestLoop::Impl::listen(Connection& client, std::string bytes) {
    const auto listeners = std::count_if(clients.begin(), clients.end(),
                                         [](const auto& c) { return c.phase == Phase::listening; });
    if (static_cast<std::size_t>(listeners) >= limits.listeners)
        return refuse(client, RequestProtocol::Refusal::too_many_listeners);
    client.phase = Phase::listening;
    client.ends = clock.mono() + limits.listen_time;
    client.give_up_after(kLostAfter);
    tell(client, bytes + last_event);
}

void RequestLoop::Impl::tell(Connection& client, std::string_view bytes) {
    if (client.unsent() + bytes.size() > limits.listener_bytes) return client.break_off();
    client.bytes.erase(0, std::exchange(client.sent, 0));
    client.bytes += bytes;
    client.deadline = std::min(clock.mono() + limits.alive_interval, *client.ends);
    send_more(client);
}

void RequestLoop::Impl::refuse(Connection& client, RequestProtocol::Refusal why) {
    reply(client, {.bytes = protocol->refuse(why)});
}

MonoTime RequestLoop::Impl::stream_deadline(const Connection& client) const {
    return std::min(clock.mono() + limits.stream_pause, *client.ends);
}

void RequestLoop::Impl::send_more(Connection& client) {
    switch (client.send_some()) {
        case Connection::Sent::lost:
            client.phase = Phase::done;
            return;
        case Connection::Sent::some:
            if (client.streams()) client.deadline = stream_deadline(client);
            return;
        case Connection::Sent::nothing:
            return;
        case Connection::Sent::all:
            return go_on(client);
    }
    std::abort();
}

/// All that there was to send is sent.
void RequestLoop::Impl::go_on(Connection& client) {
    if (client.phase == Phase::listening) return;
    if (!client.producer) return finish(client);
    client.phase = Phase::producing;
    client.deadline = stream_deadline(client);
    // A piece is never refused.
    [[maybe_unused]] const bool taken =
        pool.push({.connection = client.id, .producer = std::move(client.producer)});
}

void RequestLoop::Impl::finish(Connection& client) {
    client.ends.reset();
    client.half_close();
    client.phase = Phase::draining;
    client.deadline = clock.mono() + kDrainTime;
}

void RequestLoop::Impl::drain(Connection& client) {
    if (!client.drop_input(buffer.data(), buffer.size())) client.phase = Phase::done;
}

void RequestLoop::Impl::end_if_overdue(Connection& client) {
    if (client.phase == Phase::answering || client.phase == Phase::done) return;
    if (clock.mono() >= client.deadline) end_overdue(client);
}

void RequestLoop::Impl::end_overdue(Connection& client) {
    if (client.phase == Phase::reading && !client.bytes.empty())
        return refuse(client, RequestProtocol::Refusal::too_slow);
    if (client.streams()) return client.break_off();
    if (client.phase != Phase::listening) {
        client.phase = Phase::done;
    } else if (clock.mono() >= *client.ends) {
        finish(client);
    } else {
        tell(client, protocol->alive());
    }
}

}  // namespace quotafuse::daemon
