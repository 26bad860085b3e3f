// What happens between our look and our write, and to a commit that gets no answer.

#include <algorithm>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker_trip_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

TEST_CASE(
    "One API has no mark: only an order from before a restart takes a disabled channel for its "
    "own") {
    TestGateway gateway{Engine::mariadb, "oneapi"};
    add_two_channels(gateway);
    CHECK(kind_name(trip(gateway, live(2)).kind) == "tripped");
    CHECK(kind_name(trip(gateway, live(2)).kind) == "already_off");
    auto resumed = live(2);
    resumed.resumed = true;
    CHECK(kind_name(trip(gateway, resumed).kind) == "tripped");
}

TEST_CASE("a person who disables the channel between our look and our write wins") {
    const auto gateway = new_api();
    AccidentSession session{gateway->session()};
    session.before = [&](const std::string& sql) {
        if (!sql.starts_with("UPDATE `channels`")) return;
        session.before = nullptr;
        gateway->sql("UPDATE channels SET status = 2 WHERE id = 2");
    };
    const auto result = trip_channel(session, gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(result.kind) == "already_off");
    CHECK(result.why == "channel 2 was already disabled by hand");
    CHECK(gateway->value("SELECT status FROM channels WHERE id = 2") == "2");
    CHECK(gateway->value("SELECT count(*) FROM abilities WHERE channel_id = 2 AND enabled = 1") ==
          "2");
}

TEST_CASE("a change of other_info alone is looked at again, and kept") {
    const auto gateway = new_api();
    gateway->sql("UPDATE channels SET other_info = '{\"a\":\"x\"}' WHERE id = 2");
    AccidentSession session{gateway->session()};
    int changes = 1;
    std::string text = "X";  // equal to the old text by the column's collation
    session.before = [&](const std::string& sql) {
        if (!sql.starts_with("UPDATE `channels`") || changes-- <= 0) return;
        gateway->sql(
            fmt::format("UPDATE channels SET other_info = '{{\"a\":\"{}\"}}' WHERE id = 2", text));
        text += "X";
    };
    CHECK(kind_name(trip_channel(session, gateway->database(), live(2), {}, kNow).kind) ==
          "tripped");
    CHECK(Json::parse(gateway->value("SELECT other_info FROM channels WHERE id = 2"))["a"] == "X");

    gateway->sql("UPDATE channels SET status = 1 WHERE id = 2; UPDATE abilities SET enabled = 1");
    changes = 100;
    const auto result = trip_channel(session, gateway->database(), live(2, "t2"), {}, kNow);
    CHECK(kind_name(result.kind) == "lost_race");
    CHECK(result.why == "channel 2 kept changing at the gateway");
    CHECK(gateway->value("SELECT status FROM channels WHERE id = 2") == "1");
}

TEST_CASE("a trip that leaves nothing because another channel went off meanwhile is undone") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2 AND `group` = 'vip'");
        const auto before = gateway->contents();
        const auto other = [&] { gateway->sql("UPDATE channels SET status = 2 WHERE id = 1"); };
        AccidentSession session{gateway->session()};
        session.after_commit = other;
        const Guard guard{.served = {{"default", "gpt-4o", 50}}};
        const auto result = trip_channel(session, gateway->database(),
                                         live(2, "t1", gateway->gateway()), guard, kNow);
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.why ==
              "channel 2 is the last usable one for default/gpt-4o (50 requests in 24 h) "
              "since another one was disabled at the same moment; undone");
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 1");
        CHECK(gateway->contents() == before);

        session.after_commit = other;
        auto request = live(2, "t2", gateway->gateway());
        request.even_if_last = true;
        const auto dark = trip_channel(session, gateway->database(), request, guard, kNow);
        CHECK(kind_name(dark.kind) == "tripped");
        CHECK(dark.dark_models == Texts{"default/gpt-4o"});
    }
}

