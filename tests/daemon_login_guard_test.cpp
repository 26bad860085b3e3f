#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "daemon/slow_down.h"
#include "support/logged.h"
#include "support/login_site.h"

namespace quotafuse::daemon {
namespace {

using namespace std::chrono_literals;

TEST_CASE("guessing gets slower and slower, and the right password waits as well") {
    tests::Logged logged;
    LoginSite run;
    for (int i = 0; i < 5; ++i) CHECK(run.bearer("guess") == 401);
    auto waits = run.get("/api/v1/status", {{"authorization", "Bearer guess"}});
    CHECK(waits.status == 429);
    CHECK(header_of(waits, "Retry-After") == "1");
    CHECK(run.bearer(kPassword) == 429);
    CHECK(run.log_in(kPassword).status == 429);
    CHECK(contains(run.log_in(kPassword).body, "Too many wrong passwords"));
    for (const auto* const next :
         {"2", "4", "8", "16", "32", "64", "128", "256", "512", "900", "900"}) {
        run.clock.advance(std::chrono::seconds{std::stoi(header_of(waits, "Retry-After"))});
        CHECK(run.bearer("guess") == 401);
        waits = run.get("/api/v1/status", {{"authorization", "Bearer guess"}});
        CHECK(waits.status == 429);
        CHECK(header_of(waits, "Retry-After") == next);
    }
    const auto lines = logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "5 wrong passwords from 127.0.0.1"));
    CHECK_FALSE(contains(lines[0], "guess"));
    run.clock.advance(15min);
    CHECK(run.log_in(kPassword).status == 303);
    for (int i = 0; i < 5; ++i) CHECK(run.bearer("guess") == 401);  // as if new
    CHECK(run.bearer("guess") == 429);
}

TEST_CASE("one guesser slows down nobody else, and nobody who is logged in") {
    const tests::Logged logged;
    const LoginSite run{
        {.password = base::Secret{kPassword}, .trusted_proxies = {*IpRange::parse("127.0.0.1")}}};
    const auto in = cookie_of(run.log_in(kPassword));
    const auto from = [&](const std::string& address, const std::string& password) {
        return run.log_in(password, {{"x-forwarded-for", "8.8.8.8, " + address}}).status;
    };
    for (int i = 0; i < 5; ++i) CHECK(from("203.0.113.7", "guess") == 401);
    CHECK(from("203.0.113.7", kPassword) == 429);
    CHECK(from("203.0.113.8", kPassword) == 303);
    CHECK(run.get("/", {{"x-forwarded-for", "203.0.113.7"}, {"cookie", in}}).status == 200);
    // The addresses of one IPv6 network are one.
    for (int i = 0; i < 5; ++i) CHECK(from("2001:db8::" + std::to_string(i), "guess") == 401);
    CHECK(from("2001:db8::99", "guess") == 429);
    CHECK(from("2001:db8:0:1::99", "guess") == 401);
}

TEST_CASE("an hour without a wrong try is forgiven") {
    tests::FakeClock clock{1'767'000'000};
    SlowDown slow_down{clock};
    for (int i = 1; i <= 4; ++i) CHECK(slow_down.begin("a").number == i);
    clock.advance(1h);
    CHECK(slow_down.begin("a").number == 5);
    clock.advance(1h + 1ms);
    CHECK(slow_down.begin("a").number == 1);
}

TEST_CASE("the addresses that are remembered are bounded, and the oldest goes first") {
    tests::FakeClock clock{1'767'000'000};
    SlowDown slow_down{clock};
    const auto guess = [&](const std::string& address, int times) {
        for (int i = 0; i < times; ++i) slow_down.begin(address);
    };
    guess("oldest", 5);
    clock.advance(1ms);
    guess("next", 5);
    for (int i = 0; i < 998; ++i) guess(std::to_string(i), 1);
    CHECK(slow_down.size() == SlowDown::kMost);
    CHECK(slow_down.wait("oldest") == 1s);
    clock.advance(1ms);
    guess("one more", 1);
    CHECK(slow_down.size() == SlowDown::kMost);
    CHECK(slow_down.wait("oldest") == 0s);
    CHECK(slow_down.wait("next") == 1s);
}

TEST_CASE("of many tries at once no more than five are looked at") {
    const tests::Logged logged;
    const LoginSite run{{.password = base::Secret{hash_password(kPassword)}}};
    std::atomic<int> wrong = 0;
    std::atomic<int> waited = 0;
    {
        std::vector<std::jthread> guessers;
        for (int i = 0; i < 16; ++i) {
            guessers.emplace_back([&] {
                const auto status = run.bearer("guess");
                wrong += status == 401;
                waited += status == 429;
            });
        }
    }
    CHECK(wrong + waited == 16);
    CHECK(wrong >= 1);
    CHECK(wrong <= 5);
}

TEST_CASE("a machine with the right password may ask many times at once") {
    const LoginSite run;
    std::atomic<int> served = 0;
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < 16; ++i) {
            clients.emplace_back([&] {
                for (int k = 0; k < 20; ++k) served += run.bearer(kPassword) == 200;
            });
        }
    }
    CHECK(served == 320);
}

TEST_CASE("a login over a socket: the body in pieces, too large, too slow, and without one") {
    const tests::Logged logged;
    const Running run{{.request_time = std::chrono::milliseconds{300}},
                      {},
                      {.password = base::Secret{kPassword}}};
    const auto head = [](const std::string& path, std::size_t length) {
        return "POST " + path +
               " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
               "application/x-www-form-urlencoded\r\nContent-Length: " +
               std::to_string(length) + "\r\n\r\n";
    };
    const std::string body = "password=" + kPassword;
    CHECK(status_of(ask(run.port, head("/login", body.size()) + body)) == 303);
    const RawClient pieces{run.port};
    const auto whole = head("/login", body.size()) + body;
    for (std::size_t i = 0; i < whole.size(); i += 7) REQUIRE(pieces.send(whole.substr(i, 7)));
    const auto reply = pieces.receive_all();
    CHECK(status_of(reply) == 303);
    CHECK(contains(reply, "form-action 'none'"));
    const auto cookie = reply.substr(reply.find("quotafuse_session="), 18 + 64);
    CHECK(status_of(get(run.port, "/api/v1/status", "Cookie: " + cookie + "\r\n")) == 200);
    CHECK(error_status(get(run.port, "/api/v1/status")) == 401);

    // What comes after the announced body is none of it.
    CHECK(status_of(ask(run.port, head("/login", body.size()) + body + "xx")) == 303);
    CHECK(status_of(ask(run.port, head("/login", body.size() - 1) + body)) == 401);
    CHECK(error_status(ask(run.port, head("/login", 4097) + std::string(4097, 'x'))) == 413);
    CHECK(error_status(ask(run.port, head("/login", 0))) == 400);
    CHECK(error_status(ask(run.port, head("/login", 4096) + std::string(4096, 'x'))) == 400);
    CHECK(error_status(ask(run.port, head("/login", 30) + "password=")) == 408);
    CHECK(error_status(ask(run.port, head("/api/v1/status", 4) + "body")) == 405);
    const auto page = get(run.port, "/");
    CHECK(status_of(page) == 200);
    CHECK(contains(page, "form-action 'self'"));
    CHECK(contains(page, "Referrer-Policy: same-origin\r\n"));
}

}  // namespace
}  // namespace quotafuse::daemon
