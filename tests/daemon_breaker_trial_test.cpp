// Trials, their models and what people were told of them, over restarts and by hand.

#include <algorithm>

#include <doctest/doctest.h>

#include "base/failure.h"
#include "daemon_breaker_orders.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using circuit_breaker::Circuit;
using circuit_breaker::Target;
using circuit_breaker::Way;

namespace {

constexpr auto* kRule =
    "  - {name: errors, metric: errors, by: [channel], window: 1m, above: 3, action: "
    "{disable_channel: {mode: live, recover: {half_open: {wait: 5m, longest: 1h, attempts: 5, "
    "max_errors: 1, probe_time: 10m}}}}}\n";

/// Channel 1 serves the models m and n; it failed and was tripped.
void trip(Desk& desk) {
    desk.gateway(
        "UPDATE channels SET models = 'm,n', priority = 7, weight = 3; "
        "INSERT INTO abilities(`group`, model, channel_id, enabled) "
        "SELECT 'default', 'n', id, 1 FROM channels; "
        "UPDATE abilities SET priority = 7, weight = 3");
    desk.row(1, 1, kStart);
    desk.row(2, 1, kStart);
    desk.second();
    for (int i = 0; i < 4; ++i) desk.error(1);
    desk.second();
    desk.take_results(1);
    REQUIRE(desk.status_of(1) == "3");
}

void put_on_trial(Desk& desk) {
    trip(desk);
    desk.until_pending(310);
    desk.take_results(1);
    REQUIRE(desk.circuit()->state == Circuit::State::trial);
    desk.second();
}

std::optional<Circuit> circuit_of(Desk& desk, const Target& target) {
    return desk.audit().circuits().of_target(target);
}

std::string rank(Desk& desk) {
    return desk.gateway_value("SELECT priority || ' ' || weight FROM channels WHERE id = 1");
}

std::string serves(Desk& desk, const std::string& model) {
    return desk.gateway_value("SELECT enabled FROM abilities WHERE channel_id = 1 AND model = '" +
                              model + "'");
}

Json undo(Desk& desk, const std::string& trip, bool dry_run = false) {
    const auto id =
        Json::parse(desk.requests().undo(Json{{"trip", trip}, {"dry_run", dry_run}}.dump()))
            .at("id")
            .get<std::string>();
    desk.take_results(1);
    return answer(desk, id);
}

/// Rows in which channel 2 fails, too: nothing but the channel on trial is left.
void lose_the_others(Desk& desk) {
    desk.gateway(
        "UPDATE channels SET status = 2 WHERE id > 1; "
        "UPDATE abilities SET enabled = 0 WHERE channel_id > 1");
}

}  // namespace

