#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "daemon_announcer_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using circuit_breaker::Circuit;
using circuit_breaker::Way;

namespace {

/// Fires over 3 errors in a minute, for its channel.
std::string error_rule(const std::string& recover) {
    return fmt::format(
        "  - {{name: errors, metric: errors, by: [channel], window: 1m, above: 3, action: "
        "{{disable_channel: {{mode: live, recover: {}}}}}}}\n",
        recover);
}

constexpr auto* kHalfOpen =
    "{half_open: {wait: 5m, longest: 1h, attempts: 5, max_errors: 1, probe_time: 10m}}";

void errors(Desk& desk, int channel, int count = 4) {
    for (int i = 0; i < count; ++i) desk.error(channel);
}

/// Channel 1 failed and was tripped.
void trip(Desk& desk) {
    desk.row(1, 1, kStart);
    desk.row(2, 1, kStart);
    desk.second();
    errors(desk, 1);
    desk.second();
    desk.take_results(1);
    REQUIRE(desk.status_of(1) == "3");
}

std::string newest(Desk& desk) {
    const auto texts = desk.texts("a");
    REQUIRE(!texts.empty());
    return texts.back();
}

void answers(Desk& desk, int channel, int count) {
    for (int i = 0; i < count; ++i) desk.row(channel, 10, base::unix_seconds(desk.clock.now()));
}

std::string gateway_value(Desk& desk, const std::string& sql) {
    return desk.gateway_value(sql);
}

}  // namespace

TEST_CASE("what comes back after a time waits for the alert to be over, too") {
    Desk desk{error_rule("{after: 2m}")};
    trip(desk);
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->back_at == desk.circuit()->opened_at + 2min);
    SUBCASE("over by then") {
        desk.until_pending(125);
        CHECK(desk.clock.now() >= desk.circuit()->back_at);
    }
    SUBCASE("still firing then") {
        // In-flight requests go on failing for a while.
        for (int i = 0; i < 120; ++i) {
            if (i % 10 == 0) desk.error(1);
            desk.second();
        }
        CHECK(!desk.circuit()->pending);
        desk.until_pending(70);
    }
    desk.take_results(1);
    CHECK(desk.status_of(1) == "1");
    CHECK(!desk.circuit());
    CHECK(contains(newest(desk), "Channel 1 (c1)"));
    CHECK(gateway_value(desk, "SELECT min(enabled) FROM abilities WHERE channel_id = 1") == "1");
}

TEST_CASE("half-open over a channel that is well") {
    Desk desk{error_rule(kHalfOpen)};
    desk.gateway(
        "UPDATE channels SET priority = 7, weight = 3 WHERE id = 1; "
        "UPDATE abilities SET priority = 7, weight = 3 WHERE channel_id = 1");
    trip(desk);
    desk.until_pending(310);
    desk.take_results(1);
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->state == Circuit::State::trial);
    CHECK(desk.status_of(1) == "1");
    CHECK(gateway_value(desk, "SELECT priority FROM channels WHERE id = 1") != "7");
    const auto told = desk.texts("a").size();
    desk.seconds(5);
    answers(desk, 1, 4);
    desk.error(1);  // one in five may fail
    desk.second();
    desk.take_results(1);
    CHECK(!desk.circuit());
    CHECK(desk.status_of(1) == "1");
    CHECK(gateway_value(desk, "SELECT priority || ' ' || weight FROM channels WHERE id = 1") ==
          "7 3");
    CHECK(gateway_value(desk,
                        "SELECT priority || ' ' || weight FROM abilities "
                        "WHERE channel_id = 1") == "7 3");
    CHECK(desk.texts("a").size() == told + 1);
}

TEST_CASE("half-open over a channel that is ill: each trial comes later") {
    Desk desk{error_rule(kHalfOpen)};
    trip(desk);
    std::chrono::seconds wait{300};
    for (int trial = 0; trial < 4; ++trial) {
        const auto off_since = desk.clock.now();
        desk.until_pending(4000);
        CHECK(desk.clock.now() - off_since >= wait - 2s);
        CHECK(desk.clock.now() - off_since <= wait + 2s);
        desk.take_results(1);
        REQUIRE(desk.circuit());
        REQUIRE(desk.circuit()->state == Circuit::State::trial);
        desk.second();
        if (trial % 2 == 0) {
            errors(desk, 1, 2);
        } else {
            answers(desk, 1, 4);  // too few
        }
        desk.until_pending(710);  // its probe_time begins when the gateway knows of it
        desk.take_results(1);
        REQUIRE(desk.circuit());
        CHECK(desk.circuit()->state == Circuit::State::open);
        CHECK(desk.circuit()->failed_trials == trial + 1);
        CHECK(desk.status_of(1) == "3");
        CHECK(contains(newest(desk),
                       trial % 2 == 0 ? "2 of 2 attempts failed" : "only 4 attempts came in time"));
        wait = std::min<std::chrono::seconds>(wait * 2, 1h);
    }
}

