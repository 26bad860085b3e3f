#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/mariadb.h"
#include "support/tcp_gate.h"
#include "support/tls_files.h"
#include "sync_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace std::chrono_literals;
using tests::error_of;
using tests::fetch_ids;
using tests::Ids;
using tests::kind_name;

namespace {

using Steady = std::chrono::steady_clock;

constexpr int kRows = 400;
const SessionOptions kImpatient{.connect_timeout = 1s, .read_timeout = 1s};
const SessionOptions kPatient{.connect_timeout = 60s, .read_timeout = 60s};

Ids all_ids() {
    Ids ids(kRows);
    std::iota(ids.begin(), ids.end(), 1);
    return ids;
}

/// A gateway's table of 400 rows (some 100 kB of answers) behind a gate.
struct Wire {
    explicit Wire(const SessionOptions& options = kImpatient, tests::MariaDb& behind = database())
        : server(behind), gate(server.port()) {
        dsn = tests::dsn_of(server.dsn("root", "", "wire"));
        dsn.port = gate.port();
        source = make_source(dsn, {}, options);
    }
    static tests::MariaDb& database() {
        static const bool filled = [] {
            fill(tests::shared_mariadb());
            return true;
        }();
        (void)filled;
        return tests::shared_mariadb();
    }
    static void fill(tests::MariaDb& server) {
        server.load_ddl("wire", "newapi_2026");
        std::string all = "INSERT INTO logs(id, created_at, type, other) VALUES";
        for (int id = 1; id <= kRows; ++id) {
            all += fmt::format("{}({}, {}, 2, '{{\"request_path\":\"/{}\"}}')", id == 1 ? "" : ", ",
                               id, id, std::string(200, 'x'));
        }
        server.sql(all, "wire");
    }
    /// A small poll is prepared; after a full one the next is streamed.
    void connect(bool streamed) {
        CHECK(fetch_ids(*source, 1, 3) == Ids{1, 2, 3});
        if (!streamed) CHECK(fetch_ids(*source, kRows, 3) == Ids{kRows});
    }
    Ids all() { return fetch_ids(*source, 1, kRows + 1); }

    tests::MariaDb& server;
    tests::TcpGate gate;
    Dsn dsn;
    std::unique_ptr<LogSource> source;
};

/// How long a call takes that must fail, and with what.
struct Failure {
    GatewayError::Kind kind;
    std::string text;
    std::chrono::milliseconds time;
};
template <class Call>
Failure failure_of(const Call& call) {
    const auto start = Steady::now();
    const auto error = error_of(call);
    return {error.kind(), error.what(),
            std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start)};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Ends a call by interrupt() while it hangs; how long both took, and what the call threw.
Failure interrupted(LogSource& source, const std::function<bool()>& hangs,
                    const std::function<void()>& call) {
    Failure failure{};
    std::atomic<bool> begun{false};
    std::jthread caller{[&] {
        begun = true;
        failure = failure_of(call);
    }};
    while (!begun || !hangs()) std::this_thread::yield();
    const auto start = Steady::now();
    source.interrupt();
    caller.join();
    failure.time = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start);
    return failure;
}

}  // namespace

TEST_CASE("a connection cut at any byte of an answer loses no row and gives none twice") {
    for (const bool streamed : {false, true}) {
        CAPTURE(streamed);
        Wire wire;
        int cuts = 0;
        for (std::size_t bytes = 1;; bytes += 1 + bytes / 3) {
            CAPTURE(bytes);
            wire.connect(streamed);
            wire.gate.cut_after(bytes);
            Ids ids;
            try {
                ids = wire.all();
            } catch (const GatewayError& e) {
                CHECK(kind_name(e.kind()) == std::string{"unreachable"});
                ++cuts;
            }
            CHECK((ids.empty() || ids == all_ids()));
            if (!ids.empty()) break;  // the whole answer was shorter
            wire.gate.pass();
            CHECK(wire.all() == all_ids());
        }
        CHECK(cuts > 20);
    }
}

