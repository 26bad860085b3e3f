// What comes back whole: channels, models and keys.

#include <doctest/doctest.h>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

TEST_CASE("a channel that is given back is as it was before its trip, in both tables") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        set_rank(*gateway, 2, 7, 3);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2 AND `group` = 'vip'");
        const auto before = everything(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1});

        const auto result = give_back(*gateway, circuit, Way::whole);
        CHECK(kind(result) == "done");
        CHECK(result.why == "");
        CHECK(Json::parse(result.after)["status"] == 1);
        CHECK(everything(*gateway) == before);
        for (const auto cache : {Cache::off, Cache::on})
            CHECK(gateway->candidates(cache, "default", "gpt-4o") == std::set<std::int64_t>{1, 2});
    }
}

TEST_CASE("other_info comes back byte for byte, whatever it held") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        for (const std::string held :
             {"NULL", "''", "'{\"broken\"'", "'[1,2]'", "'{\"b\": 1.50,  \"a\": \"值\"}'",
              "'{\"status_reason\": \"old\", \"status_time\": 5, \"x\": null}'"}) {
            CAPTURE(held);
            const auto gateway = new_api(engine);
            gateway->sql("UPDATE channels SET other_info = " + held + " WHERE id = 2");
            const auto before = everything(*gateway);
            const auto circuit = tripped(*gateway, 2, "t1");
            CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
            CHECK(everything(*gateway) == before);
        }
    }
}

TEST_CASE("what others wrote into other_info meanwhile is kept, our mark and reason are not") {
    const auto gateway = new_api();
    gateway->sql(
        R"(UPDATE channels SET other_info = '{"a":1,"status_reason":"old"}' WHERE id = 2)");
    const auto circuit = tripped(*gateway, 2, "t1");
    gateway->sql("UPDATE channels SET other_info = JSON_SET(other_info, '$.b', 2) WHERE id = 2");
    CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
    CHECK(Json::parse(info_of(*gateway, 2)) == Json{{"a", 1}, {"b", 2}, {"status_reason", "old"}});
}

TEST_CASE("abilities that were added meanwhile come on, too") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        gateway->sql(
            "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('new', 'gpt-4o', 2, "
            "0)");
        CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
        CHECK(gateway->candidates(Cache::off, "new", "gpt-4o") == std::set<std::int64_t>{2});
    }
}

TEST_CASE("a trip that was found after a crash has no image: the mark tells what was off before") {
    const auto gateway = new_api();
    auto circuit = tripped(*gateway, 2, "t1");
    circuit.before = "";
    const auto info = with_mark(R"({"a":1})", {.trip = "t1", .off = {{"vip", "gpt-4o"}}}, "x", 5);
    gateway->sql(fmt::format("UPDATE channels SET other_info = '{}' WHERE id = 2", info));
    CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
    CHECK(info_of(*gateway, 2) == R"({"a":1})");
    CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1, 2});
    CHECK(gateway->candidates(Cache::off, "vip", "gpt-4o") == std::set<std::int64_t>{1});
}

TEST_CASE("a channel that somebody changed since its trip is theirs, and is not touched") {
    const std::vector<Scene> scenes = {
        {"UPDATE channels SET status = 1 WHERE id = 2", Change::enabled},
        {"UPDATE channels SET status = 2 WHERE id = 2", Change::disabled_by_hand},
        {"DELETE FROM channels WHERE id = 2", Change::deleted},
        {"UPDATE channels SET status = 0 WHERE id = 2", Change::altered},
        {"UPDATE channels SET other_info = NULL WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = '{\"quotafuse\":{\"trip\":\"t2\"}}' WHERE id = 2",
         Change::enabled, true},
    };
    in_each_scene(scenes, [](TestGateway& gateway, const Scene& scene) {
        const auto circuit = tripped(gateway, 2, "t1");
        gateway.sql(scene.sql);
        const auto before = everything(gateway);
        for (const auto way : {Way::whole, Way::trial}) {
            const auto result = give_back(gateway, circuit, way);
            CHECK(kind(result) == "theirs");
            CHECK(result.change == scene.change);
            CHECK(result.why == sentence(scene.change));
        }
        CHECK(everything(gateway) == before);
    });
}

