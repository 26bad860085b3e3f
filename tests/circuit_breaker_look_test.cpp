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
    const auto sightings = look_at(session, {circuit});
    REQUIRE(sightings.size() == 1);
    CHECK(sightings[0].trip_id == circuit.trip_id);
    CHECK(session.writes == 0);
    return sightings[0].change;
}

struct Scene {
    std::string sql;
    Change change;
    bool new_api_only = false;
};

void channel_anew(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels WHERE id = 2");
    gateway.sql("DELETE FROM abilities WHERE channel_id = 2");
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o"});
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
    for (const auto& gateway : tests::every_gateway()) {
        add_two_channels(*gateway);
        for (const auto& [sql, change, new_api_only] : scenes) {
            if (new_api_only && !gateway->new_api()) continue;
            CAPTURE(gateway->describe());
            CAPTURE(sql);
            auto circuit = tripped(*gateway, 2, "t1");
            gateway->sql(sql);
            CHECK(look(*gateway, circuit) == change);
            circuit.state = Circuit::State::unsure;
            CHECK(look(*gateway, circuit) == change);
            channel_anew(*gateway);
        }
    }
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
        {"UPDATE channels SET other_info = " + kOurs + " WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = " + kAnother + " WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = NULL WHERE id = 2", Change::altered, true},
    };
    for (const auto& gateway : tests::every_gateway()) {
        add_two_channels(*gateway);
        for (const auto& [sql, change, new_api_only] : scenes) {
            if (new_api_only && !gateway->new_api()) continue;
            CAPTURE(gateway->describe());
            CAPTURE(sql);
            const auto trial = put_on_trial(*gateway, 2, "t1");
            CHECK(look(*gateway, trial) == Change::none);
            gateway->sql(sql);
            CHECK(look(*gateway, trial) == change);
            channel_anew(*gateway);
        }
    }
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
        auto named = circuit;
        named.target = {.kind = Target::Kind::token, .user = 4, .token_name = "ci"};
        for (const auto& of : {circuit, named}) {
            for (const auto& [status, change] : std::map<int, Change>{{2, Change::none},
                                                                      {3, Change::none},
                                                                      {4, Change::none},
                                                                      {1, Change::enabled}}) {
                gateway->sql(fmt::format("UPDATE tokens SET status = {}", status));
                CHECK(look(*gateway, of) == change);
            }
        }
        gateway->sql(gateway->new_api() ? "UPDATE tokens SET status = 2, deleted_at = '2026-01-01'"
                                        : "DELETE FROM tokens");
        CHECK(look(*gateway, circuit) == Change::deleted);
        CHECK(look(*gateway, named) == Change::deleted);
    }
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
    const auto sightings = look_at(session, circuits);
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
    CHECK(look_at(session, {}).empty());
    CHECK(statements == 0);
}

TEST_CASE("a look at a gateway that does not answer is told by an exception") {
    const auto gateway = new_api(Engine::sqlite);
    AccidentSession session{gateway->session()};
    session.before = [](const std::string&) {
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
    };
    CHECK_THROWS_AS(look_at(session, {{.trip_id = "t", .target = Target::of_channel(2)}}),
                    sync::GatewayError);
}

TEST_CASE(
    "a channel that is half on, because the gateway wrote in the middle of a trip, is mended") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        const auto session = gateway->session();
        CHECK(!look_at(*session, {circuit}).at(0).half_on);
        const auto off = gateway->contents();
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        const auto sighting = look_at(*session, {circuit}).at(0);
        CHECK(sighting.half_on);
        CHECK(sighting.change == Change::none);
        CHECK(mend(*session, circuit));
        CHECK(gateway->contents() == off);
        // A person enables it: theirs.
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        const auto theirs = gateway->contents();
        CHECK(!look_at(*session, {circuit}).at(0).half_on);
        CHECK(!mend(*session, circuit));
        CHECK(gateway->contents() == theirs);
    }
}