TEST_CASE("after a commit without an answer the row tells what happened") {
    using Lost = AccidentSession::Lost;
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto before = gateway->contents();
        const auto request = live(2, "t1", gateway->gateway());
        AccidentSession session{gateway->session()};
        session.lost_commit = Lost::before_it_took_effect;
        const auto lost = trip_channel(session, gateway->database(), request, {}, kNow);
        CHECK(kind_name(lost.kind) == "failed");
        CHECK(lost.why == "channel 2 could not be disabled: the server has gone away");
        CHECK(lost.try_again);
        CHECK(gateway->contents() == before);

        session.lost_commit = Lost::after_it_took_effect;
        const auto done = trip_channel(session, gateway->database(), request, {}, kNow);
        CHECK(kind_name(done.kind) == "tripped");
        CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1});
    }
}

TEST_CASE("when nobody can be asked after a lost commit, the end is unknown until the next try") {
    const auto gateway = new_api();
    AccidentSession session{gateway->session()};
    session.lost_commit = AccidentSession::Lost::after_it_took_effect;
    session.after_commit = [&] {
        session.before = [](const std::string&) {
            throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
        };
    };
    const auto unknown = trip_channel(session, gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(unknown.kind) == "unknown");
    CHECK(unknown.why ==
          "the connection broke while channel 2 was being disabled (the server has gone away), "
          "and asking again failed: connection refused");
    CHECK(unknown.try_again);
    session.before = nullptr;
    CHECK(kind_name(trip_channel(session, gateway->database(), live(2), {}, kNow).kind) ==
          "tripped");
}

TEST_CASE("a connection that the server ends inside the transaction leaves nothing behind") {
    const auto gateway = new_api();
    const auto before = gateway->contents();
    AccidentSession session{gateway->session()};
    session.before = [&](const std::string& sql) {
        if (!sql.starts_with("UPDATE `abilities`")) return;
        session.before = nullptr;
        for (const auto& row :
             gateway->sql("SELECT id FROM information_schema.processlist WHERE db = '" +
                          gateway->database() + "' AND command = 'Sleep'")) {
            gateway->sql("KILL " + row[0]);
        }
    };
    const auto result = trip_channel(session, gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(result.kind) == "failed");
    CHECK(result.try_again);
    CHECK(gateway->contents() == before);
    CHECK(kind_name(trip_channel(session, gateway->database(), live(2), {}, kNow).kind) ==
          "tripped");
}

TEST_CASE("two breakers that trip the last two channels at once never take both") {
    const auto gateway = new_api();
    const Guard guard{.served = {{"default", "gpt-4o", 7}}};
    for (int round = 0; round < 15; ++round) {
        std::vector<TripResult> results(2);
        {
            std::vector<std::jthread> threads;
            for (const std::int64_t channel : {1, 2}) {
                threads.emplace_back([&, channel] {
                    results[static_cast<std::size_t>(channel - 1)] =
                        trip(*gateway, live(channel, fmt::format("r{}-{}", round, channel)), guard);
                });
            }
        }
        CAPTURE(results[0].why);
        CAPTURE(results[1].why);
        // One waits for the other's locks, or is the victim of a deadlock and looks again: it then
        // sees that the other channel is off. So one passes, never both.
        CHECK(std::ranges::count(results, Kind::tripped, &TripResult::kind) == 1);
        const auto left = gateway->candidates(Cache::off, "default", "gpt-4o");
        CHECK(left == gateway->candidates(Cache::on, "default", "gpt-4o"));
        CHECK(left.size() == 1);
        gateway->sql("UPDATE channels SET status = 1; UPDATE abilities SET enabled = 1");
    }
}

TEST_CASE("an account without the breaker's grants fails with what to do") {
    const auto gateway = new_api();
    gateway->sql(
        fmt::format("CREATE OR REPLACE USER 'only_reads'@'%' IDENTIFIED BY 'pw'; "
                    "GRANT SELECT ON `{}`.* TO 'only_reads'@'%'",
                    gateway->database()));
    const auto before = gateway->contents();
    const auto result =
        trip_channel(*gateway->session("only_reads", "pw"), gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(result.kind) == "failed");
    CHECK(!result.try_again);
    CHECK(result.why.find("UPDATE command denied") != std::string::npos);
    CHECK(result.why.find("give the breaker's account what `quotafuse grants` prints") !=
          std::string::npos);
    CHECK(gateway->contents() == before);
}
