// What strangers may do to a running daemon: it answers them, leaks nothing, grows no further, and
// goes on reading the gateway meanwhile.

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <sys/resource.h>

#include "base/text.h"
#include "daemon/api/openapi_file.h"
#include "daemon_password_site.h"
#include "support/status_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using daemon::RawClient;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::int64_t kMostGrowth = 1024;  // MiB: a sanitizer holds back what is freed
#else
constexpr std::int64_t kMostGrowth = 24;  // MiB
#endif
constexpr std::size_t kCrowd = 1000;

std::int64_t memory_mib(pid_t pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6)) / 1024;
    FAIL("no such process");
    return 0;
}

/// The test holds as many sockets as it opens.
void allow_many_files() {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    REQUIRE(limit.rlim_cur > 2 * kCrowd);
}

class Target : public PasswordSite {
public:
    Target() : PasswordSite("correct-horse", ", public: true"), daemon(start()) {
        const auto body = std::string{"password=correct-horse"};
        const auto reply = daemon::ask(
            port(), fmt::format("POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                                "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
                                body.size(), body));
        REQUIRE(daemon::status_of(reply) == 303);
        const auto at = reply.find("quotafuse_session=");
        session = "Cookie: " + reply.substr(at, reply.find(';', at) - at) + "\r\n";
    }
    std::string get(const std::string& target) const {
        return daemon::get(port(), target, session);
    }
    /// A row of the gateway arrives in the store while whatever goes on goes on.
    void mirror_one() {
        request(1);
        ++rows;
        REQUIRE(eventually([&] {
            SQLite::Database db{store(), SQLite::OPEN_READONLY, 1000};
            SQLite::Statement query{db, "SELECT count(*) FROM log"};
            query.executeStep();
            return query.getColumn(0).getInt64() == rows;
        }));
    }
    std::int64_t memory() const { return memory_mib(daemon->pid()); }

    std::unique_ptr<Program> daemon;
    std::string session;
    std::int64_t rows = 0;
};

struct Path {
    std::string path;
    std::vector<std::string> parameters;
    std::string begin;  // of the address, before the part that names one; empty where none does
};

/// All of the document, with its own parameters.
std::vector<Path> documented() {
    const auto document = nlohmann::json::parse(daemon::openapi_files().front().content);
    std::vector<Path> paths;
    for (const auto& [path, item] : document.at("paths").items()) {
        const auto part = path.find('{');
        Path one{path, {"unknown"}, part == path.npos ? "" : path.substr(0, part)};
        if (item.at("get").contains("parameters")) {
            for (const auto& given : item.at("get").at("parameters")) {
                const auto& parameter = given.contains("$ref")
                                            ? document.at(nlohmann::json::json_pointer{
                                                  given.at("$ref").get<std::string>().substr(1)})
                                            : given;
                if (parameter.at("in") == "query")
                    one.parameters.push_back(parameter.at("name").get<std::string>());
            }
        }
        for (const auto* const name : {"{id}", "{entry}", "{name}"})
            base::replace_all(one.path, name, "0-1");
        paths.push_back(std::move(one));
    }
    paths.push_back({"/metrics", {"name"}, ""});
    paths.push_back({"/api/v1/status", {"x"}, ""});
    return paths;
}

const std::vector<std::string> kHostile{"' OR '1'='1' --",
                                        "1; DROP TABLE log",
                                        "1 UNION SELECT value FROM text",
                                        "<script>alert(1)</script>",
                                        "\"><img src=x onerror=alert(1)>",
                                        "../../../../etc/passwd",
                                        "%00",
                                        "{{7*7}}",
                                        "-1",
                                        "1e999",
                                        "2147483648",
                                        "999999999999999999999999",
                                        "true",
                                        "[]",
                                        std::string(3000, '9')};

