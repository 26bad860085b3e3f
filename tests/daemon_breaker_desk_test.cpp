#include <algorithm>
#include <set>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/failure.h"
#include "daemon_breaker_orders.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

TEST_CASE("a leaked key that burns through many channels costs one of them, and is named") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.config().breaker.max_open = 10;
    for (const int channel : {4, 5, 6}) {
        desk.gateway(fmt::format(
            "INSERT INTO channels(id, name, `key`, status) VALUES({0}, 'c{0}', 'sk', 1); INSERT "
            "INTO abilities(`group`, model, channel_id, enabled) VALUES('default', 'm', {0}, 1)",
            channel));
    }
    for (const int channel : {1, 2, 3, 4, 5, 6}) desk.row(channel, 1, kStart);
    desk.second();
    for (const int channel : {1, 2, 3, 4, 5}) desk.row(of_key(channel, 17, "ci", 1000));
    desk.second();
    desk.take_results(1);
    int off = 0;
    for (const int channel : {1, 2, 3, 4, 5, 6}) off += desk.status_of(channel) == "3" ? 1 : 0;
    CHECK(off == 1);
    const auto texts = desk.texts("a");
    REQUIRE(texts.size() == 5);
    for (const auto& text : texts) CHECK(contains(text, "ci (alice)"));
    CHECK(std::ranges::count_if(texts, [](const auto& text) {
              return contains(text, "quotafuse breaker trip --token 17");
          }) == 5);
    // Nor one a little later, by whatever rule.
    desk.row(of_key(6, 17, "ci", 1000));
    desk.second();
    CHECK(desk.status_of(6) == "1");
    CHECK(desk.audit().pending_intents().empty());
}

TEST_CASE("a rule may switch off the key itself") {
    Desk desk{
        "  - {name: key, metric: tokens, by: [token], window: 1h, above: 100, action: "
        "{disable_token: {mode: live}}}\n"};
    desk.gateway(
        "INSERT INTO tokens(id, user_id, `key`, name, status) VALUES(17, 4, 'k17', 'ci', 1), "
        "(18, 4, 'k18', 'web', 1)");
    desk.row(of_key(1, 17, "ci", 1));
    desk.second();
    desk.row(of_key(1, 17, "ci", 1000));
    desk.second();
    desk.take_results(1);
    CHECK(desk.gateway_value("SELECT status FROM tokens WHERE id = 17") == "2");
    CHECK(desk.gateway_value("SELECT status FROM tokens WHERE id = 18") == "1");
    CHECK(desk.status_of(1) == "1");
    CHECK(contains(desk.texts("a").back(), "Key 17 (ci)"));
    // Its owner switches it on again.
    desk.gateway("UPDATE tokens SET status = 1 WHERE id = 17");
    desk.clock.advance(10s);
    desk.second();
    desk.take_look();
    CHECK(!desk.circuit());
    CHECK(contains(desk.texts("a").back(), "Key 17 (ci)"));
    CHECK(desk.texts("a").size() == 2);
}

namespace {

constexpr auto* kErrorsRule =
    "  - {name: errors, metric: errors, by: [channel], window: 1m, above: 3, action: "
    "{disable_channel: {mode: live}}}\n";

/// Channels 11 to 19 by threes in the groups a, b and c, beside those that the desk has.
void add_groups(Desk& desk) {
    for (int channel = 11; channel < 20; ++channel) {
        const char group = static_cast<char>('a' + (channel - 11) / 3);
        desk.gateway(fmt::format(
            "INSERT INTO channels(id, name, `key`, status) VALUES({0}, 'c{0}', 'sk', 1); "
            "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('{1}', 'm', {0}, 1)",
            channel, group));
        auto entry = Desk::entry_of(channel, 1, kStart);
        entry.group = std::string(1, group);
        desk.row(entry);
    }
}

/// How many channels the gateway has left for the group's model, by both tables.
std::string left_for(Desk& desk, char group) {
    return desk.gateway_value(
        fmt::format("SELECT count(*) FROM abilities JOIN channels ON id = channel_id "
                    "WHERE abilities.`group` = '{}' AND model = 'm' AND enabled = 1 AND status = 1",
                    group));
}

void fail(Desk& desk, int channel) {
    for (int i = 0; i < 5; ++i) desk.error(channel);
}

}  // namespace

