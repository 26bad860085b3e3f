#include <condition_variable>
#include <mutex>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker/audit.h"
#include "circuit_breaker/breaker.h"
#include "support/fake_clock.h"
#include "support/test_gateway.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace std::chrono_literals;
using tests::AccidentSession;
using tests::FakeClock;
using tests::TestGateway;
using Engine = TestGateway::Engine;

namespace {

constexpr std::int64_t kStart = 1'767'600'000;

/// What the pipeline's queue would be.
class Results {
public:
    Breaker::Report reporter() {
        return [this](TripResult result) {
            {
                const std::scoped_lock lock{mutex_};
                results_.push_back(std::move(result));
            }
            changed_.notify_all();
        };
    }
    std::vector<TripResult> wait_for(std::size_t count) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, 20s, [&] { return results_.size() >= count; });
        return results_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<TripResult> results_;
};

Breaker::Order order(std::int64_t channel, const std::string& trip, const base::Clock& clock) {
    return {.request = {.trip_id = trip,
                        .channel = channel,
                        .reason = "cost 12 USD in 5m",
                        .mode = Mode::live},
            .guard = {},
            .asked_at = clock.now()};
}

std::unique_ptr<TestGateway> new_api(Engine engine) {
    auto gateway = std::make_unique<TestGateway>(engine, "newapi_2026");
    for (const std::int64_t id : {1, 2, 3}) gateway->add_channel(id, {"default"}, {"gpt-4o"});
    return gateway;
}

std::string status(TestGateway& gateway, int channel) {
    return gateway.value(fmt::format("SELECT status FROM channels WHERE id = {}", channel));
}

std::string lock_waits(TestGateway& gateway) {
    return gateway.value(
        "SELECT variable_value FROM information_schema.global_status "
        "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'");
}

/// Until `done` says so, at most 20 s.
template <class F>
bool eventually(F done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

}  // namespace

TEST_CASE("orders are carried out one after the other and each is reported once") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    Results results;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
    auto shadow = order(3, "c", clock);
    shadow.request.mode = Mode::shadow;
    CHECK(breaker.submit(order(1, "a", clock)));
    CHECK(breaker.submit(order(2, "b", clock)));
    CHECK(breaker.submit(shadow));
    const auto got = results.wait_for(3);
    REQUIRE(got.size() == 3);
    CHECK(got[0].request.trip_id == "a");
    CHECK(kind_name(got[0].kind) == "tripped");
    CHECK(kind_name(got[1].kind) == "tripped");
    CHECK(kind_name(got[2].kind) == "would_trip");
    CHECK(status(*gateway, 1) == "3");
    CHECK(status(*gateway, 3) == "1");
    breaker.stop();
    CHECK_FALSE(breaker.submit(order(3, "d", clock)));
    CHECK(results.wait_for(3).size() == 3);
}

TEST_CASE("an order that waited for more than 30 s is not carried out") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    Results results;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
    auto late = order(1, "late", clock);
    clock.advance(31s);
    CHECK(breaker.submit(late));
    const auto got = results.wait_for(1);
    REQUIRE(got.size() == 1);
    CHECK(kind_name(got[0].kind) == "failed");
    CHECK(got[0].why == "expired: asked for more than 30 s ago");
    CHECK(status(*gateway, 1) == "1");
}

TEST_CASE("a gateway that is down is tried again until the order expires") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    std::atomic<int> tries = 0;
    std::atomic<bool> down = true;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [&](const std::string&) {
        if (!down) return;
        ++tries;
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    Results results;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, results.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    CHECK(eventually([&] { return tries >= 2; }));
    clock.advance(31s);
    const auto first = results.wait_for(1);
    REQUIRE(first.size() == 1);
    CHECK(kind_name(first[0].kind) == "failed");
    CHECK(first[0].why == "channel 1 could not be disabled: connection refused");

    CHECK(breaker.submit(order(2, "b", clock)));
    const int before = tries;
    CHECK(eventually([&] { return tries > before; }));
    down = false;
    const auto second = results.wait_for(2);
    REQUIRE(second.size() == 2);
    CHECK(kind_name(second[1].kind) == "tripped");
    CHECK(status(*gateway, 1) == "1");
    CHECK(status(*gateway, 2) == "3");
}

