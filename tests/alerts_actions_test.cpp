#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Action;
using alerts::Reason;
using What = alerts::RuleAction::What;

namespace {

/// A rule over 1,000 tokens in five minutes, with these keys more.
std::string burn(const std::string& keys) {
    return "rules:\n  - {name: burn, metric: tokens, window: 5m, above: 1000, " + keys + "}\n";
}

const std::string kByChannel = burn("by: [channel], action: {disable_channel: {mode: live}}");

/// What the first notice asks for, of one request of 5,000 tokens.
std::vector<Action> asked_by(const std::string& keys, const sync::LogEntry& entry) {
    Watchman watchman{burn(keys)};
    watchman.run_to(10);
    watchman.add({entry});
    const auto told = watchman.run_to(11);
    REQUIRE(reasons(told) == std::vector{Reason::first});
    return told.front().actions;
}

sync::LogEntry large(std::int64_t second, std::int64_t channel = 3) {
    return requests(second, 1, 5000, channel).front();
}

Action live(What what) {
    Action action;
    action.what = what;
    action.mode = alerts::ActionMode::live;
    return action;
}

/// How many of the notices ask the breaker for something.
std::size_t acting(const std::vector<alerts::Notice>& notices) {
    return static_cast<std::size_t>(std::ranges::count_if(
        notices, [](const alerts::Notice& notice) { return !notice.actions.empty(); }));
}

}  // namespace

TEST_CASE("an action names the channel of the series, or each that the rule names") {
    CHECK(asked_by("by: [model, channel], action: {disable_channel: {mode: live}}", large(11)) ==
          std::vector{disabling(3)});
    const std::string two = "where: {channel: [4, 3, 4]}, action: {disable_channel: {mode: live}}";
    CHECK(asked_by(two, large(11)) == std::vector{disabling(4), disabling(3)});
    CHECK(asked_by("by: [model], " + two, large(11)) == std::vector{disabling(4), disabling(3)});
    // The series' own channel comes before the list that it is one of.
    CHECK(asked_by("by: [channel], " + two, large(11)) == std::vector{disabling(3)});
}

TEST_CASE("an action on a model names it and its channel") {
    auto expected = live(What::model);
    expected.channel = 3;
    expected.model = "gpt-4o";
    const std::string action = "action: {disable_channel: {mode: live, scope: model}}";
    CHECK(asked_by("by: [channel, model], " + action, large(11)) == std::vector{expected});
    CHECK(asked_by("by: [channel], where: {model: gpt-4o}, " + action, large(11)) ==
          std::vector{expected});
    auto other = expected;
    other.channel = 4;
    CHECK(asked_by("by: [model], where: {channel: [3, 4]}, " + action, large(11)) ==
          std::vector{expected, other});
    CHECK(asked_by("where: {channel: 3, model: gpt-4o}, " + action, large(11)) ==
          std::vector{expected});
}

TEST_CASE("an action on a key names it by its id, or by its owner and name where there is none") {
    auto by_id = live(What::token);
    by_id.token = 12;
    const std::string action = "action: {disable_token: {mode: live}}";
    CHECK(asked_by("by: [channel, token], " + action, large(11)) == std::vector{by_id});
    CHECK(asked_by("where: {token: [12]}, " + action, large(11)) == std::vector{by_id});

    auto of_one_api = large(11);
    of_one_api.token = 0;
    auto by_name = live(What::token);
    by_name.user = 7;
    by_name.token_name = "k1";
    CHECK(asked_by("by: [token], " + action, of_one_api) == std::vector{by_name});
}

TEST_CASE("a gauge of keys acts on the key that it is about") {
    Watchman watchman{
        "rules: [{name: used, metric: token_used_percent, above: 90, action: {disable_token: "
        "{mode: live}}}]"};
    sync::GaugeChange change;
    change.key = {sync::Gauge::token_status, 12};
    change.value = 1;
    watchman.observe({change});
    change.key.gauge = sync::Gauge::token_remaining;
    change.value = 900;
    auto used = change;
    used.key.gauge = sync::Gauge::token_used;
    used.value = 100;
    watchman.observe({change, used});
    watchman.run_to(10);
    change.value = 5;
    used.value = 995;
    watchman.observe({change, used});
    const auto told = watchman.run_to(20);
    REQUIRE(told.size() == 1);
    auto expected = live(What::token);
    expected.token = 12;
    CHECK(told.front().actions == std::vector{expected});
}