TEST_CASE("half-open over a channel that a person enabled meanwhile") {
    Desk desk{error_rule(kHalfOpen)};
    trip(desk);
    desk.gateway(
        "UPDATE channels SET status = 1, priority = 9 WHERE id = 1; "
        "UPDATE abilities SET enabled = 1, priority = 9 WHERE channel_id = 1");
    desk.clock.advance(10s);
    desk.second();
    desk.take_look();
    CHECK(!desk.circuit());
    CHECK(contains(newest(desk), "Channel 1 (c1)"));
    const auto told = desk.texts("a").size();
    desk.seconds(400);
    CHECK(desk.status_of(1) == "1");
    CHECK(gateway_value(desk, "SELECT priority FROM channels WHERE id = 1") == "9");
    CHECK(desk.texts("a").size() <= told + 1);  // that the alert is over
}

TEST_CASE("a trial goes on over a restart, with what it has counted") {
    Desk desk{error_rule(kHalfOpen)};
    trip(desk);
    desk.until_pending(310);
    desk.take_results(1);
    desk.second();
    answers(desk, 1, 3);
    desk.second();
    desk.open();
    desk.desk().resume();
    desk.recovery().resume();
    desk.second();
    REQUIRE(desk.circuit());
    CHECK(!desk.circuit()->pending);
    answers(desk, 1, 2);
    desk.second();
    desk.take_results(1);
    CHECK(!desk.circuit());
}

TEST_CASE("a return that was asked for before a kill is carried out once after it") {
    Desk desk{error_rule("{after: 2m}")};
    trip(desk);
    desk.until_pending(125);
    SUBCASE("it had been carried out, and nobody wrote that down") {
        REQUIRE(eventually([&] { return desk.status_of(1) == "1"; }));
    }
    SUBCASE("or not yet") {}
    desk.open();
    desk.recovery().resume();
    desk.second();
    desk.take_results(1);
    CHECK(!desk.circuit());
    CHECK(desk.status_of(1) == "1");
}

TEST_CASE("while the gateway cannot be read nothing is given back") {
    Desk desk{error_rule("{after: 2m}")};
    desk.config().breaker.max_lag = 60s;
    trip(desk);
    for (int i = 0; i < 200; ++i) {
        desk.clock.advance(1s);
        desk.recovery().tick();
    }
    REQUIRE(desk.circuit());
    CHECK(!desk.circuit()->pending);
    CHECK(desk.status_of(1) == "3");
    desk.second();
    desk.until_pending(70);  // when the alert is over
}

TEST_CASE("while the breaker is paused nothing is written, in either direction, and it is told") {
    Desk desk{error_rule("{after: 2m}")};
    trip(desk);
    desk.requests().pause(R"({"for": "10m", "reason": "maintenance"})");
    desk.seconds(200);
    REQUIRE(desk.circuit());
    CHECK(!desk.circuit()->pending);
    errors(desk, 2);
    desk.second();
    CHECK(desk.status_of(2) == "1");
    CHECK(contains(newest(desk), "paused"));
    SUBCASE("until it ends by itself") {
        desk.clock.advance(8min);
    }
    SUBCASE("until it is resumed, also after a restart") {
        desk.open();
        desk.recovery().resume();
        desk.seconds(3);
        CHECK(!desk.circuit()->pending);
        desk.requests().resume();
    }
    desk.until_pending(70);
    desk.take_results(1);
    CHECK(desk.status_of(1) == "1");
}

TEST_CASE("requests that begin long after a trip prove that it does not work") {
    Desk desk{error_rule("manual")};
    trip(desk);
    const auto tripped = base::unix_seconds(desk.circuit()->opened_at);
    const auto fires = [&] {
        // Not before a look at the gateway has seen it off since.
        desk.second();
        CHECK(!desk.self_alerts().fires("still-serving"));
        for (int i = 0; i < 2; ++i) {
            desk.clock.advance(6s);
            desk.second();
            desk.take_look();
        }
        desk.second();
        return desk.self_alerts().fires("still-serving");
    };
    desk.second();
    desk.clock.advance(300s);
    auto entry = Desk::entry_of(1, 10, tripped + 200);
    SUBCASE("a stream that began before it does not") {
        entry.latency_ms = 150'000;
        desk.row(entry);
        CHECK(!fires());
    }
    SUBCASE("a test of the gateway does not") {
        entry.channel_test = true;
        desk.row(entry);
        CHECK(!fires());
    }
    SUBCASE("nor a refund, nor a task that is settled") {
        entry.kind = sync::Kind::refund;
        desk.row(entry);
        entry.kind = sync::Kind::consume;
        entry.task = true;
        desk.row(entry);
        CHECK(!fires());
    }
    SUBCASE("nor one within the cache's time") {
        entry.created_at = tripped + 89;
        desk.row(entry);
        CHECK(!fires());
    }
    SUBCASE("one that began after it does, with the likely cause; the audit has it once") {
        desk.row(entry);
        CHECK(fires());
        CHECK(contains(newest(desk), "SYNC_FREQUENCY"));
        const auto entries = desk.audit().of_trip(desk.circuit()->trip_id);
        CHECK(contains(entries.back().why,
                       "yet 1 request that began more than 90 s after that was served"));
        CHECK(std::ranges::count(entries, "still_serving", &circuit_breaker::Audit::Entry::step) ==
              1);
    }
}

