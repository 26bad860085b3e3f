#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon_announcer_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

TEST_CASE("an order outlives a store that was locked when it was decided") {
    Desk desk{burn_rule("one", 1) + burn_rule("two", 2)};
    desk.row(1, 1, kStart);
    desk.row(2, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    {
        auto lock = desk.lock();
        CHECK_THROWS_AS(desk.tick(), SQLite::Exception);
    }
    desk.row(2, 500, kStart + 2);
    desk.tick();  // writes what the last one could not, and its own
    desk.take_results(2);
    CHECK(desk.status_of(1) == "3");
    CHECK(desk.status_of(2) == "3");
    CHECK(desk.texts("a").size() == 2);
    for (const auto& text : desk.texts("a")) CHECK(contains(text, "is disabled at the gateway"));
}

TEST_CASE("requests that a peer served make a channel the last one, too") {
    Desk desk{burn_rule("one", 1)};
    desk.config().breaker.guard_traffic = 6h;
    desk.gateway(
        "UPDATE channels SET status = 2 WHERE id > 1; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id > 1;"
        "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('default', 'other', 1, "
        "1), ('default', 'other', 2, 0)");
    desk.gateway(
        "UPDATE abilities SET enabled = 1 WHERE model = 'm' AND channel_id = 2; UPDATE channels "
        "SET status = 1 WHERE id = 2");
    desk.row(2, 1, kStart);
    desk.row(1, 1, kStart);
    desk.tick();
    desk.gateway(
        "UPDATE channels SET status = 2 WHERE id = 2; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id = 2");
    desk.row(1, 500, kStart + 1);
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "1");
    CHECK(contains(desk.texts("a").at(0), "default/m (3 requests in the last 6 h)"));
}

TEST_CASE("a result that comes after its alert was sent is told to those who had the alert") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    desk.tick();
    desk.clock.advance(9s);  // the alert has waited long enough
    const auto delivery = desk.outbox().next("a", desk.clock.now());
    REQUIRE(delivery.has_value());
    desk.outbox().begin_attempt(*delivery, desk.clock.now());
    desk.take_results(1);
    CHECK(desk.texts("a").size() == 2);
    CHECK(contains(desk.texts("a").at(1), "Channel 1 (c1) disabled"));
    REQUIRE(desk.texts("b").size() == 1);
    CHECK(contains(desk.texts("b").at(0), "is disabled at the gateway"));
}

TEST_CASE("an order that a crash left behind is carried out after the restart, and told") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    circuit_breaker::TripRequest request;
    request.trip_id = "left-behind";
    request.target = circuit_breaker::Target::of_channel(3);
    request.mode = circuit_breaker::Mode::live;
    desk.audit().intend(request, {"b"}, desk.clock.now());
    desk.open();
    desk.desk().resume();
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(3) == "3");
    CHECK(desk.texts("a").empty());
    REQUIRE(desk.texts("b").size() == 1);
    CHECK(contains(desk.texts("b").at(0), "Channel 3 (c3) disabled"));
    CHECK(desk.audit().pending_intents().empty());
}

TEST_CASE("a limit of the configuration refuses at once, and the alert says so without waiting") {
    Desk desk{burn_rule("one", 1)};
    desk.config().breaker.protected_channels = {1};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    desk.tick();
    REQUIRE(desk.texts("a").size() == 1);
    CHECK(contains(desk.texts("a").at(0), "stays enabled: "));
    CHECK(desk.outbox().next("a", desk.clock.now()).has_value());
    CHECK(desk.status_of(1) == "1");
    CHECK(desk.news_waiting() == 0);
}

