#include "daemon/control_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/failure.h"
#include "daemon/unix_socket.h"

namespace quotafuse::daemon {
namespace {

using base::ExitCode;
using base::Failure;
using std::chrono::steady_clock;

constexpr std::size_t kMaxReply = 16 * 1024 * 1024;

/// One question to one daemon. A command of a few seconds on the real clock: nothing here decides
/// by time.
class Question {
public:
    Question(const std::string& path, base::Milliseconds timeout)
        : path_(path), deadline_(steady_clock::now() + timeout) {}

    std::optional<std::string> ask(const std::string& request) {
        socket_ = connect_unix(path_);
        if (!socket_ && (errno == ENOENT || errno == ECONNREFUSED)) return std::nullopt;
        if (!socket_ && errno == EACCES) deny();
        if (!socket_) fail(std::strerror(errno));
        send_all(request + "\n");
        return receive_line();
    }

private:
    [[noreturn]] void fail(std::string_view why) const {
        throw NoReply(fmt::format("the daemon behind {} does not answer: {}", path_, why));
    }

    [[noreturn]] void deny() const {
        throw Failure(
            ExitCode::unavailable,
            fmt::format("no permission to ask the daemon behind {}: your user must be in the group "
                        "quotafuse (usermod -aG quotafuse YOU, then log in again), or use sudo",
                        path_));
    }

    void wait_for(short event) const {
        const auto left =
            std::chrono::ceil<base::Milliseconds>(deadline_ - steady_clock::now()).count();
        pollfd watched{socket_.get(), event, 0};
        const int ready =
            ::poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
        if (ready == 0) fail("it took too long");
        if (ready < 0 && errno != EINTR) fail(std::strerror(errno));
    }

    void send_all(std::string_view text) const {
        while (!text.empty()) {
            wait_for(POLLOUT);
            const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent >= 0) {
                text.remove_prefix(static_cast<std::size_t>(sent));
            } else if (errno == EPIPE) {
                return;  // it refused and closed early: what it said can still be read
            } else if (errno != EAGAIN && errno != EINTR) {
                fail(std::strerror(errno));
            }
        }
    }

    std::string receive_line() const {
        std::string reply;
        std::array<char, 16 * 1024> buffer{};
        while (reply.find('\n') == std::string::npos) {
            wait_for(POLLIN);
            const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (got < 0) fail(std::strerror(errno));
            if (got == 0) fail("it closed the connection");
            reply.append(buffer.data(), static_cast<std::size_t>(got));
            if (reply.size() > kMaxReply) fail("its reply has no end");
        }
        reply.resize(reply.find('\n'));
        return reply;
    }

    const std::string& path_;
    steady_clock::time_point deadline_;
    FileDescriptor socket_;
};

}  // namespace

std::optional<std::string> ask_daemon(const std::string& path, const std::string& request_json,
                                      base::Milliseconds timeout) {
    return Question{path, timeout}.ask(request_json);
}

}  // namespace quotafuse::daemon
