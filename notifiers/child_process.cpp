#include "notifiers/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quotafuse::notifiers {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;  // of the kernel's waits, as poll()'s is
using Result = ChildProcess::Result;

constexpr std::size_t kErrorsKept = 4096;
/// A child's end that closes no pipe is seen after this at the latest.
constexpr auto kLook = 50ms;
constexpr auto kGrace = 2s;
constexpr auto kGraceAtStop = 200ms;

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    void reset(int fd) {
        close();
        fd_ = fd;
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
};

struct Pipe {
    Descriptor read;
    Descriptor write;
    bool open() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
        read.reset(ends[0]);
        write.reset(ends[1]);
        return true;
    }
};

/// What a child is started with, freed again.
class Plan {
public:
    Plan(const Descriptor& input, const Descriptor& errors) {  // its ends of the pipes
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawn_file_actions_adddup2(&actions_, input.get(), STDIN_FILENO);
        ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, errors.get(), STDERR_FILENO);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
        ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
        sigset_t none;
        sigset_t all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~Plan() {
        ::posix_spawnattr_destroy(&attributes_);
        ::posix_spawn_file_actions_destroy(&actions_);
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    /// An errno, 0 when it runs.
    int start(pid_t& pid, std::vector<std::string> argv, std::vector<std::string> environment) {
        const auto arguments = pointers(argv);
        const auto variables = pointers(environment);
        return ::posix_spawn(&pid, argv.front().c_str(), &actions_, &attributes_, arguments.data(),
                             variables.data());
    }

private:
    static std::vector<char*> pointers(std::vector<std::string>& texts) {
        std::vector<char*> list;
        for (auto& text : texts) list.push_back(text.data());
        list.push_back(nullptr);
        return list;
    }

    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

/// One child, and the pipes to it.
struct Child {
    pid_t pid = -1;
    Pipe input;
    Pipe errors;
    std::string_view left;  // of the input
    std::string said;

    int start(const std::vector<std::string>& argv, const std::vector<std::string>& environment);
    /// It stays a zombie, so that its number cannot become another's: see collect().
    bool ended() const;
    void signal(int number) const { ::kill(-pid, number); }
    void wait(std::chrono::milliseconds most, int wake);
    void cut_off(std::chrono::milliseconds grace);
    Result collect();

private:
    void give();
    bool take();
};

int Child::start(const std::vector<std::string>& argv,
                 const std::vector<std::string>& environment) {
    if (!input.open() || !errors.open()) return errno;
    const auto error = Plan{input.read, errors.write}.start(pid, argv, environment);
    input.read.close();
    errors.write.close();
    for (const int ours : {input.write.get(), errors.read.get()})
        ::fcntl(ours, F_SETFL, O_NONBLOCK);
    return error;
}

bool Child::ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
}

void Child::give() {
    const auto n = ::write(input.write.get(), left.data(), left.size());
    if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
    const bool gone = n < 0 && errno != EAGAIN && errno != EINTR;  // it does not want to read
    if (left.empty() || gone) input.write.close();
}

/// False: there is no more at the moment.
bool Child::take() {
    std::array<char, 4096> piece{};
    const auto n = ::read(errors.read.get(), piece.data(), piece.size());
    if (n < 0) return errno == EINTR;
    if (n == 0) errors.read.close();
    said.append(piece.data(), std::min(static_cast<std::size_t>(n), kErrorsKept - said.size()));
    return n > 0;
}

/// Moves what can be moved. poll() skips descriptors that are closed.
void Child::wait(std::chrono::milliseconds most, int wake) {
    std::array<pollfd, 3> polled{{
        {input.write.get(), POLLOUT, 0},
        {errors.read.get(), POLLIN, 0},
        {wake, POLLIN, 0},
    }};
    const auto limit = std::clamp<std::chrono::milliseconds>(most, 0ms, kLook);
    if (::poll(polled.data(), polled.size(), static_cast<int>(limit.count())) <= 0) return;
    if (polled[0].revents != 0) give();
    if (polled[1].revents != 0) take();
}

/// With all that it started in its group.
void Child::cut_off(std::chrono::milliseconds grace) {
    signal(SIGTERM);
    for (const auto until = Clock::now() + grace; !ended() && Clock::now() < until;) wait(10ms, -1);
    signal(SIGKILL);
}

Result Child::collect() {
    while (errors.read.get() >= 0 && said.size() < kErrorsKept && take()) {
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) return {Result::End::exited, WEXITSTATUS(status), said};
    return {Result::End::signalled, WTERMSIG(status), said};
}

std::vector<std::string> lines_of(const std::map<std::string, std::string>& environment) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : environment) lines.push_back(name + "=" + value);
    return lines;
}

}  // namespace

ChildProcess::ChildProcess() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_ < 0) throw std::runtime_error("the system has no descriptor left");
}

ChildProcess::~ChildProcess() {
    ::close(wake_);
}

Result ChildProcess::run(const std::vector<std::string>& argv,
                         const std::map<std::string, std::string>& environment,
                         std::string_view input, std::chrono::milliseconds timeout) {
    if (interrupted_) return {Result::End::not_started, ECANCELED, {}};
    Child child;
    child.left = input;
    if (const auto error = child.start(argv, lines_of(environment)); error != 0)
        return {Result::End::not_started, error, {}};
    const auto until = Clock::now() + timeout;
    while (!child.ended()) {
        const auto now = Clock::now();
        if (now >= until || interrupted_) {
            child.cut_off(interrupted_ ? kGraceAtStop : kGrace);
            auto result = child.collect();
            result.end = interrupted_ ? Result::End::interrupted : Result::End::timed_out;
            return result;
        }
        child.wait(std::chrono::ceil<std::chrono::milliseconds>(until - now), wake_);
    }
    return child.collect();
}

void ChildProcess::interrupt() noexcept {
    interrupted_ = true;
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_, &one, sizeof(one)));  // only a full counter refuses: awake
}

}  // namespace quotafuse::notifiers
