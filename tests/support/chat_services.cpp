#include "support/chat_services.h"

#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/guarded.h"

namespace quotafuse::tests {

struct ChatService::Impl {
    struct State {
        std::vector<Reply> script;
        std::optional<Reply> always;
        std::vector<Call> calls;
        std::vector<std::string> shown;
        std::vector<std::string> mentioned;
    };

    Reply answer(const Call& call) {
        return state.with([&](State& s) -> Reply {
            s.calls.push_back(call);
            if (s.always) return *s.always;
            if (!s.script.empty()) {
                auto reply = s.script.front();
                s.script.erase(s.script.begin());
                return reply;
            }
            auto judged = judge(call);
            if (!judged.shown.empty()) s.shown.push_back(judged.shown);
            for (auto& name : judged.mentioned) s.mentioned.push_back(std::move(name));
            return judged.reply;
        });
    }

    Judge judge;
    mutable base::Guarded<State> state;
    httplib::Server server;
    int port = 0;
    std::jthread thread;
};

ChatService::ChatService(Judge judge) : impl_(std::make_unique<Impl>()) {
    impl_->judge = std::move(judge);
    impl_->server.new_task_queue = [] {
        return new httplib::ThreadPool(2);
    };                                    // the server deletes it
    impl_->server.set_tcp_nodelay(true);  // its answers go out in two pieces
    impl_->server.Post(".*", [impl = impl_.get()](const httplib::Request& request,
                                                  httplib::Response& response) {
        const auto reply = impl->answer({request.method, request.target,
                                         request.get_header_value("Content-Type"), request.body});
        response.status = reply.status;
        for (const auto& [name, value] : reply.headers) response.set_header(name, value);
        response.set_content(reply.body, reply.content_type);
    });
    impl_->port = impl_->server.bind_to_any_port("127.0.0.1");
    if (impl_->port <= 0) throw std::runtime_error("no free port");
    impl_->thread = std::jthread{[impl = impl_.get()] { impl->server.listen_after_bind(); }};
    while (!impl_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

ChatService::~ChatService() {
    impl_->server.stop();
}

std::string ChatService::url() const {
    return fmt::format("http://127.0.0.1:{}", impl_->port);
}

void ChatService::script(std::vector<Reply> replies) {
    impl_->state.with([&](auto& s) { s.script = std::move(replies); });
}
void ChatService::always(Reply reply) {
    impl_->state.with([&](auto& s) { s.always = std::move(reply); });
}
std::vector<Call> ChatService::calls() const {
    return impl_->state.copy().calls;
}
std::vector<std::string> ChatService::shown() const {
    return impl_->state.copy().shown;
}
std::vector<std::string> ChatService::mentioned() const {
    return impl_->state.copy().mentioned;
}

namespace {

int bind_any_port(int& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || ::bind(fd, generic, size) != 0 || ::getsockname(fd, generic, &size) != 0) {
        throw std::runtime_error("no free port of 127.0.0.1");
    }
    port = ntohs(address.sin_port);
    return fd;
}

int listen_on_any_port(int& port) {
    const int fd = bind_any_port(port);
    if (::listen(fd, 16) != 0) throw std::runtime_error("cannot listen on 127.0.0.1");
    return fd;
}

/// Headers and as much body as they announce; less when the client goes away.
std::string read_request(int fd) {
    std::string request;
    std::array<char, 4096> piece{};
    for (;;) {
        const auto end = request.find("\r\n\r\n");
        if (end != std::string::npos) {
            const auto at = request.find("Content-Length: ");
            const auto length = at < end ? std::stoul(request.substr(at + 16)) : 0;
            if (request.size() >= end + 4 + length) return request;
        }
        const auto got = ::recv(fd, piece.data(), piece.size(), 0);
        if (got <= 0) return request;
        request.append(piece.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace

struct RawServer::Impl {
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd waiting{listener, POLLIN, 0};
            if (::poll(&waiting, 1, 20) <= 0) continue;
            const int fd = ::accept(listener, nullptr, nullptr);
            if (fd < 0) continue;
            behaviour(fd, read_request(fd));
            ::close(fd);
        }
    }

    Behaviour behaviour;
    int port = 0;
    int listener = -1;
    std::jthread thread;
};

RawServer::RawServer(Behaviour behaviour) : impl_(std::make_unique<Impl>()) {
    impl_->behaviour = std::move(behaviour);
    impl_->listener = listen_on_any_port(impl_->port);
    impl_->thread =
        std::jthread{[impl = impl_.get()](const std::stop_token& stop) { impl->run(stop); }};
}

RawServer::~RawServer() {
    impl_->thread.request_stop();
    impl_->thread.join();
    ::close(impl_->listener);
}

std::string RawServer::url() const {
    return fmt::format("http://127.0.0.1:{}", impl_->port);
}

void RawServer::hang(int socket, const std::string&) {
    char ignored = 0;
    while (::recv(socket, &ignored, 1, 0) > 0) {
    }
}

void RawServer::say(int socket, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
        const auto n = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return;
        sent += static_cast<std::size_t>(n);
    }
}

void RawServer::reset(int socket) {
    const linger now{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

std::string refusing_url() {
    // Bound for as long as the program runs, so that no other gets the port and listens there.
    static const int kPort = [] {
        int port = 0;
        bind_any_port(port);
        return port;
    }();
    return fmt::format("http://127.0.0.1:{}", kPort);
}

}  // namespace quotafuse::tests
