// Trips of one model of a channel, and of an API key.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

std::string list_of(TestGateway& gateway, int channel) {
    return gateway.value(fmt::format("SELECT models FROM channels WHERE id = {}", channel));
}

std::string token_status(TestGateway& gateway, int token) {
    return gateway.value(fmt::format("SELECT status FROM tokens WHERE id = {}", token));
}

/// The same request as it is asked again after a restart.
TripRequest resumed(TripRequest request) {
    request.resumed = true;
    return request;
}

TripRequest named_key(std::int64_t user, const std::string& name) {
    auto request = live_token(0);
    request.target.user = user;
    request.target.token_name = name;
    return request;
}

}  // namespace

TEST_CASE("a tripped model gets no traffic at this channel; its other models go on") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto result = trip(*gateway, live_model(1, "gpt-4o"));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.why == "");
        CHECK(result.name == "channel-1");
        CHECK(result.status_written == 0);
        CHECK(Json::parse(result.before) == Json::parse(R"({"models": "gpt-4o,o1", "abilities": [
            {"group":"default","model":"gpt-4o","enabled":true},
            {"group":"vip","model":"gpt-4o","enabled":true}]})"));
        CHECK(Json::parse(result.after) == Json{{"models", "o1"}});
        for (const auto cache : {Cache::off, Cache::on}) {
            for (const auto* group : {"default", "vip"}) {
                CHECK(gateway->candidates(cache, group, "gpt-4o") == std::set<std::int64_t>{2});
                CHECK(gateway->candidates(cache, group, "o1") == std::set<std::int64_t>{1});
            }
        }
        CHECK(gateway->value("SELECT status FROM channels WHERE id = 1") == "1");
        if (gateway->new_api())
            CHECK(gateway->value("SELECT other_info FROM channels WHERE id = 1") == "NULL");
    }
}

TEST_CASE("the list of models keeps every other byte") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        for (const auto& [before, after] : std::map<std::string, std::string>{
                 {"gpt-4o,o1", "o1"},
                 {"o1,gpt-4o", "o1"},
                 {"a,gpt-4o,b", "a,b"},
                 {"a,,gpt-4o, b ,gpt-4o,GPT-4o,gpt-4o-mini,模型", "a,, b ,GPT-4o,gpt-4o-mini,模型"},
                 {",gpt-4o,b,", ",b,"}}) {
            CAPTURE(before);
            const auto gateway = new_api(engine);
            gateway->sql(fmt::format("UPDATE channels SET models = '{}' WHERE id = 1", before));
            const auto result = trip(*gateway, live_model(1, "gpt-4o"));
            CAPTURE(result.why);
            CHECK(kind_name(result.kind) == "tripped");
            CHECK(list_of(*gateway, 1) == after);
        }
    }
}

TEST_CASE("a model that stands in one of the two tables only goes off as well") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        const auto gateway = new_api(engine);
        gateway->sql("UPDATE channels SET models = 'o1' WHERE id = 1");
        const auto result = trip(*gateway, live_model(1, "gpt-4o"));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(list_of(*gateway, 1) == "o1");
        CHECK(gateway->candidates(Cache::off, "vip", "gpt-4o") == std::set<std::int64_t>{2});
    }
}

TEST_CASE("a model is refused where it is not its channel's, or all of it") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto before = gateway->contents();
        auto result = trip(*gateway, live_model(1, "o3"));
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.cause.kind == TripCause::Kind::no_model);
        CHECK(result.why == "model o3 of channel 1 is not served under this very name");
        CHECK(trip(*gateway, live_model(1, "GPT-4o")).cause.kind == TripCause::Kind::no_model);
        result = trip(*gateway, live_model(2, "gpt-4o"));
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.cause.kind == TripCause::Kind::only_model);
        result = trip(*gateway, live_model(9, "gpt-4o"));
        CHECK(result.why == "channel 9 does not exist at the gateway");
        CHECK(gateway->contents() == before);

        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 1 AND model = 'gpt-4o'");
        CHECK(trip(*gateway, live_model(1, "gpt-4o")).cause.kind == TripCause::Kind::no_model);
        gateway->sql("UPDATE channels SET status = 3 WHERE id = 1");
        result = trip(*gateway, live_model(1, "o1"));
        CHECK(kind_name(result.kind) == "already_off");
        CHECK(result.why == "channel 1 was already disabled automatically");
        if (!gateway->new_api()) continue;
        gateway->sql("UPDATE channels SET status = 1, auto_ban = 0 WHERE id = 1");
        result = trip(*gateway, live_model(1, "o1"));
        CHECK(result.why == "automatic disabling is off for channel 1 at the gateway (auto_ban)");
    }
}

