#include "support/program.h"

#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quotafuse::tests {
namespace {

constexpr std::chrono::milliseconds kStep{10};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (auto& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

constexpr int kWrites = O_WRONLY | O_CREAT | O_TRUNC;

void redirect(const std::string& path, int flags, int target) {
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd >= 0) ::dup2(fd, target);
}

}  // namespace

Program::Program(std::vector<std::string> arguments, std::map<std::string, std::string> environment,
                 const std::string& input) {
    arguments.insert(arguments.begin(), QUOTAFUSE_BINARY);
    environment.emplace("PATH", "/usr/bin:/bin");
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    // The sanitizers of a test build report as they do for the tests themselves.
    for (const auto* const name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
        if (const char* const value = std::getenv(name))
            variables.push_back(std::string{name} + "=" + value);
    }
    const auto argv = pointers(arguments);
    const auto envp = pointers(variables);
    const auto out_path = folder_.file("out");
    const auto err_path = folder_.file("err");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!input.empty()) redirect(input, O_RDONLY | O_NOCTTY, STDIN_FILENO);
        redirect(out_path, kWrites, STDOUT_FILENO);
        redirect(err_path, kWrites, STDERR_FILENO);
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(127);
    }
}

Program::~Program() {
    if (code_) return;
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Program::signal(int number) const {
    if (!code_) ::kill(pid_, number);
}

std::optional<int> Program::wait(std::chrono::milliseconds most) {
    const auto deadline = std::chrono::steady_clock::now() + most;
    while (!code_) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        } else if (std::chrono::steady_clock::now() > deadline) {
            return std::nullopt;
        } else {
            std::this_thread::sleep_for(kStep);
        }
    }
    return code_;
}

std::string Program::out() const {
    return read_file(folder_.file("out"));
}
std::string Program::err() const {
    return read_file(folder_.file("err"));
}

Ran run_program(std::vector<std::string> arguments,
                std::map<std::string, std::string> environment) {
    Program program{std::move(arguments), std::move(environment)};
    const auto code = program.wait();
    return {code.value_or(-1), program.out(), program.err()};
}

Got http_get(int port, const std::string& path) {
    httplib::Client client{"127.0.0.1", port};
    client.set_connection_timeout(2);
    client.set_read_timeout(5);
    const auto result = client.Get(path.c_str());
    if (!result) return {};
    return {result->status, result->body};
}

int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool ok = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(fd);
    if (!ok) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
}

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds most) {
    const auto deadline = std::chrono::steady_clock::now() + most;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(kStep * 5);
    }
    return true;
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream out{path, std::ios::binary};
    if (!(out << text << std::flush)) throw std::runtime_error("cannot write " + path);
}

std::string read_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace quotafuse::tests
