#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/failure.h"
#include "daemon_breaker_orders.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

TEST_CASE("a key is to blame whatever of it is counted, and where the rule itself names it") {
    std::string rule;
    const auto rule_of = [](const std::string& what) {
        return fmt::format(
            "  - {{name: burn, {}, window: 1h, above: 5, action: {{disable_channel: {{mode: "
            "live}}}}}}\n",
            what);
    };
    for (const auto* const metric : {"requests", "tokens", "rpm"}) SUBCASE(metric) {
            rule = rule_of(fmt::format("metric: {}, by: [channel]", metric));
        }
    SUBCASE("by") {
        rule = rule_of("metric: requests, by: [channel, token]");
    }
    SUBCASE("where") {
        rule = rule_of("metric: requests, where: {token: [17]}, by: [channel]");
    }
    if (rule.find("rpm") != std::string::npos) rule.replace(rule.find("1h"), 2, "1m");
    Desk desk{rule};
    for (const int channel : {1, 2}) desk.row(channel, 1, kStart);
    desk.second();
    for (const int channel : {1, 2}) {
        for (int i = 0; i < 10; ++i) desk.row(of_key(channel, 17, "ci", 1000));
    }
    desk.second();
    desk.take_results(1);
    CHECK((desk.status_of(1) == "3") != (desk.status_of(2) == "3"));
    CHECK(desk.audit().pending_intents().empty());
}

TEST_CASE("of several that burn the worst goes, and what is refused holds nobody else back") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.config().breaker.settle = 5min;
    for (const int channel : {1, 2, 3}) desk.row(channel, 1, kStart);
    desk.second();
    std::string off;
    SUBCASE("the worst") {
        off = "2";
    }
    SUBCASE("the next, where nobody may switch off the worst") {
        desk.gateway("UPDATE channels SET auto_ban = 0 WHERE id = 2");
        off = "1";
    }
    desk.row(of_key(1, 17, "ci", 2000));
    desk.row(of_key(2, 17, "ci", 3000));
    desk.second();
    desk.take_results(off == "2" ? 1 : 2);
    CHECK(desk.status_of(1) == (off == "1" ? "3" : "1"));
    CHECK(desk.status_of(2) == (off == "2" ? "3" : "1"));
}

TEST_CASE("a key of a protected user stays on, whoever asks") {
    Desk desk{
        "  - {name: key, metric: tokens, by: [token], window: 1h, above: 100, action: "
        "{disable_token: {mode: live}}}\n"};
    desk.config().breaker.protected_users = {4};
    desk.gateway(
        "INSERT INTO tokens(id, user_id, `key`, name, status) VALUES(17, 4, 'k17', 'ci', 1)");
    desk.row(of_key(1, 17, "ci", 1));
    desk.second();
    desk.row(of_key(1, 17, "ci", 1000));
    desk.second();
    desk.take_results(1);
    CHECK(desk.gateway_value("SELECT status FROM tokens WHERE id = 17") == "1");
    CHECK(contains(desk.texts("a").back(), "protected"));
    CHECK(ask(desk, R"({"kind": "token", "token": 17})").at("ok") == false);
    CHECK(desk.gateway_value("SELECT status FROM tokens WHERE id = 17") == "1");
}

TEST_CASE("what a person switched on again is left to them by every series of the rule") {
    Desk desk{
        "  - {name: burn, metric: tokens, by: [channel, model], window: 1h, above: 100, "
        "action: {disable_channel: {mode: live}}}\n"};
    desk.row(1, 1, kStart);
    desk.second();
    desk.row(1, 1000, kStart + 1);
    desk.second();
    desk.take_results(1);
    REQUIRE(desk.status_of(1) == "3");
    desk.gateway(
        "UPDATE channels SET status = 1 WHERE id = 1; "
        "UPDATE abilities SET enabled = 1 WHERE channel_id = 1");
    desk.clock.advance(6s);
    desk.second();
    desk.take_look();
    REQUIRE(!desk.circuit());
    auto entry = Desk::entry_of(1, 1000, kStart + 2);
    entry.model = "another";
    desk.row(entry);
    desk.second();
    CHECK(desk.status_of(1) == "1");
    CHECK(desk.audit().pending_intents().empty());
    CHECK(contains(desk.texts("a").back(), "enabled again"));
}

TEST_CASE("an order from before a restart meets what protects its channel since") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    circuit_breaker::TripRequest request;
    request.trip_id = "left-behind";
    request.target = circuit_breaker::Target::of_channel(1);
    request.mode = circuit_breaker::Mode::live;
    request.rule = "one";
    desk.audit().intend(request, {"b"}, desk.clock.now());
    SUBCASE("protected") {
        desk.config().breaker.protected_channels = {1};
    }
    SUBCASE("the rule is in shadow now") {
        desk.config().rules.front().action->mode = alerts::ActionMode::shadow;
    }
    SUBCASE("or gone") {
        desk.config().rules.clear();
    }
    desk.open();
    desk.desk().resume();
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "1");
    CHECK(desk.audit().pending_intents().empty());
}