TEST_CASE("what came while a person enabled it proves nothing, nor what a failed trial served") {
    Desk desk{error_rule(kHalfOpen)};
    desk.config().breaker.cache_lag = 0s;
    trip(desk);
    const auto tripped = desk.circuit()->opened_at;
    SUBCASE("a person") {
        desk.clock.advance(60s);
        desk.gateway(
            "UPDATE channels SET status = 1 WHERE id = 1; "
            "UPDATE abilities SET enabled = 1 WHERE channel_id = 1");
        answers(desk, 1, 3);
        desk.second();
        desk.take_look();
        CHECK(!desk.circuit());
    }
    SUBCASE("a stream that began on trial") {
        desk.until_pending(310);
        desk.take_results(1);
        desk.second();
        const auto begun = base::unix_seconds(desk.clock.now());
        errors(desk, 1, 2);
        desk.until_pending(3);
        desk.take_results(1);
        REQUIRE(desk.circuit()->state == Circuit::State::open);
        CHECK(desk.circuit()->off_since > tripped);
        desk.clock.advance(30s);
        auto entry = Desk::entry_of(1, 10, begun + 30);
        entry.latency_ms = 30'000;
        desk.row(entry);
        desk.second();
        desk.take_look();
        desk.clock.advance(6s);
        desk.second();
        desk.take_look();
    }
    desk.second();
    CHECK(!desk.self_alerts().fires("still-serving"));
}

TEST_CASE("that it still serves ends by itself, also over a restart") {
    Desk desk{error_rule("manual")};
    trip(desk);
    desk.clock.advance(300s);
    desk.row(Desk::entry_of(1, 10, base::unix_seconds(desk.clock.now())));
    const auto look = [&] {
        desk.clock.advance(6s);
        desk.second();
        desk.take_look();
        desk.second();
    };
    desk.second();
    desk.take_look();
    look();
    REQUIRE(desk.self_alerts().fires("still-serving"));
    SUBCASE("in one life") {}
    SUBCASE("over a restart") {
        desk.open();
    }
    desk.clock.advance(700s);
    desk.second();
    desk.take_look();
    desk.second();
    CHECK(!desk.self_alerts().fires("still-serving"));
    const auto entries = desk.audit().of_trip(desk.circuit()->trip_id);
    CHECK(std::ranges::count(entries, "still_serving", &circuit_breaker::Audit::Entry::step) == 1);
}

TEST_CASE("another alert ends a trial, also over a restart, and the next trial comes") {
    Desk desk{error_rule(kHalfOpen) + burn_rule("burn", 1)};
    trip(desk);
    desk.until_pending(310);
    desk.take_results(1);
    REQUIRE(desk.circuit()->state == Circuit::State::trial);
    desk.clock.advance(1s);
    desk.row(1, 1000, base::unix_seconds(desk.clock.now()));
    desk.poll();
    desk.announcer().advance(desk.clock.now());
    CHECK(contains(newest(desk), "on trial"));
    REQUIRE(desk.circuit()->asked_again);
    SUBCASE("in one life") {}
    SUBCASE("over a restart") {
        desk.open();
    }
    desk.until_pending(3);
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    CHECK(contains(newest(desk), "its alert fired again"));
    REQUIRE(desk.circuit()->state == Circuit::State::open);
    desk.until_pending(610);
    desk.take_results(1);
    CHECK(desk.circuit()->state == Circuit::State::trial);
    CHECK(!contains(newest(desk), "its alert fired again"));
}

TEST_CASE("what is on trial when its rule may not switch off any more is given back whole") {
    Desk desk{error_rule(kHalfOpen)};
    trip(desk);
    desk.until_pending(310);
    desk.take_results(1);
    REQUIRE(desk.circuit()->state == Circuit::State::trial);
    desk.config().breaker.protected_channels = {1};
    errors(desk, 1, 2);
    desk.until_pending(3);
    desk.take_results(1);
    CHECK(!desk.circuit());
    CHECK(desk.status_of(1) == "1");
}
