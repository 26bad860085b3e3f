// One model of a channel: what a gateway does to the channel, between any two statements of its
// trip and of its return, on each schema.

#include "circuit_breaker_serial_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

std::vector<Doing> doings_of_trip(const TestGateway& gateway) {
    const ChannelDoings doings{gateway.new_api(), "gpt-4o,o1"};
    auto all = doings.any();
    for (const auto& doing : doings.forms()) all.push_back(doing);
    for (const auto& doing : doings.enable(true)) all.push_back(doing);
    return all;
}

/// The model is off: a form shows the list without it.
std::vector<Doing> doings_of_return(const TestGateway& gateway) {
    const ChannelDoings now{gateway.new_api(), "o1"};
    auto all = now.any();
    all.push_back(now.edit("o1"));
    // One that was opened before the trip.
    all.push_back(ChannelDoings{gateway.new_api(), "gpt-4o,o1"}.enable(false).at(0));
    return all;
}

/// The code is the same for all: where the statements fall matters on one of them.
Depth depth_of(const std::string& schema) {
    return schema == "oneapi" ? Depth::all : Depth::edges;
}

Race trip_of_model(TestGateway& gateway, TripRequest& request) {
    request = live_model(2, "gpt-4o");
    request.gateway = gateway.gateway();
    return {
        .gateway = gateway,
        .reset = [&] { reset_channel(gateway); },
        .ours =
            [&](sync::GatewaySession& session) {
                return told(circuit_breaker::trip(session, gateway.database(), request, {}, kNow));
            },
        .looks = {"SELECT peer.`group`"},
        .state = [&] { return state_of_channel(gateway); },
        .agrees = [&] { return tables_agree(gateway); },
        .is_off = [&] { return serves_nothing(gateway, "gpt-4o"); },
        .serves_no_off = [&] { return serves_no_off(gateway); },
        .doings = {}};
}

}  // namespace

TEST_CASE("whatever a gateway does during the trip of a model, one hand comes first") {
    for (const std::string schema : {"newapi_2026", "newapi_2025", "oneapi"}) {
        CAPTURE(schema);
        const auto gateway = gateway_for_races(schema);
        TripRequest request;
        auto race = trip_of_model(*gateway, request);
        race.doings = doings_of_trip(*gateway);
        race.depth = Depth::edges;  // all: circuit_breaker_person_races_test.cpp
        judge(race);
    }
}

TEST_CASE("an edit in three steps, between any of which a model is tripped") {
    const auto gateway = gateway_for_races("oneapi");
    TripRequest request;
    auto race = trip_of_model(*gateway, request);
    const ChannelDoings doings{false, "gpt-4o,o1"};
    race.doings = {doings.save_in_three_steps(), doings.edit("o1"), doings.edit("gpt-4o,o1,o9")};
    race.depth = Depth::edges;
    judge(race);
}

TEST_CASE("whatever a gateway does during the return of a model, one hand comes first") {
    for (const std::string schema : {"newapi_2026", "newapi_2025", "oneapi"}) {
        CAPTURE(schema);
        const auto gateway = gateway_for_races(schema);
        Circuit circuit;
        const Race race{.gateway = *gateway,
                        .reset =
                            [&] {
                                reset_channel(*gateway);
                                circuit = tripped_model(*gateway, 2, "gpt-4o", "o1");
                            },
                        .ours =
                            [&](sync::GatewaySession& session) {
                                return told(give_back(session, *gateway,
                                                      {.circuit = circuit, .way = Way::whole}));
                            },
                        .looks = {"SELECT abilities.`group`"},
                        .state = [&] { return state_of_channel(*gateway); },
                        .agrees = [&] { return tables_agree(*gateway); },
                        .serves_no_off = [&] { return serves_no_off(*gateway); },
                        .doings = doings_of_return(*gateway),
                        .depth = depth_of(schema)};
        judge(race);
    }
}
