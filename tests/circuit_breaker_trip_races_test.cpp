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
    const auto result = circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow);
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
    CHECK(kind_name(circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow).kind) ==
          "tripped");
    CHECK(Json::parse(gateway->value("SELECT other_info FROM channels WHERE id = 2"))["a"] == "X");

    gateway->sql("UPDATE channels SET status = 1 WHERE id = 2; UPDATE abilities SET enabled = 1");
    changes = 100;
    const auto result =
        circuit_breaker::trip(session, gateway->database(), live(2, "t2"), {}, kNow);
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
        const auto result = circuit_breaker::trip(session, gateway->database(),
                                                  live(2, "t1", gateway->gateway()), guard, kNow);
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.why ==
              "channel 2 is the last usable one for default/gpt-4o (50 requests in the last 24 h) "
              "since another one was disabled at the same moment; undone");
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 1");
        CHECK(gateway->contents() == before);

        session.after_commit = other;
        auto request = live(2, "t2", gateway->gateway());
        request.even_if_last = true;
        const auto dark = circuit_breaker::trip(session, gateway->database(), request, guard, kNow);
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
        const auto lost = circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
        CHECK(kind_name(lost.kind) == "failed");
        CHECK(lost.why == "channel 2 could not be disabled: the server has gone away");
        CHECK(lost.try_again);
        CHECK(gateway->contents() == before);

        session.lost_commit = Lost::after_it_took_effect;
        const auto done = circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
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
    const auto unknown = circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(unknown.kind) == "unknown");
    CHECK(unknown.why ==
          "the connection broke while channel 2 was being disabled (the server has gone away), "
          "and asking again failed: connection refused");
    CHECK(unknown.try_again);
    session.before = nullptr;
    CHECK(kind_name(circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow).kind) ==
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
                          gateway->database() + "' AND id <> connection_id()")) {
            gateway->sql("KILL " + row[0]);
        }
    };
    const auto result = circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(result.kind) == "failed");
    CHECK(result.try_again);
    CHECK(gateway->contents() == before);
    CHECK(kind_name(circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow).kind) ==
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
    const auto result = circuit_breaker::trip(*gateway->session("only_reads", "pw"),
                                              gateway->database(), live(2), {}, kNow);
    CHECK(kind_name(result.kind) == "failed");
    CHECK(!result.try_again);
    CHECK(result.why.find("UPDATE command denied") != std::string::npos);
    CHECK(result.why.find("give the breaker's account what `quotafuse grants` prints") !=
          std::string::npos);
    CHECK(gateway->contents() == before);
    // For what rules need not switch the command has an option, and stands there once.
    gateway->add_token(17, 4, "ci");
    const std::vector<std::pair<TripRequest, std::string>> others{
        {live_model(1, "gpt-4o"), "quotafuse grants --models"},
        {live_token(17), "quotafuse grants --tokens"}};
    for (const auto& [request, command] : others) {
        const auto why = circuit_breaker::trip(*gateway->session("only_reads", "pw"),
                                               gateway->database(), request, {}, kNow)
                             .why;
        CAPTURE(why);
        CHECK(why.ends_with("; give the breaker's account what `" + command + "` prints"));
        CHECK(why.find("quotafuse grants") == why.rfind("quotafuse grants"));
    }
}

TEST_CASE("a wrong password is no missing grant") {
    const auto gateway = new_api();
    gateway->sql("CREATE OR REPLACE USER 'only_reads'@'%' IDENTIFIED BY 'pw'");
    const auto result = circuit_breaker::trip(*gateway->session("only_reads", "wrong"),
                                              gateway->database(), live(2), {}, kNow);
    CHECK(result.cause.kind == TripCause::Kind::gateway);
    CHECK(result.why.find("check both in the DSN") != std::string::npos);
    CHECK(result.why.find("grants") == std::string::npos);
}

TEST_CASE("two breakers that trip the same channel, model or key at once: one of them does") {
    const auto gateway = new_api();
    gateway->add_token(17, 4, "ci");
    for (const auto& request : {live(2), live_model(1, "gpt-4o"), live_token(17)}) {
        for (int round = 0; round < 8; ++round) {
            std::vector<TripResult> results(2);
            {
                std::vector<std::jthread> threads;
                for (std::size_t i = 0; i < results.size(); ++i) {
                    threads.emplace_back([&, i] {
                        auto own = request;
                        own.trip_id = fmt::format("r{}-{}", round, i);
                        results[i] = trip(*gateway, own);
                    });
                }
            }
            CAPTURE(results[0].why);
            CAPTURE(results[1].why);
            CHECK(std::ranges::count(results, Kind::tripped, &TripResult::kind) == 1);
            // The other found it off; of a model that is off nothing is left to see but its row.
            const auto other = std::ranges::find_if(
                results, [](const TripResult& one) { return one.kind != Kind::tripped; });
            REQUIRE(other != results.end());
            const auto expected =
                request.target.kind == Target::Kind::model ? "refused" : "already_off";
            CHECK(kind_name(other->kind) == expected);
            gateway->sql(
                "UPDATE channels SET status = 1; UPDATE channels SET models = 'gpt-4o,o1' "
                "WHERE id = 1; UPDATE abilities SET enabled = 1; UPDATE tokens SET status = 1");
        }
    }
}