/// Asks everything of everything, on several threads.
void ask_everything(const Target& target) {
    std::vector<std::string> addresses;
    for (const auto& [path, parameters, begin] : documented()) {
        for (const auto& value : kHostile) {
            for (const auto& parameter : parameters)
                addresses.push_back(path + "?" + parameter + "=" + base::percent_encode(value));
            if (!begin.empty()) addresses.push_back(begin + base::percent_encode(value));
        }
    }
    CHECK(addresses.size() > 1000);
    std::atomic<std::size_t> next = 0;
    std::vector<std::string> faults;
    std::map<int, int> statuses;
    std::mutex mutex;
    std::vector<std::thread> askers;
    for (int i = 0; i < 4; ++i) {
        askers.emplace_back([&] {
            for (auto at = next++; at < addresses.size(); at = next++) {
                const auto reply = target.get(addresses[at]);
                const auto status = daemon::status_of(reply);
                const bool expected =
                    status == 200 || status == 400 || status == 404 || status == 503;
                const bool is_page = contains(reply, "Content-Type: text/html");
                const bool leaks = contains(reply, "root:") || contains(reply, "SQLITE") ||
                                   contains(reply, "syntax error") || contains(reply, "/store.db");
                const std::scoped_lock lock{mutex};
                ++statuses[status];
                if (expected && !is_page && !leaks && contains(reply, "nosniff")) continue;
                faults.push_back(addresses[at] + ": " + reply.substr(0, 300));
            }
        });
    }
    for (auto& asker : askers) asker.join();
    for (const auto& fault : faults) FAIL_CHECK(fault);
    CHECK(statuses[200] > 100);
    CHECK(statuses[400] > 500);
    CHECK(statuses[503] < 100);
}

/// `threads` at once; their sums of what each counted.
using Statuses = std::map<int, int>;
Statuses on_threads(int threads, const std::function<void(int, Statuses&)>& act) {
    std::vector<Statuses> counted(static_cast<std::size_t>(threads));
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&, i] { act(i, counted[static_cast<std::size_t>(i)]); });
    }
    Statuses all;
    for (const auto& one : counted)
        for (const auto& [status, times] : one) all[status] += times;
    return all;
}