TEST_CASE("what the gateway itself made of a tripped channel is still ours") {
    const auto gateway = new_api();
    gateway->sql("INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')");
    const auto before = everything(*gateway);
    const auto circuit = tripped(*gateway, 2, "t1");
    CHECK(circuit.status_written == 2);
    gateway->sql(
        "UPDATE channels SET status = 3, other_info = JSON_SET(other_info, '$.status_reason', "
        "'401', '$.status_time', 9) WHERE id = 2");
    CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
    CHECK(everything(*gateway) == before);
}

TEST_CASE("a return that is repeated after a crash finds itself done and writes nothing") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        for (const bool image : {true, false}) {
            CAPTURE(image);
            auto circuit = tripped(*gateway, 2, "t1");
            if (!image) circuit.before = "";
            CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
            const auto after = everything(*gateway);
            AccidentSession session{gateway->session()};
            const auto repeat = give_back(session, *gateway,
                                          {.circuit = circuit, .way = Way::whole, .resumed = true});
            CHECK(kind(repeat) == "done");
            CHECK(session.writes == 0);
            CHECK(everything(*gateway) == after);
            // Not asked for before: a person did it.
            CHECK(give_back(*gateway, circuit, Way::whole).change == Change::enabled);
        }
    }
    // The gateway's own enabling leaves our mark: a person's, whatever was asked for before.
    const auto gateway = new_api();
    const auto circuit = tripped(*gateway, 2, "t1");
    gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
    CHECK(give_back(*gateway, circuit, Way::whole, true).change == Change::enabled);
}

TEST_CASE("a dry run judges everything and writes nothing") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        const auto trial = put_on_trial(*gateway, 1, "t2");
        const auto key = tripped_key(*gateway, 17);
        const auto model = tripped_model(*gateway, 1, "o1", "gpt-4o");
        const auto before = everything(*gateway);
        AccidentSession session{gateway->session("root", "", true)};
        const std::vector<std::pair<Circuit, Way>> orders = {
            {circuit, Way::whole}, {circuit, Way::trial}, {trial, Way::settle}, {trial, Way::again},
            {trial, Way::whole},   {key, Way::whole},     {model, Way::whole}};
        for (const auto& [of, way] : orders) {
            const auto result =
                give_back(session, *gateway, {.circuit = of, .way = way, .dry_run = true});
            CHECK(kind(result) == "would_be");
            CHECK(result.after == "");
        }
        const Guard guard{.served = {{"default", "gpt-4o", 5}}};
        const auto refused = give_back(
            session, *gateway, {.circuit = trial, .way = Way::again, .dry_run = true}, guard);
        CHECK(kind(refused) == "refused");
        CHECK(session.writes == 0);
        CHECK(everything(*gateway) == before);
    }
}

TEST_CASE("an account without the grants is told what to do, and nothing changes") {
    const auto gateway = new_api();
    const auto circuit = tripped(*gateway, 2, "t1");
    gateway->sql(
        fmt::format("CREATE OR REPLACE USER 'only_looks'@'%' IDENTIFIED BY 'pw'; "
                    "GRANT SELECT ON `{}`.* TO 'only_looks'@'%'",
                    gateway->database()));
    const auto before = everything(*gateway);
    const auto result = give_back(*gateway->session("only_looks", "pw"), *gateway,
                                  {.circuit = circuit, .way = Way::whole});
    CHECK(kind(result) == "failed");
    CHECK(result.cause.kind == TripCause::Kind::no_grant);
    CHECK_FALSE(result.try_again);
    CHECK(result.why.starts_with("channel 2 could not be given back: "));
    CHECK(everything(*gateway) == before);
}