TEST_CASE("a commit that is still on its way is waited for") {
    const auto gateway = new_api();
    gateway->add_token(17, 4, "ci");
    for (const bool takes_effect : {true, false}) {
        for (const auto& request : {live(2), live_model(1, "gpt-4o"), live_token(17)}) {
            CAPTURE(describe(request.target));
            const auto before = gateway->contents();
            AccidentSession session{gateway->session()};
            session.reconnect = [&] { return gateway->session(); };
            session.lost_commit = AccidentSession::Lost::still_on_its_way;
            std::jthread server;
            session.before = [&](const std::string& sql) {
                if (!session.dying || !sql.ends_with("FOR UPDATE")) return;
                server = std::jthread{[&, dying = std::move(session.dying)] {
                    const auto watch = gateway->session();
                    const auto* waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'";
                    while (watch->query(waits)[0][1] == "0") std::this_thread::yield();
                    takes_effect ? dying->commit() : dying->rollback();
                }};
            };
            const auto result =
                circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
            REQUIRE(server.joinable());
            server.join();
            CHECK(kind_name(result.kind) == (takes_effect ? "tripped" : "failed"));
            CHECK(result.try_again == !takes_effect);
            CHECK((gateway->contents() == before) == !takes_effect);
            gateway->sql(
                "UPDATE channels SET status = 1, other_info = NULL; UPDATE channels SET models = "
                "'gpt-4o,o1' WHERE id = 1; UPDATE abilities SET enabled = 1; "
                "UPDATE tokens SET status = 1");
        }
    }
}

TEST_CASE("a lost deadlock is begun again and is no refusal") {
    const auto gateway = new_api();
    AccidentSession session{gateway->session()};
    int lost = 2;
    session.before = [&](const std::string& sql) {
        if (!sql.starts_with("UPDATE `abilities`") || lost-- <= 0) return;
        throw sync::GatewayError(sync::GatewayError::Kind::locked, "Deadlock found");
    };
    CHECK(kind_name(circuit_breaker::trip(session, gateway->database(), live(2), {}, kNow).kind) ==
          "tripped");
    gateway->sql("UPDATE channels SET status = 1; UPDATE abilities SET enabled = 1");
    const auto before = gateway->contents();
    lost = 3;
    const auto result =
        circuit_breaker::trip(session, gateway->database(), live(2, "t2"), {}, kNow);
    CHECK(kind_name(result.kind) == "failed");
    CHECK(result.try_again);
    CHECK(gateway->contents() == before);
}

TEST_CASE("lost commits of a model and a key are told by what there is") {
    using Lost = AccidentSession::Lost;
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        gateway->add_token(17, 4, "ci");
        for (auto request : {live_model(1, "gpt-4o"), live_token(17)}) {
            request.gateway = gateway->gateway();
            const auto before = gateway->contents();
            AccidentSession session{gateway->session()};
            session.lost_commit = Lost::before_it_took_effect;
            const auto lost =
                circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
            CHECK(kind_name(lost.kind) == "failed");
            CHECK(lost.try_again);
            CHECK(gateway->contents() == before);
            session.lost_commit = Lost::after_it_took_effect;
            const auto done =
                circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
            CHECK(kind_name(done.kind) == "tripped");
            CHECK(done.before != "");
            CHECK(done.after != "");
        }
    }
}

TEST_CASE("a model's trip that leaves nothing because another channel went off is undone") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 1 AND `group` = 'vip'");
        const auto before = gateway->contents();
        AccidentSession session{gateway->session()};
        session.after_commit = [&] { gateway->sql("UPDATE channels SET status = 2 WHERE id = 2"); };
        auto request = live_model(1, "gpt-4o");
        request.gateway = gateway->gateway();
        const Guard guard{.served = {{"default", "gpt-4o", 50}}};
        const auto result =
            circuit_breaker::trip(session, gateway->database(), request, guard, kNow);
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.cause.kind == TripCause::Kind::undone);
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        CHECK(gateway->contents() == before);
        // Somebody saved another list meanwhile: theirs stands.
        session.after_commit = [&] {
            gateway->sql(
                "UPDATE channels SET status = 2 WHERE id = 2; "
                "UPDATE channels SET models = 'o1,o9' WHERE id = 1");
        };
        const auto theirs =
            circuit_breaker::trip(session, gateway->database(), request, guard, kNow);
        CHECK(kind_name(theirs.kind) == "lost_race");
        CHECK(theirs.cause.kind == TripCause::Kind::changed_meanwhile);
        CHECK(gateway->value("SELECT models FROM channels WHERE id = 1") == "o1,o9");
    }
}