TEST_CASE("a whole upstream down: every group keeps a channel, and one message tells it all") {
    Desk desk{kErrorsRule};
    desk.config().breaker.max_open = 100;
    desk.config().breaker.max_per_hour = 100;
    SUBCASE("the last usable one is told from those that fail as well") {}
    SUBCASE("some are held back by a limit before that") {
        desk.config().breaker.max_open = 2;
    }
    add_groups(desk);
    desk.second();
    for (int channel = 11; channel < 20; ++channel) fail(desk, channel);
    desk.second();
    desk.take_results(desk.audit().pending_intents().size());
    for (const char group : {'a', 'b', 'c'}) CHECK(left_for(desk, group) == "3");
    const auto texts = desk.texts("a");
    REQUIRE(texts.size() == 9);
    for (const auto& text : texts) CHECK(contains(text, "stays enabled"));
    // They go out as one, as soon as the last is judged.
    const auto delivery = desk.outbox().next("a", desk.clock.now());
    REQUIRE(delivery);
    CHECK(delivery->letters.size() == 9);
}

TEST_CASE("an upstream that goes down channel by channel: every group keeps one") {
    Desk desk{kErrorsRule};
    desk.config().breaker.max_open = 100;
    desk.config().breaker.max_per_hour = 100;
    add_groups(desk);
    desk.second();
    for (const int channel : {11, 14, 17, 12, 15, 18, 13, 16, 19}) {
        fail(desk, channel);
        desk.second();
        desk.take_results(1);
    }
    for (const char group : {'a', 'b', 'c'}) CHECK(left_for(desk, group) == "1");
}

TEST_CASE("several channels that a rule names are tripped by one alert, and told in one message") {
    Desk desk{
        "  - {name: both, metric: tokens, where: {channel: [1, 2]}, window: 1h, above: 100, "
        "action: {disable_channel: {mode: live}}}\n"};
    desk.row(1, 1, kStart);
    desk.row(3, 1, kStart);
    desk.second();
    desk.row(1, 1000, kStart + 1);
    desk.second();
    desk.take_results(2);
    CHECK(desk.status_of(1) == "3");
    CHECK(desk.status_of(2) == "3");
    CHECK(desk.status_of(3) == "1");
    REQUIRE(desk.texts("a").size() == 1);
    CHECK(contains(desk.texts("a").front(), "Channel 1 (c1) is disabled"));
    CHECK(contains(desk.texts("a").front(), "Channel 2 (c2) is disabled"));
}

TEST_CASE("no second trip among the same models until the first has taken effect") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.config().breaker.settle = 5min;
    for (const int channel : {1, 2, 3}) desk.row(channel, 1, kStart);
    desk.second();
    desk.row(1, 1000, kStart + 1);
    desk.second();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
    desk.row(2, 1000, kStart + 2);
    desk.second();
    desk.take_results(1);
    CHECK(desk.status_of(2) == "1");
    CHECK(contains(desk.texts("a").back(), "stays enabled"));
}

TEST_CASE("rows that are too old trip nothing") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    desk.row(1, 1000, kStart + 1);
    desk.clock.advance(30s);  // not read since
    desk.config().breaker.max_lag = 20s;
    desk.announcer().advance(desk.clock.now());
    CHECK(desk.status_of(1) == "1");
    REQUIRE(desk.texts("a").size() == 1);
    CHECK(contains(desk.texts("a").front(), "stays enabled"));
    CHECK(desk.audit().pending_intents().empty());
}

