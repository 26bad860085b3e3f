#include "sync/lifeline.h"

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quotafuse::sync {
namespace {

/// The inode of the socket that this entry of /proc/self/fd is, if it is one. Read from its name:
/// the descriptor belongs to somebody else, who may close it any moment.
std::optional<std::uint64_t> socket_inode(const std::filesystem::path& entry) {
    constexpr std::string_view kPrefix = "socket:[";
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry, error).string();
    if (error || !target.starts_with(kPrefix)) return {};
    std::uint64_t inode = 0;
    std::from_chars(target.data() + kPrefix.size(), target.data() + target.size(), inode);
    return inode;
}

/// Calls visit(descriptor, inode) for each open socket of this process.
template <class Visit>
void each_socket(const Visit& visit) {
    std::error_code error;
    for (std::filesystem::directory_iterator at{"/proc/self/fd", error}, end; !error && at != end;
         at.increment(error)) {
        const auto inode = socket_inode(at->path());
        if (!inode) continue;
        const auto name = at->path().filename().string();
        int descriptor = -1;
        std::from_chars(name.data(), name.data() + name.size(), descriptor);
        visit(descriptor, *inode);
    }
}

/// A descriptor of our own for that very socket, or -1 when it is gone.
int duplicate(int descriptor, std::uint64_t inode) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return -1;
    if (socket_inode("/proc/self/fd/" + std::to_string(copy)) == inode) return copy;
    ::close(copy);  // the number has become another file's meanwhile
    return -1;
}

int option_of(int socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, level, name, &value, &size) == 0 ? value : -1;
}

bool is_connecting(int socket) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state == TCP_SYN_SENT;
}

/// The port at the other end; nothing when there is no other end.
std::optional<unsigned> peer_port(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    switch (address.ss_family) {
        case AF_INET:
            return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
        case AF_INET6:
            return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
        default:
            return 0;
    }
}

bool leads_to(int socket, unsigned port) {
    if (option_of(socket, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) return false;
    const bool local = option_of(socket, SOL_SOCKET, SO_DOMAIN) == AF_UNIX;
    if (local != (port == 0)) return false;
    const auto peer = peer_port(socket);
    return peer ? *peer == port : !local && is_connecting(socket);
}

}  // namespace

void Lifeline::expect(unsigned port) {
    std::set<std::uint64_t> sockets;
    each_socket([&](int, std::uint64_t inode) { sockets.insert(inode); });
    const std::scoped_lock lock{mutex_};
    close_held();
    before_ = std::move(sockets);
    port_ = port;
    expecting_ = true;
}

void Lifeline::hold() noexcept {
    const std::scoped_lock lock{mutex_};
    if (expecting_) held_ = find();
    expecting_ = false;
}

void Lifeline::let_go() noexcept {
    const std::scoped_lock lock{mutex_};
    expecting_ = false;
    close_held();
}

void Lifeline::cut() noexcept {
    const std::scoped_lock lock{mutex_};
    const int socket = expecting_ ? find() : held_;
    if (socket < 0) return;
    ::shutdown(socket, SHUT_RDWR);
    if (expecting_) ::close(socket);
}

/// A duplicate of the only socket that can be meant, or -1.
int Lifeline::find() const {
    std::vector<std::pair<int, std::uint64_t>> appeared;
    each_socket([&](int descriptor, std::uint64_t inode) {
        if (!before_.contains(inode)) appeared.emplace_back(descriptor, inode);
    });
    int found = -1;
    bool certain = true;
    for (const auto& [descriptor, inode] : appeared) {
        const int copy = duplicate(descriptor, inode);
        if (copy < 0) continue;
        if (found < 0 && leads_to(copy, port_)) {
            found = copy;
            continue;
        }
        certain = certain && !leads_to(copy, port_);
        ::close(copy);
    }
    if (certain || found < 0) return found;
    ::close(found);
    return -1;
}

void Lifeline::close_held() {
    if (held_ >= 0) ::close(held_);
    held_ = -1;
}

}  // namespace quotafuse::sync
