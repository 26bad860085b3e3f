// How what was switched off stands at the gateway.

#include <doctest/doctest.h>

#include "circuit_breaker/mend.h"
#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

Change look(TestGateway& gateway, const Circuit& circuit) {
    AccidentSession session{gateway.session("root", "", true)};
    const auto [sightings, troubles] = look_at(session, {circuit});
    CHECK(troubles.empty());
    REQUIRE(sightings.size() == 1);
    CHECK(sightings[0].trip_id == circuit.trip_id);
    CHECK(session.writes == 0);
    return sightings[0].change;
}

const std::string kOurs = R"('{"status_reason":"401","quotafuse":{"trip":"t1"}}')";
const std::string kAnother = R"('{"quotafuse":{"trip":"t2"}}')";

}  // namespace

TEST_CASE("a look tells what somebody made of a channel that is off") {
    const std::vector<Scene> scenes = {
        {"UPDATE channels SET name = 'x' WHERE id = 2", Change::none},
        {"UPDATE channels SET status = 1 WHERE id = 2", Change::enabled},
        {"UPDATE channels SET status = 2 WHERE id = 2", Change::disabled_by_hand},
        {"DELETE FROM channels WHERE id = 2", Change::deleted},
        {"UPDATE channels SET other_info = " + kOurs + " WHERE id = 2", Change::none, true},
        {"UPDATE channels SET other_info = " + kAnother + " WHERE id = 2", Change::enabled, true},
        {"UPDATE channels SET other_info = '' WHERE id = 2", Change::altered, true},
    };
    in_each_scene(scenes, [](TestGateway& gateway, const Scene& scene) {
        auto circuit = tripped(gateway, 2, "t1");
        gateway.sql(scene.sql);
        CHECK(look(gateway, circuit) == scene.change);
        circuit.state = Circuit::State::unsure;
        CHECK(look(gateway, circuit) == scene.change);
    });
}

TEST_CASE("where we wrote 2 the gateway may make it 3, and it is still ours") {
    const auto gateway = new_api();
    gateway->sql("INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')");
    const auto circuit = tripped(*gateway, 2, "t1");
    CHECK(look(*gateway, circuit) == Change::none);
    gateway->sql("UPDATE channels SET status = 3, other_info = " + kOurs + " WHERE id = 2");
    CHECK(look(*gateway, circuit) == Change::none);
}

TEST_CASE("a look tells what somebody made of a trial") {
    const std::vector<Scene> scenes = {
        {"UPDATE channels SET name = 'x' WHERE id = 2", Change::none},
        {"UPDATE channels SET status = 3 WHERE id = 2", Change::gateway_disabled},
        {"UPDATE channels SET status = 2 WHERE id = 2", Change::disabled_by_hand},
        {"DELETE FROM channels WHERE id = 2", Change::deleted},
        {"UPDATE channels SET priority = 9 WHERE id = 2", Change::altered},
        {"UPDATE channels SET weight = 9 WHERE id = 2", Change::altered, true},
        {"UPDATE abilities SET priority = 9 WHERE channel_id = 2 AND `group` = 'vip'",
         Change::altered},
        {"UPDATE abilities SET weight = 9 WHERE channel_id = 2 AND `group` = 'vip'",
         Change::altered, true},
        {"UPDATE abilities SET priority = 9 WHERE channel_id = 1", Change::none},
        {"UPDATE channels SET other_info = " + kOurs + " WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = " + kAnother + " WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = NULL WHERE id = 2", Change::altered, true},
    };
    in_each_scene(scenes, [](TestGateway& gateway, const Scene& scene) {
        const auto trial = put_on_trial(gateway, 2, "t1");
        CHECK(look(gateway, trial) == Change::none);
        gateway.sql(scene.sql);
        CHECK(look(gateway, trial) == scene.change);
    });
}

