// A channel on each schema: what the gateway does to it, between any two statements of its trip and
// of its returns. (More of New API of 2026: circuit_breaker_person_races_test.cpp.)

#include "circuit_breaker_serial_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

Depth depth_of(const std::string& schema) {
    return schema == "oneapi" ? Depth::all : Depth::edges;
}

Race race_of_channel(TestGateway& gateway) {
    return {.gateway = gateway,
            .reset = {},
            .ours = {},
            .looks = {},
            .state = [&] { return state_of_channel(gateway); },
            .agrees = [&] { return tables_agree(gateway); },
            .serves_no_off = [&] { return serves_no_off(gateway); },
            .doings = {}};
}

Race race_of_trip(TestGateway& gateway, const TripRequest& request) {
    auto race = race_of_channel(gateway);
    race.reset = [&] { reset_channel(gateway); };
    race.ours = [&](sync::GatewaySession& session) {
        return told(circuit_breaker::trip(session, gateway.database(), request, {}, kNow));
    };
    race.looks = {"SELECT peer.`group`"};
    race.is_off = [&] { return serves_nothing(gateway); };
    return race;
}

}  // namespace

TEST_CASE("whatever a gateway does during the trip of its channel, one hand comes first") {
    for (const std::string schema : {"newapi_2025", "oneapi"}) {
        CAPTURE(schema);
        const auto gateway = gateway_for_races(schema);
        const auto request = live(2, "t1", gateway->gateway());
        auto race = race_of_trip(*gateway, request);
        const ChannelDoings doings{gateway->new_api(), "gpt-4o,o1"};
        race.doings = doings.any();
        for (const auto& doing : doings.forms()) race.doings.push_back(doing);
        for (const auto& doing : doings.enable(true)) race.doings.push_back(doing);
        race.depth = depth_of(schema);
        judge(race);
    }
}

TEST_CASE("an edit in three steps, between any of which its channel is tripped") {
    const auto gateway = gateway_for_races("oneapi");
    const auto request = live(2, "t1", gateway->gateway());
    auto race = race_of_trip(*gateway, request);
    const ChannelDoings doings{false, "gpt-4o,o1"};
    race.doings = {doings.save_in_three_steps(), doings.edit("o1"), doings.edit("gpt-4o,o1,o9")};
    race.depth = Depth::edges;
    judge(race);
}

TEST_CASE("the last channel stays, also while its abilities are just being made anew") {
    const auto gateway = gateway_for_races("oneapi");
    gateway->sql(
        "UPDATE channels SET status = 2 WHERE id = 1; "
        "UPDATE abilities SET enabled = 0 WHERE channel_id = 1");
    const auto request = live(2, "t1", gateway->gateway());
    const Guard guard{.served = {{"", "gpt-4o", 50}}};
    const auto edit = ChannelDoings{false, "gpt-4o,o1"}.save_in_three_steps();
    Interleaving one{*gateway, {"SELECT peer.`group`"}};
    int in_time = 0;
    for (const auto& places : all_places(3, 14, Depth::all)) {
        CAPTURE(places[0]);
        CAPTURE(places[1]);
        CAPTURE(places[2]);
        reset_channel(*gateway);
        TripResult result;
        one.run(edit, places, [&](sync::GatewaySession& session) {
            result = circuit_breaker::trip(session, gateway->database(), request, guard, kNow);
        });
        CAPTURE(result.why);
        if (!one.all_in_time()) continue;
        ++in_time;
        CHECK(kind_name(result.kind) != "tripped");
        CHECK(tables_agree(*gateway));
        CHECK(!serves_nothing(*gateway));
    }
    CHECK(in_time > 20);
}

TEST_CASE("whatever a gateway does during a return of its channel, one hand comes first") {
    for (const std::string schema : {"newapi_2026", "newapi_2025", "oneapi"}) {
        const auto gateway = gateway_for_races(schema);
        gateway->sql("INSERT INTO options VALUES('RetryTimes', '0')");
        for (const auto way : {Way::whole, Way::again, Way::trial, Way::settle}) {
            // All of New API of 2026 together: circuit_breaker_return_races_test.cpp.
            if (schema == "newapi_2026" && way != Way::again) continue;
            if (schema == "newapi_2025" && way != Way::whole) continue;
            CAPTURE(schema);
            CAPTURE(std::string{way_name(way)});
            Circuit circuit;
            auto race = race_of_channel(*gateway);
            const bool on_trial = way == Way::settle || way == Way::again;
            race.reset = [&] {
                reset_channel(*gateway);
                circuit = on_trial ? put_on_trial(*gateway, 2, "t1") : tripped(*gateway, 2, "t1");
            };
            race.ours = [&](sync::GatewaySession& session) {
                return told(give_back(session, *gateway, {.circuit = circuit, .way = way}));
            };
            const ChannelDoings doings{gateway->new_api(), "gpt-4o,o1", on_trial ? 1 : 3};
            race.doings = doings.any();
            for (const auto& doing : doings.forms()) race.doings.push_back(doing);
            if (!on_trial) {
                for (const auto& doing : doings.enable(false)) race.doings.push_back(doing);
            }
            race.looks = {"SELECT abilities.`group`"};
            race.depth = Depth::edges;
            judge(race);
        }
    }
}

TEST_CASE("a gateway that disables the abilities first ends it, however a return comes between") {
    for (const std::string schema : {"newapi_2026", "newapi_2025", "oneapi"}) {
        TestGateway gateway{Engine::mariadb, schema};
        gateway.add_channel(1, {"default"}, {"gpt-4o", "o1"});
        const auto race = [&](const Circuit& circuit, Way way) {
            CAPTURE(schema);
            CAPTURE(describe(circuit.target));
            CAPTURE(std::string{way_name(way)});
            gateway.sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
            AccidentSession session{gateway.session()};
            session.after_commit = [&] {
                gateway.sql("UPDATE channels SET status = 2 WHERE id = 2");
            };
            const auto result = give_back(session, gateway, {.circuit = circuit, .way = way});
            CHECK(kind(result) == "done");
            CHECK(serves_nothing(gateway));
            return result;
        };
        reset_channel(gateway);
        race(tripped(gateway, 2, "t1"), Way::whole);
        reset_channel(gateway);
        race(tripped(gateway, 2, "t2"), Way::trial);
        reset_channel(gateway);
        race(tripped_model(gateway, 2, "gpt-4o", "o1"), Way::whole);
        reset_channel(gateway);
        const auto trial = put_on_trial(gateway, 2, "t3");
        race(trial, Way::again);
        if (!gateway.new_api()) continue;
        // That all were off was no choice of models: nothing is to stay off when it is given back.
        CHECK(abilities_off(info_of(gateway, 2)).empty());
    }
}
