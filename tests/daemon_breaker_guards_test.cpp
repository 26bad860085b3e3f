#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

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
