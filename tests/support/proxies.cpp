#include "support/proxies.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quotafuse::tests {
namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const bool found = ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
    ::close(fd);
    if (!found) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
}

bool listens(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port);
    const bool answered =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    return answered;
}

}  // namespace

RealProxy::RealProxy(Kind kind, const std::string& user, const std::string& password)
    : port_(free_port()) {
    if (kind == Kind::socks5) {
        start({"microsocks", "-i", "127.0.0.1", "-p", std::to_string(port_), "-u", user, "-P",
               password});
    } else {
        const auto settings = folder_.file("tinyproxy.conf");
        std::ofstream{settings} << fmt::format(
            "Listen 127.0.0.1\nPort {}\nTimeout 30\nMaxClients 10\nLogLevel Connect\n"
            "BasicAuth {} {}\n",
            port_, user, password);
        start({"tinyproxy", "-d", "-c", settings});
    }
    wait_until_it_listens();
}

RealProxy::~RealProxy() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

std::string RealProxy::address() const {
    return fmt::format("127.0.0.1:{}", port_);
}

std::string RealProxy::log() const {
    std::ifstream file{folder_.file("log")};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void RealProxy::start(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const auto path = folder_.file("log");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execvp(argv.front(), argv.data());
    ::_exit(127);
}

void RealProxy::wait_until_it_listens() const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!listens(port_)) {
        // WNOWAIT: its number stays ours, for the destructor of a test that goes on.
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
        if (ended.si_pid == pid_ || std::chrono::steady_clock::now() > until) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            throw std::runtime_error("the proxy does not start (./dev setup test installs it): " +
                                     log());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

}  // namespace quotafuse::tests
