#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failure.h"
#include "daemon/control_client.h"
#include "daemon/control_socket.h"
#include "daemon/unix_socket.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::daemon {
namespace {

using base::ExitCode;
using base::Failure;
using base::Milliseconds;
using nlohmann::json;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr Milliseconds kPatience{5000};

struct Fixture {
    tests::TempDir dir;
    std::string path = dir.file("control.sock");
    base::SystemClock clock;
    base::Log log{base::Level::error};
    std::map<std::string, ControlCommand> commands{
        {"status", [](const std::string&) { return std::string{R"({"rows":42})"}; }},
        {"echo", [](const std::string& request) { return request; }},
        {"pretty", [](const std::string&) { return std::string{"{\n\"a\": 1\n}"}; }},
        {"refuse",
         [](const std::string&) -> std::string {
             throw Failure(ExitCode::config, "no such channel");
         }},
        {"break",
         [](const std::string&) -> std::string { throw std::runtime_error("inner detail"); }},
    };

    json ask(const std::string& request) const {
        const auto reply = ask_daemon(path, request, kPatience);
        REQUIRE(reply);
        return json::parse(*reply);
    }
};

std::string failure_of(const std::function<void()>& action, ExitCode code) {
    try {
        action();
    } catch (const Failure& e) {
        CHECK(e.code() == code);
        return e.what();
    }
    FAIL("nothing was thrown");
    return {};
}

/// Connects and waits as long as it takes for the other side to close.
std::string raw_ask(const std::string& path, const std::string& bytes) {
    const auto socket = connect_unix(path);
    REQUIRE(socket);
    if (!bytes.empty()) CHECK(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
    std::string reply;
    std::array<char, 512> buffer{};
    const auto end = steady_clock::now() + kPatience;
    while (steady_clock::now() < end) {
        const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        if (got == 0) return reply;
        if (got > 0) reply.append(buffer.data(), static_cast<std::size_t>(got));
        if (got < 0) std::this_thread::sleep_for(5ms);
    }
    return reply + "[still open]";
}

TEST_CASE("a command gets its request and answers one line") {
    const Fixture f;
    const ControlSocket socket{f.path, f.commands, f.clock, f.log};
    CHECK(f.ask(R"({"command":"status"})") == json{{"rows", 42}});
    CHECK(f.ask(R"({"command":"echo","text":"通知"})")["text"] == "通知");
    CHECK(f.ask(R"({"command":"pretty"})") == json{{"a", 1}});
}

TEST_CASE("what is no command gets an error that says what would be one") {
    const Fixture f;
    const ControlSocket socket{f.path, f.commands, f.clock, f.log};
    for (const auto* request :
         {"", "status", "[]", "{}", R"({"command":1})", R"({"command":"status")", "\xff\xfe"}) {
        CAPTURE(request);
        const auto error = f.ask(request)["error"];
        CHECK(error["code"] == 64);
        CHECK(error["message"] == R"(write one line of JSON, as {"command":"status"})");
    }
    CHECK(f.ask(R"({"command":"nope"})")["error"]["message"] ==
          "this daemon does not know that command; it knows: break, echo, pretty, refuse, status");
}

TEST_CASE(
    "a failure of a command reaches the client with its exit code, an accident without its "
    "detail") {
    const Fixture f;
    const ControlSocket socket{f.path, f.commands, f.clock, f.log};
    CHECK(f.ask(R"({"command":"refuse"})")["error"] ==
          json{{"code", 78}, {"message", "no such channel"}});
    CHECK(f.ask(R"({"command":"break"})")["error"] ==
          json{{"code", 1}, {"message", "the command failed; the daemon's log says why"}});
}

TEST_CASE("the socket belongs to owner and group only, and is gone after a stop") {
    const Fixture f;
    struct stat file {};
    {
        const ControlSocket socket{f.path, f.commands, f.clock, f.log};
        REQUIRE(::stat(f.path.c_str(), &file) == 0);
        CHECK((file.st_mode & 0777) == 0660);
    }
    CHECK(::stat(f.path.c_str(), &file) != 0);
}

TEST_CASE("the file of a dead daemon is taken over") {
    const Fixture f;
    REQUIRE(bind_unix(f.path));  // closed at once: the file stays, nobody listens
    CHECK(ask_daemon(f.path, "{}", kPatience) == std::nullopt);
    const ControlSocket socket{f.path, f.commands, f.clock, f.log};
    CHECK(f.ask(R"({"command":"status"})") == json{{"rows", 42}});
}

TEST_CASE("the socket of a live daemon is left alone") {
    const Fixture f;
    const ControlSocket first{f.path, f.commands, f.clock, f.log};
    const auto text = failure_of([&] { const ControlSocket second(f.path, {}, f.clock, f.log); },
                                 ExitCode::unavailable);
    CHECK(text ==
          "control socket " + f.path + ": another quotafuse answers there; stop that one first");
    CHECK(f.ask(R"({"command":"status"})") == json{{"rows", 42}});
}

TEST_CASE("a stop removes only its own file") {
    const Fixture f;
    std::optional<ControlSocket> first;
    first.emplace(f.path, f.commands, f.clock, f.log);
    REQUIRE(::unlink(f.path.c_str()) == 0);
    const ControlSocket second{f.path, f.commands, f.clock, f.log};
    first.reset();
    CHECK(f.ask(R"({"command":"status"})") == json{{"rows", 42}});
}

TEST_CASE("a path that cannot be used is an error that names it") {
    const Fixture f;
    const auto try_at = [&](const std::string& path) {
        return failure_of([&] { const ControlSocket socket(path, {}, f.clock, f.log); },
                          ExitCode::io_error);
    };
    const auto missing = f.dir.file("missing/control.sock");
    CHECK(try_at(missing) ==
          "control socket " + missing +
              ": No such file or directory; its folder must exist and belong to the daemon's user "
              "(systemd: RuntimeDirectory=quotafuse)");
    std::ofstream(f.path) << "precious";
    CHECK(try_at(f.path).find("a file that is not a socket is in the way") != std::string::npos);
    CHECK(std::ifstream(f.path).peek() == 'p');
    CHECK(try_at(f.dir.file(std::string(120, 'x'))).find("File name too long") !=
          std::string::npos);
}

TEST_CASE("without a daemon there is no answer and no error") {
    const Fixture f;
    CHECK(ask_daemon(f.path, R"({"command":"status"})", kPatience) == std::nullopt);
    CHECK(ask_daemon(f.dir.file("missing/control.sock"), "{}", kPatience) == std::nullopt);
}

TEST_CASE("somebody who listens but does not answer is an error within the time allowed") {
    const Fixture f;
    const auto deaf = bind_unix(f.path);
    REQUIRE(::listen(deaf.get(), 1) == 0);
    const auto start = steady_clock::now();
    const auto text =
        failure_of([&] { ask_daemon(f.path, "{}", Milliseconds{100}); }, ExitCode::unavailable);
    CHECK(text == "the daemon behind " + f.path + " does not answer: it took too long");
    CHECK(steady_clock::now() - start < 2s);
}

/// Files are reached as the user `nobody` by this thread; only root can, others keep their own
/// rights.
class AsNobody {
public:
    AsNobody() { ::setfsuid(65534); }
    ~AsNobody() { ::setfsuid(::geteuid()); }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;
};

TEST_CASE("who may not ask is told which group to join") {
    const Fixture f;
    const ControlSocket socket{f.path, f.commands, f.clock, f.log};
    REQUIRE(::chmod(f.dir.path().c_str(), ::geteuid() == 0 ? 0700 : 0) == 0);
    {
        const AsNobody stranger;
        const auto text =
            failure_of([&] { ask_daemon(f.path, "{}", kPatience); }, ExitCode::unavailable);
        CHECK(text.find("group quotafuse") != std::string::npos);
    }
    REQUIRE(::chmod(f.dir.path().c_str(), 0700) == 0);
}

TEST_CASE("a request that is too long or takes too long is refused") {
    const Fixture f;
    auto limits = ControlSocket::default_limits();
    limits.request_time = Milliseconds{100};
    const ControlSocket socket{f.path, f.commands, f.clock, f.log, limits};
    const auto long_request = R"({"command":"echo","text":")" + std::string(5000, 'x') + "\"}";
    CHECK(f.ask(long_request)["error"]["message"] == "the request is too long");
    CHECK(f.ask(std::string(1'000'000, 'x'))["error"]["message"] == "the request is too long");
    CHECK(json::parse(raw_ask(f.path, R"({"command")"))["error"]["message"] ==
          "the request took too long to arrive; end it with a line break");
    CHECK(raw_ask(f.path, "").empty());
}

TEST_CASE("a connection carries one request") {
    const Fixture f;
    std::atomic<int> calls = 0;
    const ControlSocket socket{
        f.path,
        {{"count", [&](const std::string&) { return std::to_string(++calls); }}},
        f.clock,
        f.log};
    CHECK(raw_ask(f.path, "{\"command\":\"count\"}\n{\"command\":\"count\"}\n") == "1\n");
    CHECK(calls == 1);
}

TEST_CASE("idle clients above the limit do not shut others out") {
    const Fixture f;
    const ControlSocket socket{f.path, f.commands, f.clock, f.log};
    std::vector<FileDescriptor> idle;
    for (int i = 0; i < 40; ++i) idle.push_back(connect_unix(f.path));
    const auto start = steady_clock::now();
    CHECK(f.ask(R"({"command":"status"})") == json{{"rows", 42}});
    CHECK(steady_clock::now() - start < 1s);
}

TEST_CASE("a stop of the control socket does not wait for idle clients") {
    const Fixture f;
    std::optional<ControlSocket> socket;
    socket.emplace(f.path, f.commands, f.clock, f.log);
    const auto idle = connect_unix(f.path);
    REQUIRE(idle);
    const auto start = steady_clock::now();
    socket.reset();
    CHECK(steady_clock::now() - start < 1s);
}

}  // namespace
}  // namespace quotafuse::daemon