TEST_CASE("a response that stops in its middle is told as stalled within the timeout") {
    for (const bool streamed : {false, true}) {
        CAPTURE(streamed);
        Wire wire;
        for (const std::size_t bytes : {0U, 5U, 3000U, 60'000U}) {
            CAPTURE(bytes);
            wire.connect(streamed);
            bytes == 0 ? wire.gate.stall() : wire.gate.stall_after(bytes);
            const auto failure = failure_of([&] { wire.all(); });
            CHECK(kind_name(failure.kind) == std::string{"stalled"});
            CHECK(failure.time >= 900ms);
            CHECK(failure.time < 2500ms);
            CHECK(contains(failure.text, "gave no answer within 1 s"));
            wire.gate.pass();
            CHECK(wire.all() == all_ids());
        }
    }
}

TEST_CASE("a server that takes the connection and says nothing does not answer in time") {
    Wire wire;
    wire.gate.stall();
    const auto failure = failure_of([&] { wire.all(); });
    CHECK(kind_name(failure.kind) == std::string{"unreachable"});
    CHECK(failure.time < 2500ms);
    CHECK(contains(failure.text, wire.dsn.describe()));
    CHECK(contains(failure.text, "no answer to the attempt to connect within 1 s"));
    wire.gate.pass();
    CHECK(wire.all() == all_ids());
}

TEST_CASE("a port where nobody listens is told at once") {
    Wire wire;
    wire.connect(false);
    wire.gate.refuse();
    wire.gate.cut_all();
    CHECK(kind_name(error_of([&] { wire.all(); }).kind()) == std::string{"unreachable"});
    const auto failure = failure_of([&] { wire.all(); });
    CHECK(failure.time < 500ms);
    CHECK(kind_name(failure.kind) == std::string{"unreachable"});
    CHECK(contains(failure.text, "is the server running, and are host and port right?"));
    wire.gate.pass();
    CHECK(wire.all() == all_ids());
}

TEST_CASE("a connection cut between two polls costs one poll") {
    Wire wire;
    wire.connect(false);
    wire.gate.cut_all();
    const auto failure = failure_of([&] { wire.all(); });
    CHECK(kind_name(failure.kind) == std::string{"unreachable"});
    CHECK(contains(failure.text, "the connection broke; a new one is made at the next try"));
    CHECK(wire.all() == all_ids());
    CHECK(wire.gate.connections() == 2);
}

TEST_CASE("an answer that only comes slowly is no stalled one") {
    Wire wire;
    wire.connect(true);
    const auto before = wire.gate.answered();
    CHECK(wire.all() == all_ids());
    const auto size = wire.gate.answered() - before;
    wire.connect(true);
    wire.gate.slow(size * 2 / 3);  // longer than the read timeout
    const auto start = Steady::now();
    CHECK(wire.all() == all_ids());
    CHECK(Steady::now() - start > kImpatient.read_timeout);
}

TEST_CASE("a call behind a network that hangs is ended by an interrupt all the same") {
    for (const bool streamed : {false, true}) {
        CAPTURE(streamed);
        Wire wire{kPatient};
        wire.connect(streamed);
        const auto before = wire.gate.answered();
        wire.gate.stall_after(3000);
        const auto failure = interrupted(
            *wire.source, [&] { return wire.gate.answered() - before == 3000; },
            [&] { wire.all(); });
        CHECK(kind_name(failure.kind) == std::string{"interrupted"});
        CHECK(failure.time < 2s);
        wire.gate.pass();
        CHECK(wire.all() == all_ids());
    }
}

TEST_CASE("a call of a source that is encrypted is ended so, too") {
    tests::TestAuthority authority{"a test"};
    const auto files = authority.issue("IP:127.0.0.1");
    tests::MariaDb server{{"--ssl-ca=" + authority.certificate(), "--ssl-cert=" + files.certificate,
                           "--ssl-key=" + files.key}};
    Wire::fill(server);
    Wire wire{kPatient, server};
    wire.dsn.tls = Tls::full;
    wire.dsn.tls_ca = authority.certificate();
    const auto source = make_source(wire.dsn, {}, kPatient);
    CHECK(fetch_ids(*source, 1, kRows + 1) == all_ids());
    wire.gate.stall_after(3000);
    const auto before = wire.gate.answered();
    const auto failure = interrupted(
        *source, [&] { return wire.gate.answered() - before == 3000; },
        [&] { fetch_ids(*source, 1, kRows + 1); });
    CHECK(kind_name(failure.kind) == std::string{"interrupted"});
    CHECK(failure.time < 2s);
    wire.gate.pass();
    CHECK(fetch_ids(*source, 1, kRows + 1) == all_ids());
}

TEST_CASE("connecting to a server that says nothing is ended by an interrupt") {
    Wire wire{kPatient};
    wire.gate.stall();
    const auto failure = interrupted(
        *wire.source, [&] { return wire.gate.connections() == 1; }, [&] { wire.all(); });
    CHECK(kind_name(failure.kind) == std::string{"interrupted"});
    CHECK(failure.time < 2s);
    wire.gate.pass();
    CHECK(wire.all() == all_ids());
}

TEST_CASE("connecting to an address that swallows packets is ended by an interrupt") {
    // Once the queue of connections that nobody takes is full, Linux drops those that knock.
    const int deaf = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(deaf, generic, size) == 0);
    REQUIRE(::listen(deaf, 0) == 0);
    REQUIRE(::getsockname(deaf, generic, &size) == 0);
    std::vector<int> queue;
    for (int i = 0; i < 3; ++i) {
        queue.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ::connect(queue.back(), generic, size);
    }
    Dsn dsn;
    dsn.host = "127.0.0.1";
    dsn.port = ntohs(address.sin_port);
    {
        const auto source = make_source(dsn, {}, kImpatient);
        const auto failure = failure_of([&] { source->last_id(); });
        CHECK(kind_name(failure.kind) == std::string{"unreachable"});
        CHECK(failure.time < 2500ms);
        CHECK(contains(failure.text, "no answer to the attempt to connect within 1 s"));
    }
    const auto source = make_source(dsn, {}, kPatient);
    const auto start = Steady::now();
    const auto failure = interrupted(
        *source, [&] { return Steady::now() - start > 200ms; }, [&] { source->last_id(); });
    CHECK(kind_name(failure.kind) == std::string{"interrupted"});
    CHECK(failure.time < 2s);
    for (const int socket : queue) ::close(socket);
    ::close(deaf);
}

TEST_CASE("an interrupt between two calls ends neither") {
    Wire wire;
    wire.connect(false);
    wire.source->interrupt();
    CHECK(wire.all() == all_ids());
    CHECK(wire.gate.connections() == 1);
}

TEST_CASE("a server that is stopped, killed or restarted costs no row") {
    tests::MariaDb server;
    Wire::fill(server);
    Wire wire{kImpatient, server};
    wire.connect(true);
    server.stop();
    for (int i = 0; i < 3; ++i)
        CHECK(kind_name(error_of([&] { wire.all(); }).kind()) == std::string{"unreachable"});
    server.start();
    CHECK(wire.all() == all_ids());
    server.kill();
    CHECK(kind_name(error_of([&] { wire.all(); }).kind()) == std::string{"unreachable"});
    server.start();
    CHECK(wire.all() == all_ids());
    server.sql("SET GLOBAL read_only = 1");  // a failover under way
    CHECK(wire.all() == all_ids());
}