TEST_CASE("a look tells whether a model is served again") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_channel(1, {"default"}, {"gpt-4o", "gpt-4o-mini"});
        const auto circuit = tripped_model(*gateway, 1, "gpt-4o", "gpt-4o-mini");
        CHECK(look(*gateway, circuit) == Change::none);
        gateway->sql("UPDATE channels SET models = 'gpt-4o-mini,gpt-4o'");
        CHECK(look(*gateway, circuit) == Change::enabled);
        gateway->sql("UPDATE channels SET models = 'gpt-4o-mini'");
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE model = 'gpt-4o'");
        CHECK(look(*gateway, circuit) == Change::enabled);
        gateway->sql("DELETE FROM channels");
        CHECK(look(*gateway, circuit) == Change::deleted);
    }
}

TEST_CASE("a look tells whether a key is on again") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        const auto circuit = tripped_key(*gateway, 17);
        for (const auto& [status, change] : std::map<int, Change>{
                 {2, Change::none}, {3, Change::none}, {4, Change::none}, {1, Change::enabled}}) {
            gateway->sql(fmt::format("UPDATE tokens SET status = {}", status));
            CHECK(look(*gateway, circuit) == change);
        }
        gateway->sql(gateway->new_api() ? "UPDATE tokens SET status = 2, deleted_at = '2026-01-01'"
                                        : "DELETE FROM tokens");
        CHECK(look(*gateway, circuit) == Change::deleted);
    }
}

TEST_CASE("a key that only its name tells is not looked for: its trip is asked again") {
    TestGateway gateway{Engine::sqlite, "oneapi"};
    auto circuit = tripped_key(gateway, 17);
    circuit.target = {.kind = Target::Kind::token, .user = 4, .token_name = "ci"};
    circuit.state = Circuit::State::unsure;
    AccidentSession session{gateway.session()};
    session.before = [](const std::string& sql) { FAIL("asked: " << sql); };
    const auto [sightings, troubles] = look_at(session, {circuit});
    CHECK(sightings.empty());
    CHECK(troubles.empty());
}

TEST_CASE("what the account may not read is a trouble of its kind alone") {
    const auto gateway = new_api();
    gateway->add_channel(3, {"default"}, {"o1", "o3"});
    const auto model = tripped_model(*gateway, 3, "o3", "o1");
    const auto key = tripped_key(*gateway, 17);
    const auto channel = tripped(*gateway, 1, "t1");
    const auto trial = put_on_trial(*gateway, 2, "t2");
    gateway->sql("CREATE OR REPLACE USER 'half_blind'@'%' IDENTIFIED BY 'pw'");
    const auto grant = [&](const std::string& what) {
        gateway->sql(fmt::format("GRANT SELECT {} TO 'half_blind'@'%'",
                                 fmt::vformat(what, fmt::make_format_args(gateway->database()))));
    };
    const auto look = [&] {
        auto found = look_at(*gateway->session("half_blind", "pw"), {key, trial, model, channel});
        std::vector<std::string> trips;
        for (const auto& sighting : found.sightings) {
            CHECK(sighting.change == Change::none);
            trips.push_back(sighting.trip_id);
        }
        return std::pair{trips, found.troubles};
    };
    const auto denied = [](const auto& troubles, Target::Kind kind) {
        return troubles.contains(kind) &&
               troubles.at(kind).find("lacks a grant") != std::string::npos;
    };
    using Kind = Target::Kind;
    grant("(id, status, name, other_info, auto_ban) ON `{}`.channels");
    grant("(`group`, model, channel_id, enabled) ON `{}`.abilities");
    {
        const auto [trips, troubles] = look();
        CHECK(trips == Texts{"t1"});
        CHECK(troubles.size() == 3);  // a trial's rank, models and keys
        for (const auto kind : {Kind::channel, Kind::model, Kind::token})
            CHECK(denied(troubles, kind));
    }
    grant("(priority, weight, models) ON `{}`.channels");
    grant("(priority, weight) ON `{}`.abilities");
    {
        const auto [trips, troubles] = look();
        CHECK(trips == Texts{"t2", "m1", "t1"});
        CHECK(troubles.size() == 1);
        CHECK(denied(troubles, Kind::token));
    }
    grant("(id, user_id, name, status, deleted_at) ON `{}`.tokens");
    const auto [trips, troubles] = look();
    CHECK(trips == Texts{"k17", "t2", "m1", "t1"});
    CHECK(troubles.empty());
}

