#include <doctest/doctest.h>

#include "alerts/silence.h"
#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Condition;
using alerts::Dimension;
using alerts::KeyName;
using alerts::Reason;
using alerts::Silence;
using alerts::Term;

namespace {

const std::vector<KeyName> kKey{{Dimension::channel, 3, "", "3 (azure-eu)"},
                                {Dimension::token, 12, "", "batch (night) (alice)"},
                                {Dimension::model, std::nullopt, "gpt-4o", "gpt-4o"}};

Term id(std::int64_t value, bool negated = false) {
    return {negated, value, {}};
}
Term named(std::string pattern, bool negated = false) {
    return {negated, std::nullopt, std::move(pattern)};
}

/// From second 10 up to 100.
Silence about(alerts::Where where, std::string rule = "burn") {
    Silence silence;
    silence.rule = std::move(rule);
    silence.where = std::move(where);
    silence.from = at(10);
    silence.until = at(100);
    silence.reason = "known";
    return silence;
}

bool holds(const Silence& silence) {
    return alerts::silences(silence, "burn", kKey, at(50));
}

const std::string kBurn = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 1m
    above: 1000
    action: {disable_channel: {mode: live}}
)";

}  // namespace

TEST_CASE("a silence holds from its beginning up to its end, for the rules that its name means") {
    const auto silence = about({});
    CHECK_FALSE(alerts::silences(silence, "burn", kKey, at(9)));
    CHECK(alerts::silences(silence, "burn", kKey, at(10)));
    CHECK(alerts::silences(silence, "burn", {}, at(99)));
    CHECK_FALSE(alerts::silences(silence, "burn", kKey, at(100)));
    CHECK_FALSE(alerts::silences(silence, "burn-more", kKey, at(50)));
    CHECK(alerts::silences(about({}, "burn*"), "burn-more", kKey, at(50)));
    CHECK(alerts::silences(about({}, "*"), "source-stale", {}, at(50)));
}

TEST_CASE("a silence is about the series that every one of its conditions matches") {
    CHECK(holds(about({{Dimension::channel, {id(3)}}})));
    CHECK_FALSE(holds(about({{Dimension::channel, {id(4)}}})));
    CHECK(holds(about({{Dimension::channel, {named("azure-*")}}})));
    CHECK_FALSE(holds(about({{Dimension::channel, {named("azure-us")}}})));
    CHECK(holds(about({{Dimension::channel, {id(4), named("azure-eu")}}})));
    CHECK_FALSE(holds(about({{Dimension::channel, {named("azure-*"), id(3, true)}}})));
    CHECK(holds(about({{Dimension::channel, {named("openai*", true)}}})));
    CHECK(holds(about({{Dimension::model, {named("gpt-4*")}}})));
    CHECK(holds(about({{Dimension::channel, {id(3)}}, {Dimension::model, {named("gpt-4o")}}})));
    CHECK_FALSE(
        holds(about({{Dimension::channel, {id(3)}}, {Dimension::model, {named("claude*")}}})));
}

TEST_CASE("a token is meant by its name, with or without its owner") {
    CHECK(holds(about({{Dimension::token, {named("batch (night)")}}})));
    CHECK(holds(about({{Dimension::token, {named("batch (night) (alice)")}}})));
    CHECK_FALSE(holds(about({{Dimension::token, {named("night")}}})));
    CHECK(holds(about({{Dimension::token, {id(12)}}})));
}

TEST_CASE("a condition on what a series has not in its key silences nothing") {
    CHECK_FALSE(holds(about({{Dimension::user, {id(7)}}})));
    CHECK_FALSE(holds(about({{Dimension::user, {id(7, true)}}})));
    CHECK_FALSE(alerts::silences(about({{Dimension::channel, {id(3)}}}), "burn", {}, at(50)));
}

TEST_CASE("a silence is the same after it was written and read") {
    auto silence = about({{Dimension::channel, {id(3), named("az\"ure-*", true)}},
                          {Dimension::code, {named("rate_*")}}});
    silence.id = 17;
    silence.holds_actions = true;
    CHECK(alerts::silence_from_json(alerts::to_json(silence)) == silence);
    CHECK_FALSE(alerts::silence_from_json("{}"));
    CHECK_FALSE(alerts::silence_from_json("[]"));
    CHECK_FALSE(alerts::silence_from_json("not json"));
    auto unknown = alerts::to_json(silence);
    unknown.replace(unknown.find("\"code\""), 6, "\"mood\"");
    CHECK_FALSE(alerts::silence_from_json(unknown));
    silence.reason = "\xff";  // bytes of a terminal are not always text
    CHECK(alerts::silence_from_json(alerts::to_json(silence))->reason == "\xef\xbf\xbd");
}