TEST_CASE("the last usable channel of a model keeps it; other models do not matter") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto before = gateway->contents();
        auto result = trip(*gateway, live_model(1, "o1"), o1_has_traffic());
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.why == kO1IsLast);
        CHECK(gateway->contents() == before);
        auto request = live_model(1, "o1");
        request.mode = Mode::shadow;
        request.even_if_last = true;
        result = trip(*gateway, request, o1_has_traffic());
        CHECK(kind_name(result.kind) == "would_trip");
        CHECK(result.dark_models == Texts{"default/o1"});
        CHECK(result.unused_dark == Texts{"vip/o1"});
        CHECK(gateway->contents() == before);
        result = trip(*gateway, live_model(1, "gpt-4o"), o1_has_traffic());
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.unused_dark == Texts{});
    }
}

TEST_CASE("a channel or model waits until another trip of the same models has settled") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_four_channels(*gateway);
        const auto before = gateway->contents();
        const Guard three{.settling = {3}};
        auto result = trip(*gateway, live(1), three);
        CHECK(kind_name(result.kind) == "refused");
        CHECK(result.cause.kind == TripCause::Kind::settling);
        CHECK(result.cause.count == 3);
        CHECK(result.why == "channel 3, which serves the same models, was tripped just now");
        CHECK(trip(*gateway, live_model(1, "gpt-4o"), three).cause.count == 3);
        CHECK(gateway->contents() == before);
        // Channel 3 does not serve o1, and nobody but itself serves o3.
        CHECK(kind_name(trip(*gateway, live_model(1, "o1"), three).kind) == "tripped");
        CHECK(kind_name(trip(*gateway, live_model(3, "o3"), {.settling = {1, 2, 3}}).kind) ==
              "tripped");
        // It counts while it is off, too; also where an outage would be all right: it is none yet.
        gateway->sql("UPDATE channels SET status = 3 WHERE id = 3");
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 3");
        CHECK(trip(*gateway, live(2), three).cause.kind == TripCause::Kind::settling);
        auto request = live(2);
        request.even_if_last = true;
        CHECK(trip(*gateway, request, three).cause.kind == TripCause::Kind::settling);
    }
}

TEST_CASE("a repeated order finds its model gone only where it may have done it itself") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        auto request = live_model(1, "gpt-4o");
        request.gateway = gateway->gateway();
        const auto session = gateway->session();
        CHECK(!find_trip(*session, resumed(request)));
        CHECK(kind_name(trip(*gateway, request).kind) == "tripped");
        const auto before = gateway->contents();
        CHECK(trip(*gateway, request).cause.kind == TripCause::Kind::no_model);
        const auto again = trip(*gateway, resumed(request));
        CHECK(kind_name(again.kind) == "tripped");
        CHECK(again.name == "channel-1");
        CHECK(Json::parse(again.after) == Json{{"models", "o1"}});
        CHECK(!find_trip(*session, request));
        CHECK(find_trip(*session, resumed(request)));
        CHECK(gateway->contents() == before);
    }
}

TEST_CASE("a key goes off, and nothing but its status is touched") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_token(17, 4, "ci");
        gateway->add_token(18, 4, "prod");
        const auto result = trip(*gateway, live_token(17));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.name == "ci");
        CHECK(result.status_written == 2);
        CHECK(Json::parse(result.before) == Json{{"status", 1}});
        CHECK(Json::parse(result.after) == Json{{"status", 2}});
        CHECK(token_status(*gateway, 17) == "2");
        CHECK(token_status(*gateway, 18) == "1");
        CHECK(gateway->value("SELECT `key` FROM tokens WHERE id = 17") == "secret-17");
    }
}

TEST_CASE("a key that is off, expired, used up or gone is left alone and told so") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_token(17, 4, "ci");
        for (const auto& [status, text] :
             std::map<int, std::string>{{2, "key 17 was already off"},
                                        {3, "key 17 was already expired"},
                                        {4, "key 17 was already used up"}}) {
            gateway->sql(fmt::format("UPDATE tokens SET status = {} WHERE id = 17", status));
            const auto result = trip(*gateway, live_token(17));
            CHECK(kind_name(result.kind) == "already_off");
            CHECK(result.cause.count == status);
            CHECK(result.why == text);
            CHECK(token_status(*gateway, 17) == std::to_string(status));
        }
        CHECK(trip(*gateway, live_token(9)).why == "key 9 does not exist at the gateway");
        CHECK(trip(*gateway, live_token(0)).cause.kind == TripCause::Kind::no_channel);
        if (!gateway->new_api()) continue;
        gateway->sql("UPDATE tokens SET status = 1, deleted_at = '2026-01-05 00:00:00'");
        CHECK(trip(*gateway, live_token(17)).cause.kind == TripCause::Kind::no_channel);
        CHECK(token_status(*gateway, 17) == "1");
        // New API's logs have every key's id: a name alone is none.
        gateway->add_token(18, 4, "prod");
        CHECK(trip(*gateway, named_key(4, "prod")).cause.kind == TripCause::Kind::no_channel);
        CHECK(token_status(*gateway, 18) == "1");
    }
}