TEST_CASE("a MariaDB that restarts under the breaker costs a retry and no trip") {
    const auto gateway = new_api(Engine::mariadb);
    FakeClock clock{kStart};
    Results results;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    REQUIRE(results.wait_for(1).size() == 1);
    tests::shared_mariadb().stop();
    CHECK(breaker.submit(order(2, "b", clock)));
    tests::shared_mariadb().start();
    const auto got = results.wait_for(2);
    REQUIRE(got.size() == 2);
    CHECK(kind_name(got[1].kind) == "tripped");
    CHECK(status(*gateway, 2) == "3");
}

TEST_CASE(
    "stop ends a statement that waits for a lock, within 2 s, and leaves the order on record") {
    const auto gateway = new_api(Engine::mariadb);
    FakeClock clock{kStart};
    Results results;
    const auto other = gateway->session();
    other->begin();
    other->execute("UPDATE abilities SET enabled = 1, priority = 5 WHERE channel_id = 2");
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    CHECK(eventually([&] { return lock_waits(*gateway) == "1"; }));
    const auto begun = std::chrono::steady_clock::now();
    breaker.stop();
    CHECK(std::chrono::steady_clock::now() - begun < 2s);
    other->rollback();
    CHECK(results.wait_for(0).empty());
    CHECK(status(*gateway, 1) == "1");
}

TEST_CASE("a trip waits for the gateway's own write and then judges what is there") {
    const auto gateway = new_api(Engine::mariadb);
    gateway->sql(
        "UPDATE channels SET status = 2 WHERE id = 3; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id = 3");
    FakeClock clock{kStart};
    Results results;
    const auto other = gateway->session();
    other->begin();  // the gateway disables channel 2
    other->execute("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
    auto asked = order(1, "a", clock);
    asked.guard.served = {{"default", "gpt-4o", 3}};
    CHECK(breaker.submit(asked));
    CHECK(eventually([&] { return lock_waits(*gateway) == "1"; }));
    other->execute("UPDATE channels SET status = 3 WHERE id = 2");
    other->commit();
    const auto got = results.wait_for(1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].why == "channel 1 is the last usable one for default/gpt-4o (3 requests in 24 h)");
    CHECK(status(*gateway, 1) == "1");
}

TEST_CASE("more orders than fit are turned away at once") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    Results results;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string&) {
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, results.reporter()};
    std::size_t taken = 0;
    while (taken < 1000 && breaker.submit(order(1, fmt::format("{}", taken), clock))) ++taken;
    CHECK(taken >= Breaker::kMostOrders);
    CHECK(taken <= Breaker::kMostOrders + 1);  // one may be in the thread's hands already
}

TEST_CASE("a library that throws something else costs the order, not the breaker") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    Results results;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    std::atomic<bool> broken = true;
    session->before = [&](const std::string&) {
        if (broken) throw std::runtime_error("out of cheese");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, results.reporter()};
    CHECK(breaker.submit(order(1, "a", clock)));
    const auto got = results.wait_for(1);
    REQUIRE(got.size() == 1);
    CHECK(kind_name(got[0].kind) == "unknown");
    CHECK(got[0].why == "the breaker could not go on: out of cheese");
    broken = false;
    CHECK(breaker.submit(order(2, "b", clock)));
    CHECK(kind_name(results.wait_for(2).at(1).kind) == "tripped");
    broken = true;
    auto shadow = order(3, "c", clock);
    shadow.request.mode = Mode::shadow;  // nothing can have been written
    CHECK(breaker.submit(shadow));
    CHECK(kind_name(results.wait_for(3).at(2).kind) == "failed");
}