TEST_CASE("silences are stored with an id of their own, end once, and are forgotten in the end") {
    Mirror mirror;
    auto& file = mirror.database();
    const auto one = alerts::add_silence(file, about({}));
    const auto two = alerts::add_silence(file, about({{Dimension::channel, {id(3)}}}, "other"));
    CHECK(one != two);
    auto all = alerts::load_silences(file.handle(), at(50));
    REQUIRE(all.size() == 2);
    CHECK(all[0].id == one);
    CHECK(all[1].rule == "other");
    CHECK(all[1].where.size() == 1);
    CHECK(alerts::end_silence(file, one, at(60)));
    CHECK_FALSE(alerts::end_silence(file, one, at(61)));
    CHECK_FALSE(alerts::end_silence(file, 999, at(61)));
    CHECK(alerts::load_silences(file.handle(), at(59)).front().until == at(60));
    CHECK(alerts::load_silences(file.handle(), at(60)).size() == 1);
    CHECK(alerts::load_silences(file.handle(), at(100)).empty());
    CHECK_FALSE(alerts::prune_history(file, at(1000), 10));
    CHECK(alerts::load_silences(file.handle(), at(0)).empty());
    CHECK(alerts::add_silence(file, about({})) > two);  // an id never comes back
}

TEST_CASE(
    "the engine holds notices of silenced series only, and tells what still fires at the end") {
    Watchman watchman{kBurn};
    watchman.run_to(5);
    auto silence = about({{Dimension::channel, {named("azure-eu")}}});
    silence.holds_actions = true;
    watchman.silence(silence);
    watchman.add(requests(11, 1, 5000, 3));
    watchman.add(requests(11, 1, 5000, 4));
    const auto other = watchman.run_to(20);
    REQUIRE(other.size() == 1);
    CHECK(other.front().key.front().id == 4);
    const auto alerts = watchman.engine().overview().alerts;
    REQUIRE(alerts.size() == 2);
    CHECK(alerts[0].silenced == (alerts[0].key.front().id == 3));
    CHECK(alerts[1].silenced == (alerts[1].key.front().id == 3));
    SUBCASE("at the end of the silence") {
        watchman.add(requests(60, 1, 5000, 3));
        watchman.run_to(99);
        const auto told = watchman.run_to(100);
        REQUIRE(told.size() == 1);
        CHECK(told.front().reason == Reason::first);
        CHECK(told.front().since == at(11));
        CHECK(told.front().actions == std::vector{disabling(3)});
    }
    SUBCASE("or when a person ends it, after a restart too") {
        watchman.restart(20);
        CHECK(watchman.run_to(30).empty());
        CHECK(watchman.end_silence(1));
        CHECK(reasons(watchman.run_to(31)) == std::vector{Reason::first});
    }
}

TEST_CASE("a silence of notices only says that the breaker acts") {
    Watchman watchman{kBurn};
    watchman.run_to(9);
    watchman.silence(about({}));
    watchman.add(requests(11, 1, 5000, 3));
    const auto acted = watchman.run_to(20);
    REQUIRE(acted.size() == 1);
    CHECK(acted.front().reason == Reason::action);
    CHECK(acted.front().action_goes_on);
    CHECK(acted.front().actions == std::vector{disabling(3)});
    CHECK(watchman.run_to(80).empty());  // it came and went, and nobody was told of it
}

TEST_CASE("a silence that begins later holds from then on") {
    Watchman watchman{kBurn};
    watchman.run_to(5);
    watchman.silence(about({}));
    watchman.add(requests(6, 1, 5000, 3));
    CHECK(reasons(watchman.run_to(9)) == std::vector{Reason::first});
    CHECK(watchman.run_to(99).empty());  // over at 66
    CHECK(reasons(watchman.run_to(100)) == std::vector{Reason::resolved});
}
