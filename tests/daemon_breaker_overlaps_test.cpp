// A channel's circuit and what comes in its way: circuits of its models, newer trips, restarts.

#include <algorithm>

#include <doctest/doctest.h>

#include "daemon_breaker_orders.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using circuit_breaker::Circuit;
using circuit_breaker::ReturnResult;
using circuit_breaker::Target;
using circuit_breaker::TripRequest;
using circuit_breaker::TripResult;
using circuit_breaker::Way;

namespace {

constexpr auto* kRule =
    "  - {name: errors, metric: errors, by: [channel], window: 1m, above: 3, action: "
    "{disable_channel: {mode: live, recover: {half_open: {wait: 5m, longest: 1h, attempts: 5, "
    "max_errors: 1, probe_time: 10m}}}}}\n";

/// Channel 1 serves the models m and n.
void add_model(Desk& desk) {
    desk.gateway(
        "UPDATE channels SET models = 'm,n', priority = 7, weight = 3; "
        "INSERT INTO abilities(`group`, model, channel_id, enabled) "
        "SELECT 'default', 'n', id, 1 FROM channels; "
        "UPDATE abilities SET priority = 7, weight = 3");
    desk.row(1, 1, kStart);
    desk.row(2, 1, kStart);
    desk.second();
}

void fail_until_tripped(Desk& desk) {
    for (int i = 0; i < 4; ++i) desk.error(1);
    desk.second();
    desk.take_results(1);
    REQUIRE(desk.status_of(1) == "3");
}

std::optional<Circuit> circuit_of(Desk& desk, const Target& target) {
    return desk.audit().circuits().of_target(target);
}

std::string serves(Desk& desk, const std::string& model) {
    return desk.gateway_value("SELECT enabled FROM abilities WHERE channel_id = 1 AND model = '" +
                              model + "'");
}

/// The first may have begun before.
void look(Desk& desk) {
    for (int i = 0; i < 2; ++i) {
        desk.clock.advance(10s);
        desk.second();
        desk.take_look();
    }
}

std::vector<circuit_breaker::Audit::Entry> mended(Desk& desk, const std::string& trip) {
    auto entries = desk.audit().of_trip(trip);
    std::erase_if(entries, [](const auto& entry) { return entry.step != "mended"; });
    return entries;
}

TripResult tripped_anew(const Circuit& former) {
    TripResult result;
    result.kind = TripResult::Kind::tripped;
    result.request.trip_id = "newer";
    result.request.target = former.target;
    result.request.mode = circuit_breaker::Mode::live;
    result.status_written = 3;
    return result;
}

}  // namespace