TEST_CASE("column grants are enough for each return, and for a trial those on ranks") {
    const auto gateway = new_api();
    set_rank(*gateway, 2, 9, 5);
    const auto grant = [&](const std::string& what, const std::string& table) {
        gateway->sql(fmt::format("GRANT {} ON `{}`.`{}` TO 'returns'@'%'", what,
                                 gateway->database(), table));
    };
    gateway->sql("CREATE OR REPLACE USER 'returns'@'%' IDENTIFIED BY 'pw'");
    grant("SELECT (id, status, name, other_info, auto_ban), UPDATE (status, other_info)",
          "channels");
    grant("SELECT (`group`, model, channel_id, enabled), UPDATE (enabled)", "abilities");
    const auto give = [&](const Circuit& circuit, Way way) {
        const auto session = gateway->session("returns", "pw");
        CHECK(look_at(*session, {circuit}).sightings.size() == 1);
        return give_back(*session, *gateway, {.circuit = circuit, .way = way});
    };
    const auto before = everything(*gateway);
    CHECK(kind(give(tripped(*gateway, 2, "t1"), Way::whole)) == "done");
    CHECK(everything(*gateway) == before);
    auto circuit = tripped(*gateway, 2, "t2");
    CHECK(give(circuit, Way::trial).cause.kind == TripCause::Kind::no_grant);

    grant("SELECT (priority, weight), UPDATE (priority, weight)", "channels");
    grant("SELECT (priority, weight), UPDATE (priority, weight)", "abilities");
    const auto trial = on_trial(circuit, give(circuit, Way::trial));
    const auto again = give(trial, Way::again);
    CHECK(kind(again) == "done");
    circuit.status_written = again.status_written;  // 2: the options may not be read
    const auto second = on_trial(circuit, give(circuit, Way::trial));
    CHECK(kind(give(second, Way::settle)) == "done");
    CHECK(everything(*gateway) == before);

    grant("SELECT (models), UPDATE (models)", "channels");
    CHECK(kind(give(tripped_model(*gateway, 1, "o1", "gpt-4o"), Way::whole)) == "done");
    grant("SELECT (id, user_id, name, status, deleted_at), UPDATE (status)", "tokens");
    CHECK(kind(give(tripped_key(*gateway, 17), Way::whole)) == "done");
}

TEST_CASE("a model comes back at its place in the list, and its abilities as they were") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_channel(1, {"default", "vip"}, {"a", "gpt-4o", "b"});
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE model = 'gpt-4o' AND `group` = 'vip'");
        const auto before = everything(*gateway);
        const auto circuit = tripped_model(*gateway, 1, "gpt-4o", "a,b");
        const auto result = give_back(*gateway, circuit, Way::whole);
        CHECK(kind(result) == "done");
        CHECK(result.why == "");
        CHECK(Json::parse(result.after)["models"] == "a,gpt-4o,b");
        CHECK(everything(*gateway) == before);

        const auto again = tripped_model(*gateway, 1, "gpt-4o", "b,c");  // edited since
        CHECK(kind(give_back(*gateway, again, Way::whole)) == "done");
        CHECK(gateway->value("SELECT models FROM channels WHERE id = 1") == "b,c,gpt-4o");
        CHECK(kind(give_back(*gateway, again, Way::whole, true)) == "done");  // a repeat
        const auto theirs = give_back(*gateway, again, Way::whole);
        CHECK(theirs.change == Change::enabled);
    }
}

TEST_CASE("a model whose abilities a person's edit has removed is given back with a remark") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_channel(1, {"default", "vip"}, {"a", "gpt-4o"});
        const auto circuit = tripped_model(*gateway, 1, "gpt-4o", "a");
        gateway->sql("DELETE FROM abilities WHERE model = 'gpt-4o'");
        const auto result = give_back(*gateway, circuit, Way::whole);
        CHECK(kind(result) == "done");
        CHECK(result.cause.kind == TripCause::Kind::rows_missing);
        CHECK(result.cause.count == 2);
        CHECK(gateway->candidates(Cache::on, "vip", "gpt-4o") == std::set<std::int64_t>{1});
    }
}