TEST_CASE("trips and returns by hand") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    const auto before = desk.gateway_contents();
    auto answered = ask(desk, R"({"kind": "channel", "channel": 1, "dry_run": true})");
    CHECK(answered.at("ok") == true);
    CHECK(answered.at("outcome") == "would_trip");
    CHECK(desk.gateway_contents() == before);
    CHECK(desk.audit().last(10).empty());
    CHECK(desk.texts("a").empty());

    answered = ask(desk, R"({"kind": "channel", "channel": 1, "reason": "looks ill"})");
    CHECK(answered.at("outcome") == "tripped");
    CHECK(desk.status_of(1) == "3");
    CHECK(contains(desk.texts("a").at(0), "looks ill"));
    answered = ask(desk, R"({"kind": "channel", "channel": 1})");
    CHECK(answered.at("ok") == false);
    CHECK(contains(answered.at("text").get<std::string>(), "already off by quotafuse"));

    answered = restore(desk, R"({"kind": "channel", "channel": 1, "dry_run": true})");
    CHECK(answered.at("outcome") == "would_be");
    CHECK(desk.status_of(1) == "3");
    const auto trip = desk.circuit()->trip_id;
    answered = restore(desk, Json{{"trip", trip}}.dump());
    CHECK(answered.at("outcome") == "done");
    CHECK(desk.gateway_contents() == before);
    CHECK(!desk.circuit());
    CHECK_THROWS_AS(desk.requests().restore(Json{{"trip", trip}}.dump()), base::Failure);

    // The return is undone, and that, too.
    auto id = Json::parse(desk.requests().undo(Json{{"trip", trip}}.dump())).at("id");
    desk.take_results(1);
    CHECK(answer(desk, id).at("outcome") == "tripped");
    CHECK(desk.status_of(1) == "3");
    id = Json::parse(desk.requests().undo(Json{{"trip", desk.circuit()->trip_id}}.dump())).at("id");
    desk.take_results(1);
    CHECK(answer(desk, id).at("outcome") == "done");
    CHECK(desk.gateway_contents() == before);
}

TEST_CASE("nobody's order goes round the mode, a pause or a protected channel") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    const auto before = desk.gateway_contents();
    const auto told = [&] {
        const auto texts = desk.texts("a");
        REQUIRE(texts.size() == 1);
        CHECK(contains(texts[0], "Channel 1"));
        return texts[0];
    };
    SUBCASE("shadow") {
        desk.config().breaker.mode = circuit_breaker::Mode::shadow;
        CHECK(ask(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "would_trip");
    }
    SUBCASE("off") {
        desk.config().breaker.mode = circuit_breaker::Mode::off;
        CHECK(ask(desk, R"({"kind": "channel", "channel": 1})").at("ok") == false);
    }
    SUBCASE("paused") {
        desk.requests().pause(R"({"reason": "a move"})");
        const auto answered = ask(desk, R"({"kind": "channel", "channel": 1})");
        CHECK(contains(answered.at("text").get<std::string>(), "a move"));
        CHECK(contains(told(), "stays enabled: the breaker is paused (a move)"));
    }
    SUBCASE("protected") {
        desk.config().breaker.protected_channels = {1};
        CHECK(ask(desk, R"({"kind": "channel", "channel": 1})").at("outcome") == "refused");
        CHECK(contains(told(), "stays enabled: protected"));
    }
    SUBCASE("not there") {
        CHECK(ask(desk, R"({"kind": "channel", "channel": 999})").at("outcome") == "refused");
        CHECK(contains(desk.texts("a").at(0), "Channel 999 was not tripped: not found"));
    }
    CHECK(desk.gateway_contents() == before);
}

TEST_CASE("requests that mean nothing are refused in words") {
    Desk desk{tokens_rule(kDisableChannel)};
    for (const auto* const request :
         {"", "[]", "{}", R"({"kind": "channel"})", R"({"kind": "channel", "channel": -1})",
          R"({"kind": "channel", "channel": "1"})", R"({"kind": "model", "channel": 1})",
          R"({"kind": "token"})", R"({"kind": "token", "token": 1e99})",
          R"({"kind": "channel", "channel": 1, "dry_run": "yes"})"}) {
        CAPTURE(request);
        CHECK_THROWS_AS(desk.requests().trip(request), base::Failure);
    }
    CHECK_THROWS_AS(desk.requests().undo(R"({"trip": "nothing"})"), base::Failure);
    CHECK_THROWS_AS(desk.requests().result(R"({"id": "nothing"})"), base::Failure);
    CHECK_THROWS_AS(desk.requests().pause(R"({"for": "soon"})"), base::Failure);
    CHECK(desk.audit().last(10).empty());
}

