#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker_trip_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

TEST_CASE("a tripped channel gets no traffic, whether the gateway's cache is on or off") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto result = trip(*gateway, live(2));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.why == "");
        CHECK(result.name == "channel-2");
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
        auto result = circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
        CHECK(kind_name(result.kind) == "would_trip");
        CHECK(result.status_written == 3);
        request.target.channel = 1;
        result =
            circuit_breaker::trip(session, gateway->database(), request, o1_has_traffic(), kNow);
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
    CHECK(circuit_breaker::trip(session, "", request, {}, kNow).why == "the breaker is off");
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
    const auto* refused =
        "channel 1 is the last usable one for vip/gpt-4o (1 request in the last 24 h)";
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
    CHECK(again.name == "channel-2");
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

TEST_CASE("a column of an older character set takes a reason in whatever language") {
    for (const std::string schema : {"newapi_2025", "newapi_2026"}) {
        TestGateway gateway{TestGateway::Engine::mariadb, schema};
        CAPTURE(gateway.describe());
        add_two_channels(gateway);
        gateway.sql("ALTER TABLE channels MODIFY other_info longtext CHARACTER SET latin1");
        auto request = live(2, "t1", gateway.gateway());
        request.reason = "1 小时内消耗过多";
        const auto result = trip(gateway, request);
        CHECK(result.why == "");
        CHECK(kind_name(result.kind) == "tripped");
        const auto info =
            Json::parse(gateway.value("SELECT other_info FROM channels WHERE id = 2"));
        CHECK(info.at("status_reason") == "[quotafuse] 1 小时内消耗过多");
    }
}
