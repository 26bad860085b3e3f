#include <algorithm>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "circuit_breaker/gateway_channel.h"
#include "circuit_breaker/other_info.h"
#include "support/test_gateway.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using tests::AccidentSession;
using tests::TestGateway;
using Cache = TestGateway::Cache;
using Engine = TestGateway::Engine;
using Kind = TripResult::Kind;
using Json = nlohmann::json;

namespace {

constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};
using Texts = std::vector<std::string>;

TripRequest live(std::int64_t channel, const std::string& trip = "t1",
                 sync::Gateway gateway = sync::Gateway::new_api) {
    return {.trip_id = trip,
            .channel = channel,
            .reason = "tokens 2,400,000 in 1h",
            .gateway = gateway,
            .mode = Mode::live};
}

TripResult trip(TestGateway& gateway, TripRequest request, const Guard& guard = {}) {
    request.gateway = gateway.gateway();
    return trip_channel(*gateway.session(), gateway.database(), request, guard, kNow);
}

/// Channels 1 and 2 serve gpt-4o, channel 1 alone serves o1.
void add_two_channels(TestGateway& gateway) {
    gateway.add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o"});
}

/// For the test that only needs one gateway of its kind.
std::unique_ptr<TestGateway> new_api(Engine engine = Engine::mariadb) {
    auto gateway = std::make_unique<TestGateway>(engine, "newapi_2026");
    add_two_channels(*gateway);
    return gateway;
}

Guard o1_has_traffic() {
    return {.served = {{"default", "o1", 1234}, {"default", "gpt-4o", 9}}};
}

constexpr auto* kO1IsLast =
    "channel 1 is the last usable one for default/o1 (1,234 requests in 24 h)";

}  // namespace

TEST_CASE("a tripped channel gets no traffic, whether the gateway's cache is on or off") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto result = trip(*gateway, live(2));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.why == "");
        CHECK(result.channel_name == "channel-2");
        CHECK(result.status_written == 3);
        CHECK(result.dark_models == Texts{});
        CHECK(result.unused_dark == Texts{});
        for (const auto cache : {Cache::off, Cache::on}) {
            CHECK(gateway->candidates(cache, "default", "gpt-4o") == std::set<std::int64_t>{1});
            CHECK(gateway->candidates(cache, "vip", "gpt-4o") == std::set<std::int64_t>{1});
            CHECK(gateway->candidates(cache, "default", "o1") == std::set<std::int64_t>{1});
        }
        const auto before = Json::parse(result.before);
        CHECK(before["status"] == 1);
        CHECK(before["other_info"].is_null());
        CHECK(before["abilities"] ==
              Json::parse(R"([{"group":"default","model":"gpt-4o","enabled":true},
                              {"group":"vip","model":"gpt-4o","enabled":true}])"));
        const auto after = Json::parse(result.after);
        CHECK(after["status"] == 3);
        if (gateway->new_api()) {
            const auto info = gateway->value("SELECT other_info FROM channels WHERE id = 2");
            CHECK(after["other_info"] == info);
            CHECK(Json::parse(info) == Json{{"status_reason", "[quotafuse] tokens 2,400,000 in 1h"},
                                            {"status_time", 1'767'600'000},
                                            {"quotafuse", {{"trip", "t1"}}}});
        }
    }
}

TEST_CASE("shadow mode judges and writes nothing") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto before = gateway->contents();
        AccidentSession session{gateway->session("root", "", true)};
        auto request = live(2, "t1", gateway->gateway());
        request.mode = Mode::shadow;
        auto result = trip_channel(session, gateway->database(), request, {}, kNow);
        CHECK(kind_name(result.kind) == "would_trip");
        CHECK(result.status_written == 3);
        request.channel = 1;
        result = trip_channel(session, gateway->database(), request, o1_has_traffic(), kNow);
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.why == kO1IsLast);
        CHECK(session.writes == 0);
        CHECK(gateway->contents() == before);
    }
}

TEST_CASE("a breaker that is off does not even ask the gateway") {
    const auto gateway = new_api(Engine::sqlite);
    AccidentSession session{gateway->session()};
    session.before = [](const std::string& sql) { FAIL(sql); };
    auto request = live(2);
    request.mode = Mode::off;
    CHECK(trip_channel(session, "", request, {}, kNow).why == "the breaker is off");
}

TEST_CASE(
    "the last usable channel of a model with traffic is not tripped, unless the rule says so") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto before = gateway->contents();
        auto result = trip(*gateway, live(1), o1_has_traffic());
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.why == kO1IsLast);
        CHECK(gateway->contents() == before);

        auto request = live(1);
        request.even_if_last = true;
        result = trip(*gateway, request, o1_has_traffic());
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.dark_models == Texts{"default/o1"});
        CHECK(result.unused_dark == Texts{"vip/o1"});
        CHECK(gateway->candidates(Cache::off, "default", "o1").empty());
    }
}

TEST_CASE("a model that nobody asked for may go dark and is listed") {
    const auto gateway = new_api();
    const auto result = trip(*gateway, live(1), {.served = {{"default", "gpt-4o", 5}}});
    CHECK(kind_name(result.kind) == "tripped");
    CHECK(result.dark_models == Texts{});
    CHECK(result.unused_dark == Texts{"default/o1", "vip/o1"});
}