TEST_CASE("what became of an order by hand is told after a restart, too") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    const auto ordered = [&](const std::string& answer) {
        return Json::parse(answer).at("id").get<std::string>();
    };
    const std::string target = R"({"kind": "channel", "channel": 1, "reason": "x")";
    const auto dry = ordered(desk.requests().trip(target + R"(, "dry_run": true})"));
    desk.take_results(1);
    const auto id = ordered(desk.requests().trip(target + "}"));
    desk.take_results(1);
    const auto before = answer(desk, id);
    CHECK(before.at("outcome") == "tripped");
    desk.open();
    desk.desk().resume();
    CHECK(answer(desk, id) == before);
    CHECK_THROWS_AS(answer(desk, dry), base::Failure);  // it left no trace
    CHECK_THROWS_AS(answer(desk, "t-none"), base::Failure);

    // Asked for, and not answered before the restart.
    const auto back = ordered(desk.requests().restore(target + "}"));
    desk.open();
    CHECK(answer(desk, back).at("done") == false);
    desk.recovery().resume();
    CHECK(answer(desk, back).at("done") == false);
    desk.second();
    desk.take_results(1);
    const auto given = answer(desk, back);
    CHECK(given.at("outcome") == "done");
    desk.open();
    CHECK(answer(desk, back) == given);
}

TEST_CASE("an order waits while the traffic of a big store is counted, and then goes out") {
    Desk desk{tokens_rule(kDisableChannel)};
    for (int i = 0; i < 3; ++i) desk.row(1, 1, kStart);
    sync::Batch many;
    for (std::int64_t id = 1; id <= 7000; ++id) {
        many.entries.push_back(Desk::entry_of(1, 1, kStart - 7000 + id));
        many.entries.back().id = 1000 + id;
    }
    many.position.cursor = 8000;
    desk.store().append(many, desk.clock.now());
    desk.open();
    desk.second();
    desk.requests().trip(R"({"kind": "channel", "channel": 1, "reason": "x"})");
    desk.desk().hand_over();
    CHECK(desk.news_waiting() == 0);
    CHECK(desk.status_of(1) == "1");
    int steps = 0;
    while (!desk.desk().learn_traffic()) ++steps;
    CHECK(steps < 10);
    desk.desk().hand_over();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
}

TEST_CASE("the reason of a person's order is in the language of the site but for their own words") {
    Desk desk{tokens_rule(kDisableChannel)};
    desk.row(1, 1, kStart);
    desk.second();
    std::string reason = "by hand: looks ill";
    SUBCASE("English") {
        desk.config().language = Language::english;
    }
    SUBCASE("Chinese") {
        desk.config().language = Language::chinese;
        reason = "人工：looks ill";
    }
    ask(desk, R"({"kind": "channel", "channel": 1, "reason": "looks ill"})");
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->reason == reason);
    const auto escaped = Json(reason).dump(-1, ' ', true);
    CHECK(
        contains(desk.gateway_contents(), "[quotafuse] " + escaped.substr(1, escaped.size() - 2)));
}

TEST_CASE("two daemons with one alert of one second do not take each other's trip for their own") {
    std::set<std::string> ids;
    for (const std::uint64_t seed : {1U, 2U}) {
        Desk desk{tokens_rule(kDisableChannel), seed};
        desk.row(1, 1, kStart);
        desk.second();
        desk.row(1, 1000, kStart + 1);
        desk.second();
        desk.take_results(1);
        REQUIRE(desk.circuit());
        ids.insert(desk.circuit()->trip_id);
        const auto by_hand = desk.requests().trip(
            R"({"kind": "channel", "channel": 2, "reason": "x", "even_if_last": true})");
        ids.insert(Json::parse(by_hand).at("id").get<std::string>());
        desk.take_results(1);
    }
    CHECK(ids.size() == 4);
}
