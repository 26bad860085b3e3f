// A channel and one of its models, each off by a circuit of its own, in either order.

#include <doctest/doctest.h>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

ReturnResult give(TestGateway& gateway, const Circuit& circuit, Way way, bool held) {
    ReturnRequest request{.circuit = circuit, .way = way};
    if (held) request.models_off = {"o1"};
    return give_back(*gateway.session(), gateway, request);
}

/// Channel 2 serves "a" and, unless that is off, "o1", whatever the gateway routes by.
void check_routes(TestGateway& gateway, bool model_is_on) {
    using Channels = std::set<std::int64_t>;
    for (const auto cache : {Cache::off, Cache::on}) {
        CAPTURE(cache == Cache::on);
        CHECK(gateway.candidates(cache, "default", "a") == Channels{2});
        CHECK(gateway.candidates(cache, "default", "o1") ==
              (model_is_on ? Channels{2} : Channels{}));
    }
    const auto models = gateway.value("SELECT models FROM channels WHERE id = 2");
    CHECK((models == "a,o1") == model_is_on);
}

/// Switches the channel off while its model o1 is off by a circuit of its own.
Circuit tripped_without_o1(TestGateway& gateway) {
    auto request = live(2, "t1");
    request.models_off = {"o1"};
    const auto result = trip(gateway, request);
    REQUIRE(kind_name(result.kind) == "tripped");
    return circuit_of(result);
}

/// A person saves the channel with o1 in its list: the gateway rebuilds its abilities.
void save_with_o1(TestGateway& gateway) {
    const auto status = status_of(gateway, 2);
    gateway.sql("UPDATE channels SET models = 'a,o1' WHERE id = 2");
    gateway.sql(fmt::format("UPDATE abilities SET enabled = {} WHERE channel_id = 2",
                            status == "1" ? 1 : 0));
}

void fresh(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels");
    gateway.sql("DELETE FROM abilities");
    gateway.add_channel(2, {"default"}, {"a", "o1"});
}

}  // namespace

TEST_CASE("a model that was switched off during a trial stays off, however the trial ends") {
    for (const auto& gateway : tests::every_gateway()) {
        for (const std::string end : {"whole", "settle", "again", "gateway"}) {
            CAPTURE(gateway->describe());
            CAPTURE(end);
            fresh(*gateway);
            const auto before = everything(*gateway);
            auto circuit = tripped(*gateway, 2, "t1");
            const auto trial = on_trial(circuit, give_back(*gateway, circuit, Way::trial));
            const auto model = tripped_model(*gateway, 2, "o1", "a");
            if (end == "gateway") {
                gateway->sql("UPDATE channels SET status = 3 WHERE id = 2");
                gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
            }
            if (end == "whole" || end == "settle") {
                CHECK(kind(give(*gateway, trial, end == "whole" ? Way::whole : Way::settle,
                                true)) == "done");
            } else {
                CHECK(kind(give(*gateway, trial, Way::again, true)) == "done");
                circuit.failed_trials = 1;
                const auto next = give(*gateway, circuit, Way::trial, true);
                CHECK(kind(next) == "done");
                check_routes(*gateway, false);
                CHECK(kind(give(*gateway, on_trial(circuit, next), Way::again, true)) == "done");
                CHECK(kind(give(*gateway, circuit, Way::whole, true)) == "done");
            }
            check_routes(*gateway, false);
            CHECK(look_at(*gateway->session(), {model}).sightings.at(0).change == Change::none);
            CHECK(kind(give_back(*gateway, model, Way::whole)) == "done");
            check_routes(*gateway, true);
            CHECK(everything(*gateway) == before);
        }
    }
}

