#include "support/tcp_gate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quotafuse::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kChunk = 16 * 1024;
constexpr auto kSlice = 20ms;

sockaddr_in loopback(unsigned port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int new_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("no socket");
    return fd;
}

/// Closed so, the other side is told of a reset and not of an end.
void reset(int& fd) {
    if (fd < 0) return;
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
    fd = -1;
}

/// poll() reports the end of a connection whether it is asked for or not: one of which nothing is
/// wanted is left out.
pollfd watch(int fd, bool read, bool write) {
    const auto events = static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0));
    return {events == 0 ? -1 : fd, events, 0};
}

}  // namespace

TcpGate::TcpGate(unsigned target_port) : target_(target_port) {
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    listen();
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

TcpGate::~TcpGate() {
    thread_.request_stop();
    change([](Plan&) {});
    thread_.join();
    for (auto& link : links_) close(link);
    stop_listening();
    ::close(wake_);
}

void TcpGate::pass() {
    change([this](Plan& plan) {
        plan = {};
        for (auto& link : links_) link.stalled = false;
    });
}
void TcpGate::refuse() {
    change([](Plan& plan) { plan.listening = false; });
}
void TcpGate::stall() {
    change([](Plan& plan) { plan.stalled = true; });
}
void TcpGate::stall_after(std::size_t bytes) {
    change([&](Plan& plan) { plan.stall_after = bytes; });
}
void TcpGate::cut_after(std::size_t bytes) {
    change([&](Plan& plan) { plan.cut_after = bytes; });
}
void TcpGate::slow(std::size_t bytes_per_second) {
    change([&](Plan& plan) { plan.bytes_per_second = bytes_per_second; });
}
void TcpGate::cut_all() {
    change([this](Plan&) {
        for (auto& link : links_) close(link);
    });
}

int TcpGate::connections() const {
    const std::scoped_lock lock{mutex_};
    return connections_;
}
std::size_t TcpGate::answered() const {
    const std::scoped_lock lock{mutex_};
    return answered_;
}

void TcpGate::change(const std::function<void(Plan&)>& how) {
    const std::scoped_lock lock{mutex_};
    how(plan_);
    if (plan_.listening) {
        if (listener_ < 0) listen();
    } else {
        stop_listening();
    }
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0 && errno != EAGAIN)
        throw std::runtime_error("the gate cannot be woken");
}

void TcpGate::listen() {
    listener_ = new_socket();
    const int yes = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    auto address = loopback(port_);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
        throw std::runtime_error("the gate cannot listen");
    }
    port_ = ntohs(address.sin_port);
}

void TcpGate::stop_listening() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
}

void TcpGate::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) step();
}

/// Waits for something to do, then does it.
void TcpGate::step() {
    std::vector<pollfd> watched;
    int timeout = -1;
    {
        const std::scoped_lock lock{mutex_};
        std::erase_if(links_, [](const Link& link) { return link.client < 0; });
        watched = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& link : links_) {
            const bool flows = !plan_.stalled && !link.stalled;
            const bool may_answer = flows && !link.answer.empty() && plan_.bytes_per_second == 0;
            watched.push_back(watch(link.client, flows && link.request.empty(), may_answer));
            watched.push_back(
                watch(link.server, flows && link.answer.empty(), flows && !link.request.empty()));
            if (flows && !link.answer.empty() && plan_.bytes_per_second > 0)
                timeout = static_cast<int>(kSlice.count());
        }
    }
    ::poll(watched.data(), watched.size(), timeout);
    const std::scoped_lock lock{mutex_};
    std::uint64_t count = 0;
    if (::read(wake_, &count, sizeof count) == sizeof count) return;  // the plan may be another
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_slice_) {
        slice_ = plan_.bytes_per_second / (1000ms / kSlice);
        next_slice_ = now + kSlice;
    }
    std::size_t at = 2;
    for (auto& link : links_) {
        move(link, watched[at].revents, watched[at + 1].revents);
        at += 2;
    }
    if ((watched[1].revents & POLLIN) != 0) take();
}

void TcpGate::take() {
    Link link;
    link.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (link.client < 0) return;
    ++connections_;
    link.server = new_socket();
    auto address = loopback(target_);
    // A dead server answers on loopback at once; so does a living one.
    if (::connect(link.server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        close(link);
        return;
    }
    links_.push_back(std::move(link));
}

void TcpGate::move(Link& link, short client_events, short server_events) {
    if (plan_.stalled || link.stalled || link.client < 0) return;
    constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
    bool open = true;
    if ((client_events & kReadable) != 0 && link.request.empty())
        open = read(link.client, link.request);
    if (open && !link.request.empty()) open = write(link.request, link.server, kChunk);
    if (open && (server_events & kReadable) != 0 && link.answer.empty())
        open = read(link.server, link.answer);
    if (!open) {
        close(link);
        return;
    }
    forward_answer(link);
}

void TcpGate::forward_answer(Link& link) {
    const auto before = link.answer.size();
    if (before == 0) return;
    const bool open = write(link.answer, link.client, answer_allowance(link));
    const auto sent = before - link.answer.size();
    answered_ += sent;
    slice_ -= std::min(slice_, sent);
    if (plan_.stall_after) {
        *plan_.stall_after -= sent;
        link.stalled = *plan_.stall_after == 0;
        if (link.stalled) plan_.stall_after.reset();
    }
    bool cut = !open;
    if (plan_.cut_after) {
        *plan_.cut_after -= sent;
        if (*plan_.cut_after == 0) {
            plan_.cut_after.reset();
            cut = true;
        }
    }
    if (cut) close(link);
}

std::size_t TcpGate::answer_allowance(const Link& link) const {
    auto most = link.answer.size();
    if (plan_.stall_after) most = std::min(most, *plan_.stall_after);
    if (plan_.cut_after) most = std::min(most, *plan_.cut_after);
    if (plan_.bytes_per_second > 0) most = std::min(most, slice_);
    return most;
}

bool TcpGate::read(int from, std::string& to) {
    std::array<char, kChunk> bytes{};
    const auto count = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN;
    to.append(bytes.data(), static_cast<std::size_t>(count));
    return count > 0;
}

bool TcpGate::write(std::string& from, int to, std::size_t most) {
    if (most == 0) return true;
    const auto count =
        ::send(to, from.data(), std::min(from.size(), most), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN;
    from.erase(0, static_cast<std::size_t>(count));
    return true;
}

void TcpGate::close(Link& link) {
    reset(link.client);
    reset(link.server);
}

}  // namespace quotafuse::tests