/// Heads that are too large in every way that there is.
std::vector<std::string> large_heads(const std::string& session) {
    const std::string large(100'000, 'x');
    const std::string begin = "GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    std::string many = begin;
    for (int i = 0; i < 10'000; ++i) many += fmt::format("X{}: y\r\n", i);
    return {
        begin + "X: " + large + "\r\n\r\n",
        begin + large + ": x\r\n\r\n",
        begin + "Cookie: quotafuse_session=" + large + "\r\n\r\n",
        begin + session + "Accept: " + large,  // and no end
        "GET /" + large + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /api/v1/logs?search=" + large + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + session + "\r\n",
        large,
        many + "\r\n"};
}

}  // namespace

TEST_CASE("hostile requests are answered, leak nothing, cost no memory and stop no row") {
    allow_many_files();
    Target target;
    target.mirror_one();
    ask_everything(target);  // once: caches and threads have what they ever need
    const auto before = target.memory();

    SUBCASE("SQL, HTML, wrong types and huge numbers in every parameter") {
        ask_everything(target);
        target.mirror_one();
    }
    SUBCASE("heads of 100,000 bytes") {
        const auto heads = large_heads(target.session);
        const auto statuses = on_threads(4, [&](int, Statuses& counted) {
            for (int i = 0; i < 200; ++i) {
                const RawClient client{target.port()};
                client.send(heads[static_cast<std::size_t>(i) % heads.size()]);
                ++counted[daemon::status_of(client.receive_all())];
            }
        });
        CHECK(statuses == Statuses{{431, 800}});
        target.mirror_one();
    }
    SUBCASE("strangers who ask for everything") {
        for (const auto& [path, parameters, begin] : documented()) {
            if (path == "/api/v1/public") continue;
            for (const auto& parameter : parameters) {
                CAPTURE(path + "?" + parameter);
                const auto reply = daemon::get(target.port(), path + "?" + parameter + "=1");
                CHECK(daemon::status_of(reply) == 401);
                CHECK(reply.size() < 1500);  // what is asked for, and nothing of the answer
            }
        }
        target.mirror_one();
    }
    SUBCASE("paths that climb") {
        for (const auto* const start :
             {"/", "/api/v1/", "/api/v1/logs/", "/public/", "/metrics/"}) {
            for (const auto* const climb : {"../", "..%2f", "%2e%2e%2f", "..%5c", "....//"}) {
                std::string path = start;
                for (int i = 0; i < 8; ++i) path += climb;
                const auto reply = target.get(path + "etc/passwd");
                CAPTURE(path);
                const auto status = daemon::status_of(reply);
                CHECK((status == 400 || status == 404));
                CHECK_FALSE(contains(reply, "root:"));
            }
        }
        target.mirror_one();
    }
    SUBCASE("a thousand connections that all ask at once") {
        std::vector<std::unique_ptr<RawClient>> crowd;
        for (std::size_t i = 0; i < kCrowd; ++i)
            crowd.push_back(std::make_unique<RawClient>(target.port()));
        for (const auto& client : crowd)
            client->send("GET /api/v1/summary HTTP/1.1\r\nHost: 127.0.0.1\r\n" + target.session +
                         "\r\n");
        Statuses statuses;
        for (const auto& client : crowd) ++statuses[daemon::status_of(client->receive_all())];
        // Who is above the limits is told so, or hung up on while he has not asked yet.
        CHECK(statuses[200] > 0);
        CHECK(statuses[503] > 0);
        CHECK(static_cast<std::size_t>(statuses[200] + statuses[503] + statuses[0]) == kCrowd);
        target.mirror_one();
        CHECK(daemon::status_of(target.get("/api/v1/status")) == 200);
    }
    SUBCASE("slow clients: each byte a while after the other, in the head and in a body") {
        const auto statuses = on_threads(32, [&](int i, Statuses& counted) {
            const RawClient client{target.port()};
            client.send(i % 2 == 0 ? "GET /api/v1/summary HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
                                   : "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                                     "application/x-www-form-urlencoded\r\nContent-Length: "
                                     "4000\r\n\r\n");
            // Until it is hung up on: nobody is waited for longer for being busy.
            while (!client.is_reset_within(std::chrono::milliseconds{50}) && client.send("x")) {
            }
            ++counted[daemon::status_of(client.receive_all())];
        });
        CHECK(statuses == Statuses{{408, 32}});
        target.mirror_one();
    }
    SUBCASE("a thousand connections, idle, slow or deaf, at once") {
        std::vector<std::unique_ptr<RawClient>> crowd;
        for (std::size_t i = 0; i < kCrowd; ++i) {
            crowd.push_back(std::make_unique<RawClient>(target.port()));
            if (i % 3 == 1) crowd.back()->send("GET /api/v1/summary HTTP/1.1\r\nHost: 127");
            if (i % 3 == 2)  // never takes its reply
                crowd.back()->send("GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
                                   target.session + "\r\n");
            if (i % 250 == 249) target.mirror_one();
        }
        CHECK(target.memory() - before <= kMostGrowth);
        target.mirror_one();
        CHECK(daemon::status_of(target.get("/api/v1/status")) == 200);
    }
    SUBCASE("guesses at the login, a thousand of them") {
        std::atomic<int> refused = 0;
        std::atomic<int> others = 0;
        std::vector<std::thread> guessers;
        for (int thread = 0; thread < 8; ++thread) {
            guessers.emplace_back([&, thread] {
                for (int i = 0; i < 125; ++i) {
                    const auto body = fmt::format("password=guess-{}-{}", thread, i);
                    const auto reply = daemon::ask(
                        target.port(),
                        fmt::format(
                            "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                            "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
                            body.size(), body));
                    const auto status = daemon::status_of(reply);
                    ++(status == 429 || status == 503 ? refused : others);
                    if (status != 401 && status != 429 && status != 503) others += 1000;
                }
            });
        }
        target.mirror_one();
        for (auto& guesser : guessers) guesser.join();
        CHECK(refused > 900);
        CHECK(others < 100);
        CHECK(daemon::status_of(target.get("/api/v1/status")) == 200);  // who is in stays in
        target.mirror_one();
    }
    CHECK(target.memory() - before <= kMostGrowth);
    target.mirror_one();
    target.daemon->signal(SIGTERM);
    CHECK(target.daemon->wait() == 0);
}