TEST_CASE("a channel that was switched off after its model comes back without it") {
    for (const auto& gateway : tests::every_gateway()) {
        for (const auto way : {Way::whole, Way::trial}) {
            for (const bool image : {true, false}) {  // none after a crash
                CAPTURE(gateway->describe());
                CAPTURE(std::string{way_name(way)});
                CAPTURE(image);
                fresh(*gateway);
                const auto before = everything(*gateway);
                const auto model = tripped_model(*gateway, 2, "o1", "a");
                auto circuit = tripped(*gateway, 2, "t1");
                if (!image) circuit.before.clear();
                const auto waits = give_back(*gateway, model, Way::whole);
                CHECK(waits.cause.kind == TripCause::Kind::was_off);
                const auto back = give(*gateway, circuit, way, true);
                CHECK(kind(back) == "done");
                check_routes(*gateway, false);
                CHECK(look_at(*gateway->session(), {model}).sightings.at(0).change == Change::none);
                CHECK(kind(give_back(*gateway, model, Way::whole)) == "done");
                check_routes(*gateway, true);
                if (way == Way::whole) continue;
                // Our own return of the model is nobody else's doing.
                const auto trial = on_trial(circuit, back);
                CHECK(look_at(*gateway->session(), {trial}).sightings.at(0).change == Change::none);
                CHECK(kind(give(*gateway, trial, Way::settle, false)) == "done");
                check_routes(*gateway, true);
                if (image) CHECK(everything(*gateway) == before);
            }
        }
    }
}

TEST_CASE("who enables a channel on trial is seen where the trial left something off") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE model = 'o1'");
        const auto trial = put_on_trial(*gateway, 2, "t1");
        CHECK(look_at(*gateway->session(), {trial}).sightings.at(0).change == Change::none);
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        CHECK(look_at(*gateway->session(), {trial}).sightings.at(0).change == Change::enabled);
        const auto theirs = everything(*gateway);
        for (const auto way : {Way::again, Way::settle, Way::whole}) {
            const auto result = give_back(*gateway, trial, way);
            CHECK(kind(result) == "theirs");
            CHECK(result.change == Change::enabled);
        }
        CHECK(everything(*gateway) == theirs);
    }
}

TEST_CASE("a model that a person takes back while its channel is off comes back with the channel") {
    for (const auto& gateway : tests::every_gateway()) {
        for (const auto way : {Way::whole, Way::trial}) {
            for (const bool image : {true, false}) {  // none after a crash
                CAPTURE(gateway->describe());
                CAPTURE(std::string{way_name(way)});
                CAPTURE(image);
                fresh(*gateway);
                const auto model = tripped_model(*gateway, 2, "o1", "a");
                auto circuit = tripped_without_o1(*gateway);
                if (gateway->new_api()) CHECK(abilities_off(info_of(*gateway, 2)).empty());
                CHECK(Json::parse(circuit.before)["abilities"] ==
                      Json::parse(R"([{"group": "default", "model": "a", "enabled": true},
                                      {"group": "default", "model": "o1", "enabled": false,
                                       "held": true}])"));
                if (!image) circuit.before.clear();
                save_with_o1(*gateway);
                CHECK(look_at(*gateway->session(), {model}).sightings.at(0).change ==
                      Change::enabled);
                CHECK(kind(give(*gateway, circuit, way, false)) == "done");
                check_routes(*gateway, true);
            }
        }
    }
}

TEST_CASE("what else was off when a channel was tripped stays off with or without a held model") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        gateway->sql("DELETE FROM channels; DELETE FROM abilities");
        gateway->add_channel(2, {"default"}, {"a", "b", "o1"});
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE model = 'b'");
        tripped_model(*gateway, 2, "o1", "a,b");
        const auto circuit = tripped_without_o1(*gateway);
        CHECK(kind(give(*gateway, circuit, Way::whole, true)) == "done");
        const auto on = gateway->sql("SELECT model FROM abilities WHERE enabled = 1");
        CHECK(on == std::vector<Texts>{{"a"}});
    }
}

TEST_CASE("a trial that failed does not take a held model for somebody's choice") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        auto circuit = tripped(*gateway, 2, "t1");
        const auto trial = on_trial(circuit, give_back(*gateway, circuit, Way::trial));
        tripped_model(*gateway, 2, "o1", "a");
        CHECK(kind(give(*gateway, trial, Way::again, true)) == "done");
        if (gateway->new_api()) CHECK(abilities_off(info_of(*gateway, 2)).empty());
        circuit.failed_trials = 1;
        save_with_o1(*gateway);
        CHECK(kind(give(*gateway, circuit, Way::whole, false)) == "done");
        check_routes(*gateway, true);
    }
}