TEST_CASE("any number of circuits costs a few statements, and none costs nothing") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    std::vector<Circuit> circuits;
    std::string rows;
    for (std::int64_t id = 1; id <= 1100; ++id) {
        rows += fmt::format(
            "INSERT INTO channels(id, type, `key`, status, models, other_info) VALUES({0}, 1, 'k', "
            "{1}, 'a', '{{\"quotafuse\":{{\"trip\":\"c{0}\"}}}}');",
            id, id % 2 == 0 ? 3 : 1);
        circuits.push_back({.trip_id = fmt::format("c{}", id),
                            .target = Target::of_channel(id),
                            .status_written = 3});
        circuits.push_back({.trip_id = fmt::format("m{}", id),
                            .target = Target::of_model(id, id % 5 == 0 ? "a" : "b")});
        circuits.push_back({.trip_id = fmt::format("k{}", id), .target = Target::of_token(id)});
    }
    gateway.sql("BEGIN;" + rows + "COMMIT");
    AccidentSession session{gateway.session("root", "", true)};
    int statements = 0;
    session.before = [&](const std::string&) { ++statements; };
    const auto sightings = look_at(session, circuits).sightings;
    CHECK(statements == 3 + 3 + 3 + 6 + 3);
    REQUIRE(sightings.size() == circuits.size());
    for (std::size_t i = 0; i < circuits.size(); ++i) {
        const auto& [trip_id, target] = std::tie(circuits[i].trip_id, circuits[i].target);
        CHECK(sightings[i].trip_id == trip_id);
        const auto id = static_cast<std::int64_t>(i) / 3 + 1;
        const auto expected = target.kind == Target::Kind::token ? Change::deleted
                              : target.kind == Target::Kind::model
                                  ? (id % 5 == 0 ? Change::enabled : Change::none)
                                  : (id % 2 == 0 ? Change::none : Change::enabled);
        CHECK(sightings[i].change == expected);
    }
    statements = 0;
    CHECK(look_at(session, {}).sightings.empty());
    CHECK(statements == 0);
}

TEST_CASE("a look at a gateway that does not answer asks once, and is a trouble of each kind") {
    const auto gateway = new_api(Engine::sqlite);
    AccidentSession session{gateway->session()};
    int tries = 0;
    session.before = [&](const std::string&) {
        ++tries;
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    const auto [sightings, troubles] =
        look_at(session, {{.trip_id = "t", .target = Target::of_channel(2)},
                          {.trip_id = "k", .target = Target::of_token(17)}});
    CHECK(sightings.empty());
    CHECK(troubles == decltype(LookResult::troubles){{Target::Kind::channel, "connection refused"},
                                                     {Target::Kind::token, "connection refused"}});
    CHECK(tries == 1);
}

TEST_CASE(
    "a channel that is half on, because the gateway wrote in the middle of a trip, is mended") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        const auto session = gateway->session();
        CHECK(!look_at(*session, {circuit}).sightings.at(0).half_on);
        const auto off = gateway->contents();
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        const auto sighting = look_at(*session, {circuit}).sightings.at(0);
        CHECK(sighting.half_on);
        CHECK(sighting.change == Change::none);
        CHECK(mend(*session, circuit));
        CHECK(gateway->contents() == off);
        // A person enables it: theirs.
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        const auto theirs = gateway->contents();
        CHECK(!look_at(*session, {circuit}).sightings.at(0).half_on);
        CHECK(!mend(*session, circuit));
        CHECK(gateway->contents() == theirs);
    }
}