TEST_CASE("when and why it was paused and resumed stands in the audit") {
    Desk desk{tokens_rule(kDisableChannel)};
    using Texts = std::vector<std::string>;
    const auto steps = [&] {
        Texts all;
        for (const auto& entry : desk.audit().last(10))
            all.push_back(fmt::format("{} {}: {} ({})", base::unix_seconds(entry.at) - kStart,
                                      entry.step, entry.why, entry.reason));
        return all;
    };
    desk.requests().resume();  // it was not paused
    CHECK(steps().empty());
    desk.requests().pause(R"({"for": "10m", "reason": "a move"})");
    const auto until = desk.config().timezone.format(desk.clock.now() + 10min);
    desk.clock.advance(1s);
    desk.requests().pause("{}");
    desk.clock.advance(1s);
    desk.requests().resume();
    CHECK(steps() == Texts{"2 resumed: a person (a move)",
                           "1 paused: a person, until `quotafuse breaker resume` (a move)",
                           "0 paused: a person, until " + until + " (a move)"});
    CHECK_THROWS_WITH_AS(desk.requests().undo(R"({"trip": ""})"),
                         doctest::Contains("there is no trip"), base::Failure);
}

TEST_CASE("days of rows are read for the guards only where a guard may ask") {
    bool needed = false;
    std::string rules = tokens_rule(kDisableChannel);
    auto mode = circuit_breaker::Mode::live;
    SUBCASE("the breaker is off") {
        mode = circuit_breaker::Mode::off;
    }
    SUBCASE("no rule acts") {
        rules = "  - {name: burn, metric: tokens, by: [channel], window: 1h, above: 100}\n";
    }
    SUBCASE("no rule that acts is enabled") {
        rules =
            "  - {name: burn, enabled: false, metric: tokens, by: [channel], window: 1h, above: "
            "100, action: {disable_channel: {mode: live}}}\n";
    }
    SUBCASE("a key takes no channel from anybody") {
        rules =
            "  - {name: key, metric: tokens, by: [token], window: 1h, above: 100, action: "
            "{disable_token: {mode: live}}}\n";
    }
    SUBCASE("in shadow mode every guard is asked") {
        mode = circuit_breaker::Mode::shadow;
        needed = true;
    }
    SUBCASE("in live mode") {
        needed = true;
    }
    Desk desk{rules};
    desk.config().breaker.mode = mode;
    desk.row(1, 1, kStart);
    desk.second();
    CHECK(desk.desk().needs_traffic() == needed);
}

TEST_CASE("an order of a person has the traffic learnt where no rule acts") {
    Desk desk{"  - {name: burn, metric: tokens, by: [channel], window: 1h, above: 100}\n"};
    sync::Batch many;
    for (std::int64_t id = 1; id <= 7000; ++id) {
        many.entries.push_back(Desk::entry_of(1, 1, kStart - 7000 + id));
        many.entries.back().id = id;
    }
    many.position.cursor = 7000;
    desk.store().append(many, desk.clock.now());
    desk.poll();
    CHECK(!desk.desk().needs_traffic());
    desk.requests().trip(R"({"kind": "channel", "channel": 1, "reason": "x"})");
    CHECK(desk.desk().needs_traffic());
    while (!desk.desk().learn_traffic()) {
    }
    desk.desk().hand_over();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    CHECK(!desk.desk().needs_traffic());
}

TEST_CASE("a breaker that is switched on by a reload begins with the true counts") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.config().breaker.mode = circuit_breaker::Mode::off;
    for (int i = 0; i < 3; ++i) desk.row(1, 1, kStart);
    desk.open();  // nothing is learnt in this life
    for (int i = 0; i < 4; ++i) desk.row(1, 1, kStart + 1);
    const auto served = [&] {
        const auto pairs = desk.store().served(kStart - 100);
        REQUIRE(pairs.size() == 1);
        return pairs[0].requests;
    };
    desk.clock.advance(2s);
    SUBCASE("a new life, as a reload makes it") {
        desk.config().breaker.mode = circuit_breaker::Mode::live;
        desk.open();
    }
    SUBCASE("in the same") {
        desk.config().breaker.mode = circuit_breaker::Mode::live;
    }
    CHECK(desk.desk().needs_traffic());
    while (!desk.desk().learn_traffic()) {
    }
    CHECK(served() == 7);
    desk.row(1, 1, kStart + 2);
    CHECK(served() == 8);
}
