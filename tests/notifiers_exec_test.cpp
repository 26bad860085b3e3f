#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "notifiers/child_process.h"
#include "notifiers/event_json.h"
#include "notifiers_entry.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

namespace {

const auto kIgnored = std::signal(SIGPIPE, SIG_IGN);  // as quotafuse itself does

/// A program of a shell script, in a folder where it may leave things.
struct Script {
    explicit Script(const std::string& text) {
        std::ofstream{path} << "#!/bin/sh\ncd '" << folder.path() << "' || exit 1\n"
                            << text << "\n";
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    }
    NotifierEntry entry(const std::string& more = "") const {
        return {read_exec, fmt::format("{{command: [{}, \"$HOME `x` 'y'\"]{}}}", path, more)};
    }
    Outcome send(const std::string& more = "") const {
        return entry(more).provider->send(sample_mail());
    }
    bool left(const std::string& name) const { return std::filesystem::exists(folder.file(name)); }
    std::string text_of(const std::string& name) const {
        std::ifstream file{folder.file(name)};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    TempDir folder;
    std::string path = folder.file("program");
};

bool no_child_is_left() {
    return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

}  // namespace

TEST_CASE(
    "a program gets the JSON on stdin, its arguments unread by any shell, and 0 is delivered") {
    const Script script{"cat > event; printf %s \"$1\" > argument; exit 0"};
    CHECK(script.send().kind == Kind::ok);
    CHECK(script.text_of("event") == event_json(sample_mail()));
    CHECK(script.text_of("argument") == "$HOME `x` 'y'");
    CHECK(no_child_is_left());
}

TEST_CASE("exit code 75 comes again, others never, and the first line of stderr says why") {
    CHECK(Script{"exit 75"}.send().kind == Kind::transient);
    CHECK(Script{"exit 75"}.send().why == "exit code 75");
    const auto outcome =
        Script{"echo >&2; echo ' no such pager' >&2; echo more >&2; exit 3"}.send();
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why == "exit code 3: no such pager");
    CHECK_FALSE(outcome.advice.empty());
    const auto crash = Script{"kill -SEGV $$"}.send();
    CHECK(crash.kind == Kind::ambiguous);
    CHECK(crash.why == "ended by signal 11");
    CHECK(crash.most_attempts == 5);
    CHECK(no_child_is_left());
}

TEST_CASE("a program has a small environment and no descriptor, folder or signal of ours") {
    ::setenv("QUOTAFUSE_TEST_LEAK", "leak", 1);
    const int leak = ::open("/dev/null", O_RDONLY);  // without close-on-exec, as some library may
    sigset_t blocked;
    sigset_t former;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &former);
    const Script script{
        "env > environment; pwd -P > folder; ls /proc/self/fd > descriptors\n"
        "grep -E '^Sig(Blk|Ign)' /proc/self/status > signals"};
    const auto kind = script.send(", env: {PAGER_KEY: pager-secret}").kind;
    ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
    ::close(leak);
    ::unsetenv("QUOTAFUSE_TEST_LEAK");
    REQUIRE(kind == Kind::ok);

    const auto environment = script.text_of("environment");
    CHECK(environment.find("LEAK") == std::string::npos);
    for (const auto* const line : {"PAGER_KEY=pager-secret\n", "QUOTAFUSE_EVENT_ID=ev-17\n",
                                   "QUOTAFUSE_KIND=firing\n", "QUOTAFUSE_SEVERITY=critical\n"}) {
        CHECK(environment.find(line) != std::string::npos);
    }
    CHECK(script.text_of("descriptors") == "0\n1\n2\n3\n");  // 3 is how ls reads the folder
    // The C library keeps 32 and 33 for itself.
    const auto signals = script.text_of("signals");
    for (const auto* const name : {"SigBlk:\t", "SigIgn:\t"}) {
        const auto mask = std::stoull(signals.substr(signals.find(name) + 8), nullptr, 16);
        CHECK((mask & 0x7fffffffULL) == 0);
    }
}