TEST_CASE("an action carries what the rule says of the last channel and of the way back") {
    const auto asked = asked_by(
        "by: [channel], action: {disable_channel: {mode: live, even_if_last: true, recover: "
        "{half_open: {wait: 10m, attempts: 50}}}}",
        large(11));
    REQUIRE(asked.size() == 1);
    auto expected = disabling(3, true);
    expected.recover = {
        base::Recovery::Kind::half_open, std::chrono::minutes{10}, base::kDefaultLongest, 50, 2,
        std::chrono::minutes{10}};
    CHECK(asked.front() == expected);
}

TEST_CASE("whether a series still fires is answered by the key that its notices carry") {
    Watchman watchman{kByChannel};
    watchman.run_to(10);
    watchman.add({large(11)});
    const auto told = watchman.run_to(11);
    REQUIRE(told.size() == 1);
    const auto key = told.front().stored_key;
    CHECK(key == R"([[3,""]])");
    const auto fires = [&](std::string_view rule, const std::string& stored) {
        return watchman.engine().is_firing(rule, stored);
    };
    CHECK(fires("burn", key));
    CHECK_FALSE(fires("burn", R"([[4,""]])"));
    CHECK_FALSE(fires("other", key));
    for (const auto* const strange : {"", "[]", "{}", "no json", "[[3]]", R"([[3,"never seen"]])"})
        CHECK_FALSE(fires("burn", strange));
    SUBCASE("until it is over") {
        const auto over = watchman.run_to(400);
        REQUIRE(reasons(over) == std::vector{Reason::resolved});
        CHECK(over.front().stored_key == key);
        CHECK_FALSE(fires("burn", key));
    }
    SUBCASE("after a restart, too") {
        watchman.restart(12);
        CHECK(fires("burn", key));
    }
    SUBCASE("not where the rule is gone, or is about something else now") {
        watchman.change_rules(burn("by: [channel, model]"));
        watchman.restart(12);
        CHECK_FALSE(fires("burn", key));
    }
}

TEST_CASE("a rule without grouping has a key to ask by, a summary of several series has none") {
    Watchman watchman{burn("action: {disable_channel: {}}, where: {channel: 3}")};
    watchman.run_to(10);
    watchman.add({large(11)});
    const auto told = watchman.run_to(11);
    REQUIRE(told.size() == 1);
    CHECK(told.front().stored_key == "[]");
    CHECK(watchman.engine().is_firing("burn", "[]"));

    Watchman several{kByChannel};
    several.mirror().append({large(-100), large(-100, 4)}, at(0));
    several.restart(0);
    const auto summary = several.run_to(1);
    REQUIRE(reasons(summary) == std::vector{Reason::first_look});
    CHECK(summary.front().stored_key.empty());
    CHECK(summary.front().actions.empty());
}

TEST_CASE("channels that a firing rule names to act on are no replacement for others") {
    Watchman watchman{
        burn("where: {channel: [3, 4]}, action: {disable_channel: {}}") +
        "  - {name: sum, metric: tokens, window: 5m, above: 1000, where: {channel: [3, 5]}}\n"
        "  - {name: key, metric: tokens, window: 5m, above: 1000, by: [token], where: {channel: "
        "[3, 5]}, action: {disable_token: {}}}\n"};
    watchman.run_to(10);
    CHECK(watchman.engine().firing_channels().empty());
    watchman.add({large(11)});
    watchman.run_to(11);
    CHECK(watchman.engine().overview().firing == 3);
    CHECK(watchman.engine().firing_channels() == std::set<std::int64_t>{3, 4});
}