TEST_CASE(
    "a channel that is off in one of the two tables, or under an alert itself, is no replacement") {
    const Guard guard{.served = {{"vip", "gpt-4o", 1}}};
    const auto* refused = "channel 1 is the last usable one for vip/gpt-4o (1 request in 24 h)";
    for (const auto* change : {"UPDATE channels SET status = 3 WHERE id = 2",
                               "UPDATE abilities SET enabled = 0 WHERE channel_id = 2",
                               "UPDATE abilities SET enabled = NULL WHERE channel_id = 2",
                               "DELETE FROM channels WHERE id = 2"}) {
        CAPTURE(change);
        const auto gateway = new_api();
        gateway->sql(change);
        CHECK(trip(*gateway, live(1), guard).why == refused);
    }
    const auto gateway = new_api();
    auto firing = guard;
    firing.firing = {2};
    CHECK(trip(*gateway, live(1), firing).why == refused);
    CHECK(kind_name(trip(*gateway, live(1), guard).kind) == "tripped");
}

TEST_CASE("the status is one that the gateway's own test does not undo") {
    const auto* save = "INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')";
    const auto gateway = new_api();
    gateway->sql(save);
    const auto result = trip(*gateway, live(2));
    CHECK(result.status_written == 2);
    CHECK(gateway->value("SELECT status FROM channels WHERE id = 2") == "2");

    const auto unreadable = new_api(Engine::sqlite);
    unreadable->sql("DROP TABLE options");
    CHECK(trip(*unreadable, live(2)).status_written == 2);

    TestGateway one_api{Engine::mariadb, "oneapi"};
    add_two_channels(one_api);
    one_api.sql(save);
    const auto third = trip(one_api, live(2));
    CHECK(third.status_written == 3);
    CHECK(third.why ==
          "One API's automatic enabling is on: its next test may enable the channel again");
}

TEST_CASE("a channel that somebody had disabled stays theirs") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        for (const auto& [status, text] :
             std::map<int, std::string>{{2, "channel 2 was already disabled by hand"},
                                        {3, "channel 2 was already disabled automatically"},
                                        {0, "channel 2 was already status 0"}}) {
            gateway->sql(fmt::format("UPDATE channels SET status = {} WHERE id = 2", status));
            const auto before = gateway->contents();
            const auto result = trip(*gateway, live(2));
            CHECK(kind_name(result.kind) == "already_off");
            CHECK(result.why == text);
            CHECK(gateway->contents() == before);
        }
    }
}

TEST_CASE("channels that do not exist, or whose owner forbids it, are refused") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        CHECK(trip(*gateway, live(9)).why == "channel 9 does not exist at the gateway");
        if (!gateway->new_api()) continue;
        gateway->sql("UPDATE channels SET auto_ban = 0 WHERE id = 2");
        const auto before = gateway->contents();
        const auto result = trip(*gateway, live(2));
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.why == "automatic disabling is off for channel 2 at the gateway (auto_ban)");
        CHECK(gateway->contents() == before);
        gateway->sql("UPDATE channels SET auto_ban = NULL WHERE id = 2");
        CHECK(kind_name(trip(*gateway, live(2)).kind) == "tripped");
    }
}

TEST_CASE("other_info stays a JSON object with the keys that it had, whatever it held") {
    const std::vector<std::pair<std::string, Json>> held = {
        {"NULL", Json::object()},
        {"''", Json::object()},
        {"'{\"broken\"'", Json::object()},
        {"'[1,2]'", Json::object()},
        {"'null'", Json::object()},
        {"'{\"balance\": 1.5, \"名\": \"值\", \"status_reason\": \"old\"}'",
         {{"balance", 1.5}, {"名", "值"}}},
    };
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        for (const auto& [value, kept] : held) {
            const auto& sql = value;
            CAPTURE(sql);
            const auto gateway = new_api(engine);
            gateway->sql(fmt::format("UPDATE channels SET other_info = {} WHERE id = 2", sql));
            CHECK(kind_name(trip(*gateway, live(2)).kind) == "tripped");
            auto expected = kept;
            expected["status_reason"] = "[quotafuse] tokens 2,400,000 in 1h";
            expected["status_time"] = 1'767'600'000;
            expected["quotafuse"]["trip"] = "t1";
            CHECK(Json::parse(gateway->value("SELECT other_info FROM channels WHERE id = 2")) ==
                  expected);
        }
    }
}

TEST_CASE("a repeated request finds its mark and counts as tripped, once") {
    const auto gateway = new_api();
    CHECK(kind_name(trip(*gateway, live(2)).kind) == "tripped");
    const auto before = gateway->contents();
    const auto again = trip(*gateway, live(2));
    CHECK(kind_name(again.kind) == "tripped");
    CHECK(again.channel_name == "channel-2");
    CHECK(gateway->contents() == before);
    CHECK(kind_name(trip(*gateway, live(2, "t2")).kind) == "already_off");
    // The gateway itself wrote its own reason over ours: still our trip.
    gateway->sql(
        "UPDATE channels SET status = 2, other_info = '{\"quotafuse\":{\"trip\":\"t1\"}}' WHERE id "
        "= 2");
    CHECK(kind_name(trip(*gateway, live(2)).kind) == "tripped");
    // A person enabled it: the same request must not disable it a second time.
    gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
    const auto third = trip(*gateway, live(2));
    CHECK(kind_name(third.kind) == "lost_race");
    CHECK(third.why == "channel 2 was enabled again after this trip");
    CHECK(gateway->value("SELECT status FROM channels WHERE id = 2") == "1");
}

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