TEST_CASE("a program that takes too long is stopped with all that it started") {
    const Script script{"trap '' TERM\n(trap '' TERM; sleep 60; touch too-late) &\nsleep 60"};
    const auto began = std::chrono::steady_clock::now();
    ChildProcess child;
    const auto result = child.run({script.path}, {{"PATH", "/usr/bin:/bin"}}, "", 100ms);
    CHECK(result.end == ChildProcess::Result::End::timed_out);
    CHECK(std::chrono::steady_clock::now() - began < 10s);
    CHECK(no_child_is_left());

    const Script polite{"trap 'touch heard; exit 0' TERM\nwhile :; do sleep 0.01; done"};
    const auto ended = child.run({polite.path}, {{"PATH", "/usr/bin:/bin"}}, "", 200ms);
    CHECK(ended.end == ChildProcess::Result::End::timed_out);
    CHECK(polite.left("heard"));
}

TEST_CASE("a message over which the program hangs is tried for a day, since the next may pass") {
    const auto outcome = Script{"exec sleep 60"}.send(", timeout: 1s");
    CHECK(outcome.kind == Kind::ambiguous);
    CHECK(outcome.why == "did not end within 1 s and was stopped");
    CHECK(outcome.most_attempts == notifiers::for_a_day({}).most_attempts);
}

TEST_CASE("an interrupt ends a running program, and no later one starts") {
    const Script script{"echo > began; sleep 60"};
    const auto entry = script.entry();
    std::jthread interrupter{[&] {
        while (!script.left("began")) std::this_thread::yield();
        entry.provider->interrupt();
    }};
    const auto began = std::chrono::steady_clock::now();
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ambiguous);
    CHECK(entry.provider->send(sample_mail()).kind == Kind::transient);
    CHECK(std::chrono::steady_clock::now() - began < 10s);
    CHECK(no_child_is_left());
}

TEST_CASE("neither a program that reads nothing nor one that writes without end is in the way") {
    auto mail = sample_mail();
    mail.message.alerts.assign(100, R"({"name":")" + std::string(1000, 'x') + "\"}");
    const Script deaf{"exec <&-; exit 0"};
    CHECK(deaf.entry().provider->send(mail).kind == Kind::ok);
    const Script loud{"head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1"};
    const auto outcome = loud.entry().provider->send(mail);
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why.size() <= 300);
    // Who stays behind with stderr in its hand does not hold the message up.
    const auto began = std::chrono::steady_clock::now();
    CHECK(Script{"sleep 5 & exit 0"}.send().kind == Kind::ok);
    CHECK(std::chrono::steady_clock::now() - began < 4s);
}

TEST_CASE("secrets of its environment are not shown") {
    const auto outcome =
        Script{"echo \"bad key $KEY\" >&2; exit 1"}.send(", env: {KEY: pager-secret}");
    CHECK(outcome.why == "exit code 1: bad key ***");
}

TEST_CASE("a program that cannot be started is permanent") {
    const Script script{"exit 0"};
    const auto entry = script.entry();
    std::filesystem::remove(script.path);
    const auto outcome = entry.provider->send(sample_mail());
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why == script.path + " cannot be started: No such file or directory");
    CHECK_FALSE(outcome.advice.empty());
}

TEST_CASE("a program's entry is checked") {
    const auto fault = [](const std::string& yaml) {
        const NotifierEntry entry{read_exec, yaml};
        REQUIRE(entry.faults.size() == 1);
        return entry.faults.front().substr(entry.faults.front().find(": ") + 2);
    };
    CHECK(fault("{command: [echo, hi]}") ==
          "command must be a list: the program with its whole path, then its arguments");
    CHECK(fault("{command: []}").starts_with("command must be a list"));
    CHECK(fault("{command: [/nowhere/at/all]}") ==
          "the program '/nowhere/at/all' cannot be executed: No such file or directory");
    CHECK(fault("{command: [/bin/true], env: {\"A=B\": c}}") ==
          "env has a name that no variable can have");
    CHECK(fault("{command: [/bin/true], timeout: 1h}").find("timeout") != std::string::npos);
    CHECK(NotifierEntry{read_exec, "{command: /bin/true}"}.faults.empty());
}

TEST_CASE("of its environment a program's words show what is no secret") {
    const Script script{"echo \"$STAGE at $ZONE by $PAGER_KEY, $CODE\" >&2; exit 1"};
    CHECK(script.send(", env: {STAGE: prod, ZONE: production, PAGER_KEY: abc-1, CODE: a1b2c3d4e5}")
              .why == "exit code 1: prod at production by ***, ***");
}