TEST_CASE("a model that was tripped during a trial stays off when the channel comes back whole") {
    Desk desk{kRule};
    put_on_trial(desk);
    CHECK(ask(desk, R"({"kind": "model", "channel": 1, "model": "n"})").at("outcome") == "tripped");
    CHECK(serves(desk, "n") == "0");
    for (int i = 0; i < 2; ++i) desk.error(1);
    desk.second();
    desk.take_results(1);
    REQUIRE(circuit_of(desk, Target::of_channel(1))->state == Circuit::State::open);
    CHECK(restore(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "done");
    CHECK(serves(desk, "m") == "1");
    CHECK(serves(desk, "n") == "0");
    CHECK(desk.gateway_value("SELECT models FROM channels WHERE id = 1") == "m");
    desk.clock.advance(10s);
    desk.second();
    desk.take_look();
    REQUIRE(circuit_of(desk, Target::of_model(1, "n")));
    CHECK(restore(desk, R"({"kind": "model", "channel": 1, "model": "n"})").at("outcome") ==
          "done");
    CHECK(serves(desk, "n") == "1");
    CHECK(desk.gateway_value("SELECT models FROM channels WHERE id = 1") == "m,n");
}

TEST_CASE("a trial that was read and not begun before a kill is begun once after it") {
    Desk desk{kRule};
    trip(desk);
    desk.until_pending(310);
    REQUIRE(eventually([&] { return desk.news_waiting() > 0; }));
    SUBCASE("what it replaces is not on record") {}
    SUBCASE("it is, and the trial has begun") {
        desk.take_results(1);
        auto circuit = *desk.circuit();
        circuit.state = Circuit::State::open;
        circuit.pending = Way::trial;
        circuit.pending_at = desk.clock.now();
        circuit.intended = circuit.kept;
        circuit.kept.clear();
        desk.audit().circuits().put(circuit);
    }
    desk.open();
    desk.recovery().resume();
    desk.second();
    desk.take_results(1);
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->state == Circuit::State::trial);
    CHECK(rank(desk) != "7 3");
    CHECK(restore(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "done");
    CHECK(rank(desk) == "7 3");
}

TEST_CASE("what people were told of a return is not told again, also over a restart") {
    Desk desk{kRule};
    put_on_trial(desk);
    lose_the_others(desk);
    for (int i = 0; i < 2; ++i) desk.error(1);
    desk.until_pending(3);
    desk.take_results(1);
    CHECK(contains(desk.texts("a").back(), "stays on trial"));
    const auto told = desk.circuit()->told;
    CHECK(!told.empty());
    const auto refused = [&] {
        const auto entries = desk.audit().of_trip(desk.circuit()->trip_id);
        return std::ranges::count(entries, "again_refused", &circuit_breaker::Audit::Entry::step);
    };
    const auto before = refused();
    const auto texts = desk.texts("a").size();
    SUBCASE("in one life") {}
    SUBCASE("over a restart") {
        desk.open();
        desk.recovery().resume();
    }
    desk.until_pending(65);
    desk.take_results(1);
    CHECK(refused() == before + 1);
    CHECK(desk.circuit()->told == told);
    CHECK(desk.texts("a").size() <= texts + 1);  // that the alert is over
    CHECK(std::ranges::count_if(desk.texts("a"), [](const auto& text) {
              return contains(text, "stays on trial");
          }) == 1);
    desk.gateway(
        "UPDATE channels SET status = 1; UPDATE abilities SET enabled = 1 WHERE channel_id > 1");
    desk.until_pending(65);
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    CHECK(desk.circuit()->told.empty());
}

TEST_CASE("to undo a trial switches the channel off again, with its own rank") {
    Desk desk{kRule};
    put_on_trial(desk);
    const auto trip_id = desk.circuit()->trip_id;
    const auto before = desk.gateway_contents();
    auto answered = undo(desk, trip_id, true);
    CHECK(answered.at("outcome") == "would_be");
    CHECK(answered.at("text") == "channel 1 (c1) would be switched off; nothing was written");
    CHECK(desk.gateway_contents() == before);
    SUBCASE("done") {
        answered = undo(desk, trip_id);
        CHECK(answered.at("outcome") == "done");
        CHECK(answered.at("text") == "channel 1 (c1) is off again");
        CHECK(desk.status_of(1) == "3");
        CHECK(rank(desk) == "7 3");
        CHECK(desk.circuit()->state == Circuit::State::open);
        CHECK(contains(desk.texts("a").back(), "a person undid the trial"));
        // And so is that: it is off, so it is given back.
        CHECK(undo(desk, trip_id).at("outcome") == "done");
        CHECK(desk.status_of(1) == "1");
    }
    SUBCASE("not where nobody else is left") {
        lose_the_others(desk);
        answered = undo(desk, trip_id, true);
        CHECK(answered.at("ok") == false);
        answered = undo(desk, trip_id);
        CHECK(answered.at("outcome") == "refused");
        CHECK(contains(answered.at("text").get<std::string>(),
                       "; `quotafuse breaker restore` it, then `quotafuse breaker trip` with "
                       "--even-if-last switches it off all the same"));
        CHECK_THROWS_AS(
            desk.requests().undo(Json{{"trip", trip_id}, {"even_if_last", true}}.dump()),
            base::Failure);
        CHECK(desk.circuit()->state == Circuit::State::trial);
    }
    SUBCASE("not where it is protected since") {
        desk.config().breaker.protected_channels = {1};
        CHECK_THROWS_AS(desk.requests().undo(Json{{"trip", trip_id}}.dump()), base::Failure);
    }
}

TEST_CASE("to undo a return keeps how it was to come back") {
    Desk desk{kRule};
    trip(desk);
    const auto first = *desk.circuit();
    CHECK(undo(desk, first.trip_id).at("outcome") == "done");
    CHECK(!desk.circuit());
    CHECK(undo(desk, first.trip_id).at("outcome") == "tripped");
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->recover == first.recover);
    CHECK(desk.circuit()->back_at == desk.clock.now() + 5min);
    desk.until_pending(310);
    desk.take_results(1);
    CHECK(desk.circuit()->state == Circuit::State::trial);
}

TEST_CASE("who gave an order before a restart gets its answer after it") {
    Desk desk{kRule};
    trip(desk);
    const auto trip_id = desk.circuit()->trip_id;
    auto id = Json::parse(desk.requests().restore(Json{{"trip", trip_id}}.dump())).at("id");
    desk.open();
    desk.recovery().resume();
    CHECK(answer(desk, id).at("done") == false);
    desk.second();
    desk.take_results(1);
    CHECK(answer(desk, id).at("outcome") == "done");

    id = Json::parse(desk.requests().trip(R"({"kind": "channel", "channel": 2})")).at("id");
    desk.open();
    desk.desk().resume();
    CHECK(answer(desk, id).at("done") == false);
    desk.desk().hand_over();
    desk.take_results(1);
    CHECK(answer(desk, id).at("outcome") == "tripped");
}