TEST_CASE("a model that a person took back comes back with its channel, and no other does") {
    Desk desk{kRule};
    add_model(desk);
    CHECK(ask(desk, R"({"kind": "model", "channel": 1, "model": "n"})").at("outcome") == "tripped");
    fail_until_tripped(desk);
    CHECK(serves(desk, "n") == "0");
    bool taken_back = false;
    SUBCASE("still ours") {}
    SUBCASE("taken back") {
        taken_back = true;
        // As the gateway rebuilds the abilities of a channel that is off.
        desk.gateway(
            "UPDATE channels SET models = 'm,n' WHERE id = 1; "
            "UPDATE abilities SET enabled = 0 WHERE channel_id = 1");
    }
    look(desk);
    CHECK(circuit_of(desk, Target::of_model(1, "n")).has_value() != taken_back);
    CHECK(restore(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "done");
    CHECK(serves(desk, "m") == "1");
    CHECK(serves(desk, "n") == (taken_back ? "1" : "0"));
    if (taken_back) return;
    CHECK(restore(desk, R"({"kind": "model", "channel": 1, "model": "n"})").at("outcome") ==
          "done");
    CHECK(serves(desk, "n") == "1");
}

TEST_CASE("what is mended after a return is in the audit, also where its circuit has ended") {
    Desk desk{kRule};
    add_model(desk);
    fail_until_tripped(desk);
    const auto trip = desk.circuit()->trip_id;
    desk.until_pending(310);
    desk.take_results(1);
    SUBCASE("of a trial that a former run wrote") {
        auto circuit = *desk.circuit();
        circuit.state = Circuit::State::open;
        circuit.pending = Way::trial;
        circuit.pending_at = desk.clock.now();
        circuit.intended = circuit.kept;
        circuit.kept.clear();
        desk.audit().circuits().put(circuit);
        desk.gateway("UPDATE channels SET status = 3 WHERE id = 1");  // and no abilities
        CHECK(mended(desk, trip).empty());
        desk.open();
        desk.recovery().resume();
        desk.second();
        desk.take_results(1);
        CHECK(serves(desk, "m") == "0");
        const auto entries = mended(desk, trip);
        REQUIRE(entries.size() == 1);
        CHECK(entries[0].why ==
              "channel 1 was off, but its abilities were on: the gateway wrote them in the middle "
              "of our return; they are off again");
    }
    SUBCASE("of one that is over") {
        ReturnResult back;
        back.kind = ReturnResult::Kind::done;
        back.request.circuit = *desk.circuit();
        back.request.way = Way::whole;
        back.mended = true;
        REQUIRE(desk.audit().intend_return(back.request, desk.clock.now()));
        desk.recovery().take(back);
        CHECK_FALSE(desk.circuit());
        CHECK(mended(desk, trip).size() == 1);
    }
}

TEST_CASE("a trial that a name forbids is told once") {
    Desk desk{kRule};
    add_model(desk);
    desk.gateway(
        "INSERT INTO abilities(`group`, model, channel_id, enabled, priority, weight) "
        "VALUES('default', CAST(x'6dff' AS TEXT), 1, 1, 9, 3)");
    fail_until_tripped(desk);
    for (int i = 0; i < 3; ++i) {
        desk.until_pending(310);
        desk.take_results(1);
        CHECK(desk.circuit()->state == Circuit::State::open);
        CHECK_FALSE(desk.circuit()->pending);
    }
    const auto told = [](const auto& text) { return contains(text, "is not valid UTF-8"); };
    CHECK(std::ranges::count_if(desk.texts("a"), told) == 1);
    CHECK(desk.status_of(1) == "3");
}

TEST_CASE("an order whose circuit a newer trip has ended is answered at once") {
    Desk desk{kRule};
    add_model(desk);
    fail_until_tripped(desk);
    const auto circuit = *desk.circuit();
    const auto id =
        Json::parse(desk.requests().restore(Json{{"trip", circuit.trip_id}}.dump())).at("id");
    desk.open();  // nobody saw the answer
    desk.recovery().resume();
    desk.audit().record(tripped_anew(circuit), desk.clock.now());
    const auto before = desk.gateway_contents();
    CHECK(answer(desk, id).at("done") == false);
    desk.recovery().tick();
    const auto answered = answer(desk, id);
    CHECK(answered.at("done") == true);
    CHECK(answered.at("outcome") == "refused");
    CHECK(answered.at("text") ==
          "channel 1 (c1) was not given back: it is not held by this trip any more: `quotafuse "
          "breaker list` tells what is");
    CHECK(desk.gateway_contents() == before);
}

TEST_CASE("after a restart a return waits for a trip of the same that may have been carried out") {
    Desk desk{kRule};
    add_model(desk);
    fail_until_tripped(desk);
    const auto first = *desk.circuit();
    desk.until_pending(310);  // a trial, as far as its record
    desk.take_results(1);
    auto circuit = *desk.circuit();
    circuit.state = Circuit::State::open;
    circuit.pending = Way::trial;
    circuit.pending_at = desk.clock.now();
    circuit.intended = circuit.kept;
    circuit.kept.clear();
    desk.audit().circuits().put(circuit);
    // During it the channel was tripped anew, and that has no record either.
    desk.open();
    desk.second();
    for (int i = 0; i < 4; ++i) desk.error(1);
    desk.second();
    REQUIRE(eventually([&] { return desk.status_of(1) == "3"; }));
    const auto before = desk.gateway_contents();
    const auto texts = desk.texts("a").size();
    desk.open();
    desk.desk().resume();
    desk.recovery().resume();
    desk.recovery().tick();  // trips wait longer: they need to know the traffic
    desk.second();
    desk.take_results(1);
    desk.second();
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->trip_id != first.trip_id);
    CHECK(desk.gateway_contents() == before);
    for (std::size_t i = texts; i < desk.texts("a").size(); ++i)
        CHECK_FALSE(contains(desk.texts("a")[i], "enabled by somebody"));
}

TEST_CASE("an alert about what a person had quotafuse switch off says by whom it is off") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    CHECK(ask(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "tripped");
    desk.row(1, 1000, kStart + 1);
    desk.second();
    desk.take_results(1);
    const auto text = desk.texts("a").back();
    CHECK(contains(text, "was disabled already (quotafuse has it off already)"));
}

TEST_CASE("an alert that a pause holds back says why, and how to disable its channel after it") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    desk.requests().pause(R"({"reason": "a move"})");
    desk.row(1, 1000, kStart + 1);
    desk.second();
    const auto text = desk.texts("a").back();
    CHECK(contains(text, "stays enabled: the breaker is paused (a move)"));
    CHECK(contains(text,
                   "To disable it after that: quotafuse breaker trip --channel 1 --reason burn"));
    CHECK(desk.status_of(1) == "1");
}

TEST_CASE("whoever takes the mark away from what is off has it, and is told that it is off") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    CHECK(ask(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "tripped");
    desk.gateway("UPDATE channels SET other_info = '' WHERE id = 1");
    desk.clock.advance(std::chrono::seconds{10});
    desk.second();
    desk.take_look();
    CHECK(!desk.circuit());
    const auto text = desk.texts("a").back();
    CHECK(contains(text, "was changed by somebody, and is still off"));
    CHECK(contains(text, "enable it on the gateway's page"));
    CHECK(!contains(text, "before a new alert"));  // a person asked for it
    CHECK(desk.status_of(1) == "3");
}
