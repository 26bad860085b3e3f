// The breaker's thread: trips. What it does with returns and looks, and a pause, stands beside.

#include <atomic>
#include <future>

#include <doctest/doctest.h>

#include "circuit_breaker_breaker_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

std::string lock_waits(TestGateway& gateway) {
    return gateway.value(
        "SELECT variable_value FROM information_schema.global_status "
        "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'");
}

}  // namespace

TEST_CASE("orders are carried out one after the other and each is reported once") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    News news;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    auto shadow = order(3, "c", clock);
    shadow.request.mode = Mode::shadow;
    CHECK(breaker.submit(order(1, "a", clock)));
    CHECK(breaker.submit(order(2, "b", clock)));
    CHECK(breaker.submit(shadow));
    const auto got = news.trips(3);
    REQUIRE(got.size() == 3);
    CHECK(got[0].request.trip_id == "a");
    CHECK(kind_name(got[0].kind) == "tripped");
    CHECK(kind_name(got[1].kind) == "tripped");
    CHECK(kind_name(got[2].kind) == "would_trip");
    CHECK(status_of(*gateway, 1) == "3");
    CHECK(status_of(*gateway, 3) == "1");
    breaker.stop();
    CHECK_FALSE(breaker.submit(order(3, "d", clock)));
    CHECK(news.trips(3).size() == 3);
}

TEST_CASE("an order that waited for more than 30 s is not carried out") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    News news;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    auto late = order(1, "late", clock);
    clock.advance(31s);
    CHECK(breaker.submit(late));
    const auto got = news.trips(1);
    REQUIRE(got.size() == 1);
    CHECK(kind_name(got[0].kind) == "failed");
    CHECK(got[0].why == "expired: asked for more than 30 s ago");
    CHECK(status_of(*gateway, 1) == "1");
}

TEST_CASE("a gateway that is down is tried again until the order expires") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    std::atomic<int> tries = 0;
    std::atomic<bool> down = true;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [&](const std::string&) {
        if (!down) return;
        ++tries;
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    CHECK(eventually([&] { return tries >= 2; }));
    clock.advance(31s);
    const auto first = news.trips(1);
    REQUIRE(first.size() == 1);
    CHECK(kind_name(first[0].kind) == "failed");
    CHECK(first[0].why == "channel 1 could not be disabled: connection refused");

    CHECK(breaker.submit(order(2, "b", clock)));
    const int before = tries;
    CHECK(eventually([&] { return tries > before; }));
    down = false;
    const auto second = news.trips(2);
    REQUIRE(second.size() == 2);
    CHECK(kind_name(second[1].kind) == "tripped");
    CHECK(status_of(*gateway, 1) == "1");
    CHECK(status_of(*gateway, 2) == "3");
}

TEST_CASE("a MariaDB that restarts under the breaker costs a retry and no trip") {
    const auto gateway = three_channels(Engine::mariadb);
    FakeClock clock{kStart};
    News news;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    REQUIRE(news.trips(1).size() == 1);
    tests::shared_mariadb().stop();
    CHECK(breaker.submit(order(2, "b", clock)));
    tests::shared_mariadb().start();
    const auto got = news.trips(2);
    REQUIRE(got.size() == 2);
    CHECK(kind_name(got[1].kind) == "tripped");
    CHECK(status_of(*gateway, 2) == "3");
}

TEST_CASE(
    "stop ends a statement that waits for a lock, within 2 s, and leaves the order on record") {
    const auto gateway = three_channels(Engine::mariadb);
    FakeClock clock{kStart};
    News news;
    const auto other = gateway->session();
    other->begin();
    other->execute("UPDATE abilities SET enabled = 1, priority = 5 WHERE channel_id = 2");
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    CHECK(eventually([&] { return lock_waits(*gateway) == "1"; }));
    const auto begun = std::chrono::steady_clock::now();
    breaker.stop();
    CHECK(std::chrono::steady_clock::now() - begun < 2s);
    other->rollback();
    CHECK(news.trips(0).empty());
    CHECK(status_of(*gateway, 1) == "1");
}