TEST_CASE("the list of what is off has all that undoing by hand needs") {
    Desk desk{kRule};
    put_on_trial(desk);
    const auto list = Json::parse(desk.requests().list("{}"));
    const auto& open = list.at("open").at(0);
    CHECK(open.at("ranks").at("priority") == 7);
    CHECK(open.at("ranks").at("weight") == 3);
    CHECK(open.at("before").at("status") == 1);
    CHECK(open.at("after").at("status") == 1);
    const auto& newest = list.at("recent").at(0);
    CHECK(newest.at("result") == "trial");
    CHECK(newest.at("before").at("status") == 3);
    CHECK(newest.at("before").at("priority") == 7);
    CHECK(newest.at("after").at("priority").dump() + " " + newest.at("after").at("weight").dump() ==
          rank(desk));
}

TEST_CASE("what is refused again while requests go on is not told again") {
    Desk desk{kRule};
    put_on_trial(desk);
    lose_the_others(desk);
    for (int i = 0; i < 2; ++i) desk.error(1);
    desk.until_pending(3);
    desk.take_results(1);
    for (int round = 0; round < 3; ++round) {
        desk.row(1, 1, base::unix_seconds(desk.clock.now()));
        desk.until_pending(65);
        desk.take_results(1);
    }
    const auto texts = desk.texts("a");
    CHECK(std::ranges::count_if(
              texts, [](const auto& text) { return contains(text, "stays on trial"); }) == 1);
}

TEST_CASE("a trip between the commit of a trial and its record keeps the ranks from before it") {
    Desk desk{kRule};
    trip(desk);
    desk.until_pending(310);
    desk.take_results(1);
    auto circuit = *desk.circuit();
    const auto first = circuit.trip_id;
    circuit.state = Circuit::State::open;
    circuit.pending = Way::trial;
    circuit.pending_at = desk.clock.now();
    circuit.intended = circuit.kept;
    circuit.kept.clear();
    desk.audit().circuits().put(circuit);
    desk.open();
    desk.second();
    for (int i = 0; i < 4; ++i) desk.error(1);
    desk.second();
    desk.take_results(1);
    CHECK(desk.circuit()->trip_id != first);
    SUBCASE("which its return puts back") {
        CHECK(restore(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "done");
        CHECK(rank(desk) == "7 3");
    }
    SUBCASE("and what becomes of the trial later is not told") {
        const auto texts = desk.texts("a").size();
        circuit_breaker::ReturnResult late;
        late.kind = circuit_breaker::ReturnResult::Kind::theirs;
        late.change = circuit_breaker::Change::enabled;
        late.request.circuit = circuit;
        late.request.way = Way::trial;
        late.request.resumed = true;
        desk.recovery().take(late);
        CHECK(desk.texts("a").size() == texts);
    }
}

TEST_CASE("what a former run in live mode asked for is not written by one that is not") {
    Desk desk{kRule};
    put_on_trial(desk);
    REQUIRE(desk.audit().intend_return({*desk.circuit(), Way::whole, false, false, "somebody", {}},
                                       desk.clock.now()));
    const auto before = desk.gateway_contents();
    desk.config().breaker.mode = circuit_breaker::Mode::shadow;
    desk.open();
    desk.recovery().resume();
    desk.second();
    desk.take_results(1);
    CHECK(desk.gateway_contents() == before);
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->state == Circuit::State::trial);
    CHECK_FALSE(desk.circuit()->pending);
}

TEST_CASE("the undo of a trial is answered over restarts, too, and told as a person's") {
    Desk desk{kRule};
    put_on_trial(desk);
    const auto id =
        Json::parse(desk.requests().undo(Json{{"trip", desk.circuit()->trip_id}}.dump()))
            .at("id")
            .get<std::string>();
    SUBCASE("it was not answered before") {
        desk.open();
        CHECK(answer(desk, id).at("done") == false);
        desk.recovery().resume();
        CHECK(desk.recovery().needs_traffic());
        desk.second();
        CHECK(answer(desk, id).at("done") == false);
    }
    SUBCASE("it was") {}
    desk.take_results(1);
    CHECK(!desk.recovery().needs_traffic());
    CHECK(desk.status_of(1) == "3");
    CHECK(contains(desk.texts("a").back(), "a person undid the trial"));
    const auto known = answer(desk, id);
    CHECK(known.at("ok") == true);
    CHECK(contains(known.at("text").get<std::string>(), "is off again"));
    // What comes by itself later is no answer to it.
    desk.until_pending(4000);
    desk.take_results(1);
    REQUIRE(desk.circuit()->state == Circuit::State::trial);
    CHECK(answer(desk, id) == known);
    desk.open();
    CHECK(answer(desk, id) == known);
}

TEST_CASE("a trial that failed by itself answers nobody, over a restart either") {
    Desk desk{kRule};
    put_on_trial(desk);
    desk.second();
    for (int i = 0; i < 2; ++i) desk.error(1);
    desk.until_pending(3);
    const auto id = BreakerAnswers::id_of_return(desk.circuit()->trip_id, false);
    desk.open();
    desk.recovery().resume();
    CHECK_THROWS_AS(answer(desk, id), base::Failure);
    desk.second();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    CHECK_THROWS_AS(answer(desk, id), base::Failure);
}