TEST_CASE(
    "what a person changes stays: a series that has acted does not act again until it is "
    "over") {
    Watchman watchman{kByChannel};
    watchman.run_to(10);
    watchman.add({large(11)});
    REQUIRE(acting(watchman.run_to(11)) == 1);
    // The value stays over the limit, as it does where a person switched the channel on again.
    const auto burn_on = [&](std::int64_t until) {
        std::size_t acts = 0;
        for (auto t = base::unix_seconds(watchman.engine().time()) - kMonday; t < until;) {
            t += 60;
            watchman.add({large(t)});
            acts += acting(watchman.run_to(t));
        }
        return acts;
    };
    SUBCASE("whatever the reminders say") {
        CHECK(burn_on(3 * 3600) == 0);
    }
    SUBCASE("over a restart") {
        watchman.restart(12);
        CHECK(burn_on(2 * 3600) == 0);
    }
    SUBCASE("over a kill that forgot the seconds since") {
        watchman.add({large(60)});
        watchman.engine().advance(at(70));
        watchman.restart(70);
        CHECK(burn_on(2 * 3600) == 0);
    }
    SUBCASE("over a reload, also with another action") {
        watchman.change_rules(
            burn("by: [channel], action: {disable_channel: {mode: live, even_if_last: true}}"));
        watchman.restart(12);
        CHECK(burn_on(2 * 3600) == 0);
    }
    SUBCASE("over a time without an action") {
        watchman.change_rules(burn("by: [channel]"));
        watchman.restart(12);
        CHECK(burn_on(1800) == 0);
        watchman.change_rules(kByChannel);
        watchman.restart(1800);
        CHECK(burn_on(2 * 3600) == 0);
    }
    SUBCASE("over a silence that held actions") {
        alerts::Silence silence;
        silence.rule = "burn";
        silence.holds_actions = true;
        silence.from = at(20);
        silence.until = at(1200);
        watchman.silence(silence);
        CHECK(burn_on(2 * 3600) == 0);
    }
    CHECK(watchman.engine().overview().firing == 1);
    const auto now = base::unix_seconds(watchman.engine().time()) - kMonday;
    REQUIRE(reasons(watchman.run_to(now + 300)).back() == Reason::resolved);
    watchman.add({large(now + 301)});
    CHECK(acting(watchman.run_to(now + 301)) == 1);  // a new episode
}

TEST_CASE("an action that a rule is given while it fires is asked for at once, and once") {
    Watchman watchman{burn("by: [channel]")};
    watchman.run_to(10);
    watchman.add({large(11)});
    REQUIRE(acting(watchman.run_to(11)) == 0);
    watchman.change_rules(kByChannel);
    watchman.restart(12);
    const auto asked = watchman.run_to(13);
    REQUIRE(reasons(asked) == std::vector{Reason::action});
    CHECK(asked.front().actions == std::vector{disabling(3)});
    CHECK(acting(watchman.run_to(300)) == 0);
}

TEST_CASE("a series that has acted outside the active hours does not act again when they begin") {
    Watchman watchman{
        burn("by: [channel], active_hours: {between: [\"01:00-02:00\"]}, action: "
             "{disable_channel: {mode: live}, always: true}")};
    watchman.run_to(10);
    watchman.add({large(3500)});
    REQUIRE(acting(watchman.run_to(3500)) == 1);
    CHECK(acting(watchman.run_to(3700)) == 0);
    CHECK(watchman.engine().overview().firing == 1);
}

TEST_CASE("a held action is asked for once when nothing holds it any more") {
    Watchman watchman{
        burn("by: [channel], active_hours: {between: [\"01:00-02:00\"]}, action: "
             "{disable_channel: {mode: live}}")};
    watchman.run_to(10);
    watchman.add({large(3500)});
    CHECK(acting(watchman.run_to(3599)) == 0);
    const auto begin = watchman.run_to(3600);
    REQUIRE(begin.size() == 1);
    CHECK(begin.front().actions == std::vector{disabling(3)});
    CHECK(acting(watchman.run_to(3799)) == 0);
}

TEST_CASE("an action that was put on record too late is asked for again, all of it, no other is") {
    const std::string named =
        "  - {name: named, metric: tokens, window: 5m, above: 4000, where: {channel: [3, 5]}, "
        "action: {disable_channel: {mode: live}}}\n";
    Watchman watchman{kByChannel + named};
    watchman.run_to(10);
    watchman.add({large(11)});
    watchman.add({large(50, 4)});
    auto step = watchman.engine().advance(at(60));
    REQUIRE(acting(step.notices) == 3);
    watchman.engine().take_back_actions(step, at(40));
    REQUIRE(step.notices.size() == 3);
    CHECK(acting(step.notices) == 1);
    for (const auto& notice : step.notices) {
        CHECK(notice.late == (notice.at == at(11)));
        if (!notice.late) CHECK(notice.actions == std::vector{disabling(4)});
    }
    watchman.save(step);
    SUBCASE("in this life") {}
    SUBCASE("in the next one") {
        watchman.restart(60);
    }
    const auto again = watchman.run_to(65);
    CHECK(reasons(again) == std::vector{Reason::action, Reason::action});
    REQUIRE(acting(again) == 2);
    const bool burn_first = again.front().rule == "burn";
    CHECK(again[burn_first ? 0 : 1].actions == std::vector{disabling(3)});
    CHECK(again[burn_first ? 1 : 0].actions == std::vector{disabling(3), disabling(5)});
    CHECK(watchman.run_to(200).empty());
}
