#include "daemon/unix_socket.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace quotafuse::daemon {
namespace {

using Attach = int (*)(int, const sockaddr*, socklen_t);

FileDescriptor attach(const std::string& path, Attach bind_or_connect) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return {};
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return {};
    if (bind_or_connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) != 0) {
        const int why = errno;  // closing must not hide it
        socket = {};
        errno = why;
    }
    return socket;
}

}  // namespace

FileDescriptor connect_unix(const std::string& path) {
    return attach(path, ::connect);
}

FileDescriptor bind_unix(const std::string& path) {
    return attach(path, ::bind);
}

}  // namespace quotafuse::daemon