TEST_CASE("an order that could not be put on record in time is decided anew") {
    Desk desk{burn_rule("one", 1) + burn_rule("two", 2)};
    desk.row(1, 1, kStart);
    desk.row(2, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    desk.row(2, 500, kStart + 1 - 3500);  // over in 100 s
    {
        auto lock = desk.lock();
        CHECK_THROWS_AS(desk.tick(), SQLite::Exception);
        desk.clock.advance(300s);
        CHECK_THROWS_AS(desk.tick(), SQLite::Exception);
    }
    SUBCASE("at once") {}
    SUBCASE("also where a crash comes between") {
        desk.announcer().advance(base::from_unix(kStart + 3));
        desk.open();
    }
    desk.tick();
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    CHECK(desk.status_of(2) == "1");
    CHECK(desk.news_waiting() == 0);
    CHECK(desk.audit().last(5).size() == 2);  // asked for, and done
    const auto texts = desk.texts("a");
    CHECK(std::ranges::count_if(texts, [](const auto& text) {
              return contains(text, "is disabled at the gateway");
          }) == 1);
    // So that replay decides as was decided.
    const auto events = desk.events();
    const auto late =
        std::ranges::find(events, alerts::EngineEvent::Kind::late, &alerts::EngineEvent::kind);
    REQUIRE(late != events.end());
    CHECK(base::unix_seconds(late->at) == kStart + 2);
    CHECK(desk.differences() == "");
}

TEST_CASE(
    "what is found late is one digest and trips nothing, until it is on time and still burning") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 5);
    desk.clock.advance(300s);  // the gateway was out of reach
    desk.announcer().advance(base::from_unix(kStart + 100));
    REQUIRE(desk.texts("a").size() == 1);
    CHECK(contains(desk.texts("a").at(0), "Late, from while"));
    CHECK(desk.status_of(1) == "1");
    CHECK(desk.audit().last(5).empty());
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    CHECK(desk.differences() == "");
}

TEST_CASE(
    "a silence mutes what is told and not the breaker, unless it says so, and outlives a restart") {
    for (const bool holds_actions : {false, true}) {
        Desk desk{burn_rule("one", 1) + burn_rule("two", 2)};
        desk.row(1, 1, kStart);
        desk.row(2, 1, kStart);
        desk.tick();
        desk.silences().add(
            fmt::format(R"({{"rule": "o*", "for": "10m", "reason": "known", "no_action": {}}})",
                        holds_actions));
        desk.open();
        desk.row(1, 500, kStart + 1);
        desk.row(2, 500, kStart + 1);
        desk.tick();
        desk.take_results(holds_actions ? 1 : 2);
        CHECK(desk.status_of(1) == (holds_actions ? "1" : "3"));
        CHECK(desk.status_of(2) == "3");
        const auto texts = desk.texts("a");
        if (holds_actions) {
            REQUIRE(texts.size() == 1);
            CHECK(contains(texts[0], "two"));
            // What still fires at its end is announced then.
            for (int i = 0; i < 700; ++i) desk.tick();
            CHECK(desk.texts("a").size() == 2);
            CHECK(contains(desk.texts("a").at(1), "one"));
        } else {
            REQUIRE(texts.size() == 2);
            const auto& silenced = contains(texts[0], "Firing: one") ? texts[0] : texts[1];
            CHECK(
                contains(silenced, "It is silenced, but for notices only: the breaker still acts"));
            CHECK(contains(silenced, "is disabled at the gateway"));
        }
    }
}

TEST_CASE("that a notifier is dead is told to those that work") {
    Desk desk{burn_rule("one", 1)};
    desk.self_alerts().set(alerts::SelfAlert::notifier_dead, "a", true, "a cannot be reached");
    desk.tick();
    CHECK(desk.texts("a").empty());
    REQUIRE(desk.texts("b").size() == 1);
    CHECK(contains(desk.texts("b").at(0), "a cannot be reached"));
    desk.self_alerts().set(alerts::SelfAlert::notifier_dead, "b", true, "b cannot be reached");
    desk.tick();
    CHECK(desk.texts("a").size() == 1);  // nobody is left: it waits until one works
    desk.open();
    desk.tick();
    CHECK(desk.texts("a").size() == 1);  // a restart repeats nothing
    CHECK(desk.texts("b").size() == 2);
}

TEST_CASE("what ended is told with its own beginning, not with that of another of the same name") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    auto& self = desk.self_alerts();
    self.set(alerts::SelfAlert::rule_error, "x", true, "x is broken");
    self.set(alerts::SelfAlert::rule_error, "y", true, "y is broken");
    desk.tick();
    self.set(alerts::SelfAlert::rule_error, "x", false, "");
    desk.tick();
    std::vector<std::string> titles;
    while (const auto delivery = desk.outbox().next("b", desk.clock.now())) {
        desk.outbox().begin_attempt(*delivery, desk.clock.now());
        titles.push_back(delivery->mail.message.title);
        notifiers::Outcome arrived;
        arrived.kind = notifiers::Outcome::Kind::ok;
        desk.outbox().finish(delivery->id, arrived, desk.clock.now());
    }
    CAPTURE(fmt::format("{}", fmt::join(titles, " | ")));
    CHECK(std::ranges::count_if(titles, [](const auto& title) {
              return contains(title, "Firing: a rule is not evaluated · y");
          }) == 1);
}