TEST_CASE("One API's keys are found by owner and exact name, if only one has it") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        TestGateway gateway{engine, "oneapi"};
        gateway.add_token(17, 4, "ci");
        gateway.add_token(18, 4, "CI");
        gateway.add_token(19, 5, "ci");
        const auto result = trip(gateway, named_key(4, "ci"));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.request.target.token == 17);
        CHECK(token_status(gateway, 17) == "2");
        CHECK(token_status(gateway, 18) == "1");
        CHECK(token_status(gateway, 19) == "1");
        gateway.add_token(20, 5, "ci");
        gateway.add_token(21, 5, "ci");
        const auto several = trip(gateway, named_key(5, "ci"));
        CHECK(kind_name(several.kind) == "refused");
        CHECK(several.why == "key 'ci' of user 5 cannot be told from others: 3 have its name");
        CHECK(several.cause.count == 3);
        CHECK(token_status(gateway, 19) == "1");
        CHECK(trip(gateway, named_key(6, "ci")).why ==
              "key 'ci' of user 6 does not exist at the gateway");
        const auto done = trip(gateway, resumed(named_key(4, "ci")));
        CHECK(kind_name(done.kind) == "tripped");
        CHECK(done.request.target.token == 17);
    }
}

TEST_CASE("a repeated order finds its key off only where it may have done it itself") {
    const auto gateway = new_api();
    gateway->add_token(17, 4, "ci");
    const auto session = gateway->session();
    CHECK(kind_name(trip(*gateway, live_token(17)).kind) == "tripped");
    CHECK(kind_name(trip(*gateway, live_token(17)).kind) == "already_off");
    CHECK(kind_name(trip(*gateway, resumed(live_token(17))).kind) == "tripped");
    CHECK(!find_trip(*session, live_token(17)));
    CHECK(find_trip(*session, resumed(live_token(17))));
}

TEST_CASE("shadow mode writes no model and no key") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        gateway->add_token(17, 4, "ci");
        const auto before = gateway->contents();
        AccidentSession session{gateway->session("root", "", true)};
        for (auto request : {live_model(1, "gpt-4o"), live_token(17)}) {
            request.mode = Mode::shadow;
            request.gateway = gateway->gateway();
            const auto result =
                circuit_breaker::trip(session, gateway->database(), request, {}, kNow);
            CHECK(kind_name(result.kind) == "would_trip");
            CHECK(result.before != "");
            CHECK(result.after == "");
        }
        CHECK(session.writes == 0);
        CHECK(gateway->contents() == before);
    }
}

TEST_CASE("keys are switched without a look at their secrets") {
    const auto gateway = new_api();
    gateway->add_token(17, 4, "ci");
    gateway->sql(fmt::format(
        "CREATE OR REPLACE USER 'breaks'@'%' IDENTIFIED BY 'pw'; "
        "GRANT SELECT (id, user_id, name, status, deleted_at), UPDATE (status) ON `{0}`.tokens "
        "TO 'breaks'@'%'; "
        "GRANT SELECT (id, status, name, other_info, auto_ban, models), UPDATE (status, "
        "other_info, models) ON `{0}`.channels TO 'breaks'@'%'; "
        "GRANT SELECT (`group`, model, channel_id, enabled), UPDATE (enabled) ON `{0}`.abilities "
        "TO 'breaks'@'%'",
        gateway->database()));
    const auto session = gateway->session("breaks", "pw");
    for (const auto& request : {live_token(17), live_model(1, "gpt-4o"), live(2, "t2")}) {
        const auto result = circuit_breaker::trip(*session, gateway->database(), request, {}, kNow);
        CAPTURE(result.why);
        CHECK(kind_name(result.kind) == "tripped");
    }
}

TEST_CASE("abilities that were disabled before a channel's trip stand in its mark") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        const auto gateway = new_api(engine);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 1 AND model = 'o1'");
        CHECK(kind_name(trip(*gateway, live(1)).kind) == "tripped");
        const auto info = gateway->value("SELECT other_info FROM channels WHERE id = 1");
        CHECK(trip_mark(info) == "t1");
        CHECK(abilities_off(info) == Routes{{"default", "o1"}, {"vip", "o1"}});
    }
}

TEST_CASE("what lacks the gateway's index on abilities is tripped and given back all the same") {
    for (const auto* schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
        CAPTURE(schema);
        TestGateway gateway{Engine::mariadb, schema};
        add_two_channels(gateway);
        gateway.sql("DROP INDEX idx_abilities_channel_id ON abilities");
        const auto before = everything(gateway);
        auto circuit = tripped(gateway, 2, "t1");
        CHECK(status_of(gateway, 2) != "1");
        const auto begun = give_back(gateway, circuit, Way::trial);
        CHECK(kind(begun) == "done");
        const auto again = give_back(gateway, on_trial(circuit, begun), Way::again);
        CHECK(kind(again) == "done");
        circuit.status_written = again.status_written;
        CHECK(kind(give_back(gateway, circuit, Way::whole)) == "done");
        CHECK(everything(gateway) == before);
        const auto model = trip(gateway, live_model(1, "o1"));
        CHECK(kind_name(model.kind) == "tripped");
        CHECK(kind(give_back(gateway, circuit_of(model), Way::whole)) == "done");
        CHECK(everything(gateway) == before);
    }
}