TEST_CASE("a model of a channel that is off waits for the channel") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_channel(1, {"default"}, {"a", "gpt-4o"});
        const auto circuit = tripped_model(*gateway, 1, "gpt-4o", "a");
        const auto channel = tripped(*gateway, 1, "t1");
        const auto off = everything(*gateway);
        const auto result = give_back(*gateway, circuit, Way::whole);
        CHECK(kind(result) == "refused");
        CHECK(result.cause.kind == TripCause::Kind::was_off);
        CHECK(result.cause.count == 3);
        CHECK(everything(*gateway) == off);

        CHECK(kind(give_back(*gateway, channel, Way::whole)) == "done");
        CHECK(gateway->candidates(Cache::off, "default", "gpt-4o").empty());
        CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
        CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1});
    }
}

TEST_CASE("a model that somebody served again, or whose channel is gone, is theirs") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_channel(1, {"default"}, {"a", "gpt-4o"});
        const auto circuit = tripped_model(*gateway, 1, "gpt-4o", "a");
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE model = 'gpt-4o'");
        const auto before = everything(*gateway);
        CHECK(give_back(*gateway, circuit, Way::whole).change == Change::enabled);
        CHECK(everything(*gateway) == before);
        gateway->sql("DELETE FROM channels");
        CHECK(give_back(*gateway, circuit, Way::whole).change == Change::deleted);
    }
}

TEST_CASE("a key comes back only from the status that we wrote") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        const auto circuit = tripped_key(*gateway, 17);
        const auto result = give_back(*gateway, circuit, Way::whole);
        CHECK(kind(result) == "done");
        CHECK(result.after == R"({"status":1})");
        CHECK(gateway->value("SELECT status FROM tokens") == "1");
        CHECK(kind(give_back(*gateway, circuit, Way::whole, true)) == "done");  // a repeat
        CHECK(give_back(*gateway, circuit, Way::whole).change == Change::enabled);
        for (const auto* status : {"3", "4"}) {
            gateway->sql(fmt::format("UPDATE tokens SET status = {}", status));
            const auto refused = give_back(*gateway, circuit, Way::whole);
            CHECK(kind(refused) == "refused");
            CHECK(refused.cause.kind == TripCause::Kind::was_off);
            CHECK(gateway->value("SELECT status FROM tokens") == status);
        }
        gateway->sql(gateway->new_api() ? "UPDATE tokens SET status = 2, deleted_at = '2026-01-01'"
                                        : "DELETE FROM tokens");
        const auto before = everything(*gateway);
        CHECK(give_back(*gateway, circuit, Way::whole).change == Change::deleted);
        CHECK(everything(*gateway) == before);
    }
}

TEST_CASE("a key of One API without an id is found by owner and name, if it is the only one") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        TestGateway gateway{engine, "oneapi"};
        auto circuit = tripped_key(gateway, 17);
        circuit.target.token = 0;
        circuit.target.user = 4;
        circuit.target.token_name = "ci";
        CHECK(kind(give_back(gateway, circuit, Way::whole)) == "done");
        CHECK(gateway.value("SELECT status FROM tokens") == "1");
        gateway.sql("UPDATE tokens SET status = 2");
        gateway.sql(
            "INSERT INTO tokens(id, user_id, `key`, status, name) VALUES(18, 4, 'sk-x', 1, 'ci')");
        const auto refused = give_back(gateway, circuit, Way::whole);
        CHECK(kind(refused) == "refused");
        CHECK(refused.cause.kind == TripCause::Kind::no_key_id);
        CHECK(refused.cause.count == 2);
    }
}

TEST_CASE("orders that make no sense are refused without asking the gateway") {
    const auto gateway = new_api(Engine::sqlite);
    AccidentSession session{gateway->session()};
    session.before = [](const std::string& sql) { FAIL(sql); };
    const auto refuse = [&](const Circuit& circuit, Way way) {
        return kind(give_back(session, *gateway, {.circuit = circuit, .way = way}));
    };
    Circuit circuit{.trip_id = "t1", .target = Target::of_channel(2)};
    CHECK(refuse(circuit, Way::settle) == "refused");
    CHECK(refuse(circuit, Way::again) == "refused");
    circuit.target = Target::of_model(2, "gpt-4o");
    CHECK(refuse(circuit, Way::trial) == "refused");
    circuit.target = Target::of_token(3);
    CHECK(refuse(circuit, Way::trial) == "refused");
}