TEST_CASE("a trip waits for the gateway's own write and then judges what is there") {
    const auto gateway = three_channels(Engine::mariadb);
    gateway->sql(
        "UPDATE channels SET status = 2 WHERE id = 3; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id = 3");
    FakeClock clock{kStart};
    News news;
    const auto other = gateway->session();
    other->begin();  // the gateway disables channel 2
    other->execute("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    auto asked = order(1, "a", clock);
    asked.guard.served = {{"default", "gpt-4o", 3}};
    CHECK(breaker.submit(asked));
    CHECK(eventually([&] { return lock_waits(*gateway) == "1"; }));
    other->execute("UPDATE channels SET status = 3 WHERE id = 2");
    other->commit();
    const auto got = news.trips(1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].why ==
          "channel 1 is the last usable one for default/gpt-4o (3 requests in the last 24 h)");
    CHECK(status_of(*gateway, 1) == "1");
}

TEST_CASE("more orders than fit are turned away at once") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    News news;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string&) {
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    std::size_t taken = 0;
    while (taken < 1000 && breaker.submit(order(1, fmt::format("{}", taken), clock))) ++taken;
    CHECK(taken >= Breaker::kMostOrders);
    CHECK(taken <= Breaker::kMostOrders + 1);  // one may be in the thread's hands already
}

TEST_CASE("a library that throws something else costs the order, not the breaker") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    News news;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    std::atomic<bool> broken = true;
    session->before = [&](const std::string&) {
        if (broken) throw std::runtime_error("out of cheese");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    const auto got = news.trips(1);
    REQUIRE(got.size() == 1);
    CHECK(kind_name(got[0].kind) == "unknown");
    CHECK(got[0].why == "the breaker could not go on: out of cheese");
    broken = false;
    CHECK(breaker.submit(order(2, "b", clock)));
    CHECK(kind_name(news.trips(2).at(1).kind) == "tripped");
    broken = true;
    auto shadow = order(3, "c", clock);
    shadow.request.mode = Mode::shadow;  // nothing can have been written
    CHECK(breaker.submit(shadow));
    CHECK(kind_name(news.trips(3).at(2).kind) == "failed");
}

TEST_CASE("an old order whose gateway is down is unknown, not failed") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string&) {
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    auto old = order(1, "a", clock);
    old.request.resumed = true;
    clock.advance(60s);
    CHECK(breaker.submit(old));
    const auto got = news.trips(1);
    REQUIRE(got.size() == 1);
    CHECK(kind_name(got[0].kind) == "unknown");
    CHECK(got[0].why ==
          "expired: asked for more than 30 s ago; whether it was carried out before the restart "
          "could not be read: connection refused");
}

TEST_CASE("a resumed order that fails now but was carried out before the crash is a trip") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    News news;
    {
        Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
        CHECK(breaker.submit(order(1, "a", clock)));
        CHECK(news.trips(1).size() == 1);
    }
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string& sql) {
        if (sql == "BEGIN") throw sync::GatewayError(sync::GatewayError::Kind::denied, "denied");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    auto resumed = order(1, "a", clock);
    resumed.request.resumed = true;
    CHECK(breaker.submit(resumed));
    CHECK(kind_name(news.trips(2).at(1).kind) == "tripped");
}

TEST_CASE("an order that the gateway cannot take now does not hold up the others") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    News news;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    std::atomic<int> begun = 0;
    std::promise<void> both;
    session->before = [&, ready = both.get_future().share()](const std::string& sql) {
        if (sql != "BEGIN" || begun++ > 0) return;
        ready.wait();  // the other one waits by now
        throw sync::GatewayError(sync::GatewayError::Kind::stalled, "no answer");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(order(1, "slow", clock)));
    CHECK(breaker.submit(order(2, "other", clock)));
    both.set_value();
    const auto got = news.trips(2);
    REQUIRE(got.size() == 2);
    CHECK(got[0].request.trip_id == "other");
    CHECK(got[1].request.trip_id == "slow");
    for (const auto& one : got) CHECK(kind_name(one.kind) == "tripped");
}