TEST_CASE("a crash between the trip and its record neither repeats nor forgets it") {
    for (const bool late : {false, true}) {
        CAPTURE(late);
        const auto gateway = new_api(Engine::mariadb);
        FakeClock clock{kStart};
        const tests::TempDir folder;
        {
            base::Database store{folder.file("store.db"), {Audit::schema()}};
            Audit audit{store};
            for (const auto& [channel, trip] : {std::pair{1, "done"}, std::pair{2, "not done"}}) {
                audit.intend(order(channel, trip, clock).request, {}, clock.now());
            }
            Results results;
            Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
            CHECK(breaker.submit(order(1, "done", clock)));
            CHECK(results.wait_for(1).size() == 1);
        }  // killed: the result was never recorded
        const auto after_trip = gateway->contents();
        clock.advance(late ? 1h : 10s);

        base::Database store{folder.file("store.db"), {Audit::schema()}};
        Audit audit{store};
        Results results;
        Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
        const auto pending = audit.pending_intents();
        CHECK(pending.size() == 2);
        for (const auto& [request, asked_at, notifiers] : pending) {
            CHECK(breaker.submit({.request = request, .guard = {}, .asked_at = asked_at}));
        }
        for (const auto& result : results.wait_for(2)) audit.record(result, clock.now());
        CHECK(audit.pending_intents().empty());
        const auto open = audit.open_trips();
        REQUIRE(open.size() == (late ? 1 : 2));
        CHECK(open[0].trip_id == "done");
        CHECK(open[0].channel_name == "channel-1");
        CHECK(status(*gateway, 2) == (late ? "1" : "3"));
        if (late) {
            CHECK(gateway->contents() == after_trip);
            CHECK(audit.last(1).at(0).why == "expired: asked for more than 30 s ago");
        }
    }
}

TEST_CASE("an old order whose gateway is down is unknown, not failed") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string&) {
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    Results results;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, results.reporter()};
    auto old = order(1, "a", clock);
    old.request.resumed = true;
    clock.advance(60s);
    CHECK(breaker.submit(old));
    const auto got = results.wait_for(1);
    REQUIRE(got.size() == 1);
    CHECK(kind_name(got[0].kind) == "unknown");
    CHECK(got[0].why ==
          "expired: asked for more than 30 s ago; whether it was carried out before the restart "
          "could not be read: connection refused");
}

TEST_CASE(
    "a resumed order whose gateway stays down until it expires is unknown, and counts as open") {
    // What the configuration has become since takes nothing back.
    for (const auto mode_now : {Mode::live, Mode::shadow, Mode::off}) {
        CAPTURE(mode_name(mode_now));
        const auto gateway = new_api(Engine::sqlite);
        FakeClock clock{kStart};
        const tests::TempDir folder;
        base::Database store{folder.file("store.db"), {Audit::schema()}};
        Audit audit{store};
        audit.intend(order(1, "a", clock).request, {}, clock.now());
        clock.advance(10s);
        std::atomic<int> tries = 0;
        auto session = std::make_unique<AccidentSession>(gateway->session());
        session->before = [&](const std::string&) {
            ++tries;
            throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
        };
        Results results;
        Breaker breaker{std::move(session), gateway->database(), clock, 1, results.reporter()};
        auto pending = audit.pending_intents().at(0);
        pending.request.mode = mode_now;
        CHECK(breaker.submit(
            {.request = pending.request, .guard = {}, .asked_at = pending.asked_at}));
        CHECK(eventually([&] { return tries >= 1; }));
        if (mode_now != Mode::off) {
            CHECK(eventually([&] { return tries >= 2; }));
            CHECK(results.wait_for(0).empty());
            clock.advance(21s);
        }
        const auto got = results.wait_for(1);
        REQUIRE(got.size() == 1);
        CHECK(kind_name(got[0].kind) == "unknown");
        CHECK(
            got[0].why.ends_with("; whether it was carried out before the restart could not be "
                                 "read: connection refused"));
        audit.record(got[0], clock.now());
        CHECK(audit.counts(clock.now()).open == 1);
        CHECK(audit.observe({{1, 1}}, clock.now() + 60s).size() == 1);
        CHECK(audit.counts(clock.now()).open == 0);
    }
}

TEST_CASE("a resumed order that fails now but was carried out before the crash is a trip") {
    const auto gateway = new_api(Engine::sqlite);
    FakeClock clock{kStart};
    Results results;
    {
        Breaker breaker{gateway->session(), gateway->database(), clock, 1, results.reporter()};
        CHECK(breaker.submit(order(1, "a", clock)));
        CHECK(results.wait_for(1).size() == 1);
    }
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string& sql) {
        if (sql.find("options") == std::string::npos && sql.find("abilities") == std::string::npos)
            return;
        throw sync::GatewayError(sync::GatewayError::Kind::denied, "denied");
    };
    Breaker breaker{std::move(session), gateway->database(), clock, 1, results.reporter()};
    auto resumed = order(1, "a", clock);
    resumed.request.resumed = true;
    CHECK(breaker.submit(resumed));
    CHECK(kind_name(results.wait_for(2).at(1).kind) == "tripped");
}
