#include <doctest/doctest.h>

#include "alerts/rule_action.h"
#include "alerts_rules_fixture.h"

using namespace quotafuse;
using alerts::ActionMode;
using alerts::RuleAction;
using base::Recovery;
using What = alerts::RuleAction::What;
using namespace std::chrono_literals;
using tests::faults;
using tests::Lines;
using tests::load;

namespace {

const std::string kHead =
    "rules:\n  - {name: a, metric: tokens, window: 1h, above: 10, by: [channel, model, token],\n"
    "action: ";

/// The faults of an action, from its own line on: it begins in column 9.
Lines of(const std::string& action) {
    return faults(kHead + action + "}\n");
}

RuleAction action_of(const std::string& action) {
    return load(kHead + action + "}\n").at(0).action.value();
}

Recovery recovery_of(const std::string& recover) {
    const auto action = action_of("{disable_channel: {recover: " + recover + "}}");
    CHECK(action.what == What::channel);
    return action.recover;
}

/// The faults of a rule that is well but for these keys, which begin in line 6.
Lines with(const std::string& keys) {
    return tests::faults_with(keys);
}

alerts::Rule rule_with(const std::string& keys) {
    return load("rules: [{name: a, " + keys + "}]").at(0);
}

}  // namespace

TEST_CASE("every form of an action loads, and what is left out has its default") {
    CHECK(action_of("{disable_channel: {}}") == RuleAction{});
    CHECK(action_of("{disable_channel: {scope: channel, mode: shadow, recover: manual}}") ==
          RuleAction{});
    CHECK(action_of("{disable_channel: {scope: model, even_if_last: true}, always: true}") ==
          RuleAction{.what = What::model, .even_if_last = true, .always = true});
    CHECK(action_of("{disable_token: {}}") == RuleAction{.what = What::token});
    CHECK(action_of("{disable_token: {mode: shadow, recover: {after: 1h}}}").recover ==
          Recovery{.kind = Recovery::Kind::after, .wait = 1h});
    CHECK(action_of("{disable_channel: {scope: model, recover: {until: tomorrow}}}").recover ==
          Recovery{.kind = Recovery::Kind::tomorrow});
    alerts::LoadContext live;
    live.ceiling = ActionMode::live;
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules("a.yaml", kHead + "{disable_token: {mode: live}}}\n", live,
                                         diagnostics);
    CHECK(Lines{diagnostics.lines()} == Lines{});
    CHECK(set.rules.at(0).action == RuleAction{.what = What::token, .mode = ActionMode::live});
}

TEST_CASE("every way back loads, at the ends of its ranges too") {
    using Kind = Recovery::Kind;
    CHECK(recovery_of("manual") == Recovery{});
    CHECK(recovery_of("\"manual\"") == Recovery{});
    CHECK(recovery_of("{after: 1m}") == Recovery{.kind = Kind::after, .wait = 1min});
    CHECK(recovery_of("{after: 30d}") == Recovery{.kind = Kind::after, .wait = 720h});
    CHECK(recovery_of("{until: tomorrow}") == Recovery{.kind = Kind::tomorrow});
    CHECK(recovery_of("{until: next_month}") == Recovery{.kind = Kind::next_month});
    CHECK(recovery_of("{half_open: {}}") ==
          Recovery{Kind::half_open, base::kDefaultWait, base::kDefaultLongest, 20, 2, 10min});
    CHECK(recovery_of("{half_open: {wait: 2m, longest: 2m, attempts: 5, max_errors: 4, probe_time: "
                      "1m}}") == Recovery{Kind::half_open, 2min, 2min, 5, 4, 1min});
    CHECK(recovery_of("{half_open: {wait: 1d, longest: 7d, attempts: 1000, max_errors: 999, "
                      "probe_time: 1d}}") == Recovery{Kind::half_open, 24h, 168h, 1000, 999, 24h});
    CHECK(recovery_of("{half_open: {max_errors: 0}}").most_errors == 0);
    // A first wait that is longer than the usual longest one is the longest then.
    CHECK(recovery_of("{half_open: {wait: 8h}}").longest == 8h);
    CHECK(recovery_of("{half_open: {attempts: 5}}").most_errors == 2);
}

TEST_CASE("an action is about a channel or a key, one of them") {
    CHECK(of("{always: true}") ==
          Lines{"a.yaml:3:9: action needs disable_channel or disable_token"});
    CHECK(of("{}") == Lines{"a.yaml:3:9: action needs disable_channel or disable_token"});
    CHECK(of("shadow") ==
          Lines{"a.yaml:3:9: action must be a map of keys and values, not 'shadow'"});
    CHECK(of("{disable_token: {}, disable_channel: {}}") ==
          Lines{"a.yaml:3:46: an action disables a channel or a key, not both: make two rules"});
    CHECK(of("{disable_channel: {}, disable_token: {}}") ==
          Lines{"a.yaml:3:46: an action disables a channel or a key, not both: make two rules"});
    CHECK(of("{disable_chanel: {}}") ==
          Lines{"a.yaml:3:9: action needs disable_channel or disable_token",
                "a.yaml:3:10: unknown key 'disable_chanel' in action; did you mean "
                "'disable_channel'?"});
    CHECK(of("{disable_token: live}") ==
          Lines{"a.yaml:3:25: disable_token must be a map of keys and values, not 'live'"});
}

TEST_CASE("what an action is asked that it does not know is told at its place") {
    CHECK(of("{disable_channel: {mode: off}}") ==
          Lines{"a.yaml:3:34: mode must be one of shadow, live, not 'off'"});
    CHECK(of("{disable_channel: {scope: key}}") ==
          Lines{"a.yaml:3:35: scope must be one of channel, model, not 'key'"});
    CHECK(of("{disable_token: {scope: model, even_if_last: true}}") ==
          Lines{"a.yaml:3:26: unknown key 'scope' in disable_token; known are mode, recover",
                "a.yaml:3:40: unknown key 'even_if_last' in disable_token; known are mode, "
                "recover"});
    CHECK(of("{disable_channel: {mode: live}}") ==
          Lines{"a.yaml:3:34: warning: mode is live, but breaker.mode is shadow: nothing will be "
                "disabled"});
    CHECK(of("{disable_token: {mode: live}}") ==
          Lines{"a.yaml:3:32: warning: mode is live, but breaker.mode is shadow: nothing will be "
                "disabled"});
}

TEST_CASE("a way back that there is not is refused, with those that there are") {
    const auto recover = [](const std::string& text) {
        return of("{disable_channel: {recover: " + text + "}}");  // in column 37
    };
    const std::string known =
        "a.yaml:3:37: recover must be manual, {after: 30m}, {until: tomorrow}, {until: "
        "next_month} or {half_open: {}}, not ";
    CHECK(recover("30m") == Lines{known + "'30m'"});
    CHECK(recover("half_open") == Lines{known + "'half_open'"});
    CHECK(recover("[manual]") == Lines{known + "a list"});
    CHECK(recover("") == Lines{known + "nothing"});
    CHECK(recover("{}") == Lines{"a.yaml:3:37: recover needs after, until or half_open; without "
                                 "them it is manual"});
    CHECK(recover("{after: 1h, until: tomorrow}") ==
          Lines{"a.yaml:3:49: recover takes one of after, until and half_open"});
    CHECK(recover("{half_open: {}, until: tomorrow, after: 1h}") ==
          Lines{"a.yaml:3:53: recover takes one of after, until and half_open"});
    CHECK(recover("{afer: 1h}") ==
          Lines{"a.yaml:3:38: unknown key 'afer' in recover; did you mean 'after'?"});
    CHECK(recover("{after: 59s}") == Lines{"a.yaml:3:45: after must be from 1m to 30d, not '59s'"});
    CHECK(recover("{after: 31d}") == Lines{"a.yaml:3:45: after must be from 1m to 30d, not '31d'"});
    CHECK(recover("{after: 90500ms}") == Lines{"a.yaml:3:45: after must be whole seconds"});
    CHECK(recover("{until: today}") ==
          Lines{"a.yaml:3:45: until must be one of tomorrow, next_month, not 'today'"});
}

TEST_CASE("the numbers of a half-open channel have ranges that fit each other") {
    const auto half_open = [](const std::string& text) {
        return of("{disable_channel: {recover: {half_open: {" + text + "}}}}");  // in column 50
    };
    CHECK(half_open("wait: 59s") == Lines{"a.yaml:3:56: wait must be from 1m to 1d, not '59s'"});
    CHECK(half_open("wait: 25h") == Lines{"a.yaml:3:56: wait must be from 1m to 1d, not '25h'"});
    CHECK(half_open("wait: 10m, longest: 9m") ==
          Lines{"a.yaml:3:70: longest must be from 10m to 7d, not '9m'"});
    CHECK(half_open("longest: 4m") ==
          Lines{"a.yaml:3:59: longest must be from 5m to 7d, not '4m'"});
    CHECK(half_open("longest: 8d") ==
          Lines{"a.yaml:3:59: longest must be from 5m to 7d, not '8d'"});
    CHECK(half_open("wait: 1s, longest: 2m") ==
          Lines{"a.yaml:3:56: wait must be from 1m to 1d, not '1s'"});
    CHECK(half_open("attempts: 4") ==
          Lines{"a.yaml:3:60: attempts must be a whole number from 5 to 1000, not '4'"});
    CHECK(half_open("attempts: 1001, max_errors: 900") ==
          Lines{"a.yaml:3:60: attempts must be a whole number from 5 to 1000, not '1001'"});
    CHECK(half_open("attempts: 10, max_errors: 10") ==
          Lines{"a.yaml:3:76: max_errors must be a whole number from 0 to 9, not '10'"});
    CHECK(half_open("max_errors: -1") ==
          Lines{"a.yaml:3:62: max_errors must be a whole number from 0 to 19, not '-1'"});
    CHECK(half_open("probe_time: 59s") ==
          Lines{"a.yaml:3:62: probe_time must be from 1m to 1d, not '59s'"});
    CHECK(half_open("tries: 20") ==
          Lines{"a.yaml:3:50: unknown key 'tries' in half_open; known are wait, longest, "
                "attempts, max_errors, probe_time"});
    CHECK(of("{disable_channel: {recover: {half_open: 5m}}}") ==
          Lines{"a.yaml:3:49: half_open must be a map of keys and values, not '5m'"});
}

TEST_CASE("half-open is refused with the reason where it cannot be done") {
    CHECK(of("{disable_channel: {scope: model, recover: {half_open: {}}}}") ==
          Lines{"a.yaml:3:63: half_open is for whole channels: the gateway ranks channels, not "
                "models, where its cache is on"});
    CHECK(of("{disable_token: {recover: {half_open: {}}}}") ==
          Lines{"a.yaml:3:47: half_open is for channels: a key cannot be given a little traffic"});
}

TEST_CASE("an action has to know its channel, from its series or from ids alone") {
    const Lines unclear{
        "a.yaml:6:13: disable_channel needs to know which: channel in by, or nothing but ids of "
        "channels in where.channel, such as [3, 4]"};
    const std::string action = "    action: {disable_channel: {}}\n";
    CHECK(with(action) == unclear);
    for (const auto* const others : {"\"!3\"", "\"azure-*\"", "[3, \"azure-*\"]", "[3, \"!4\"]",
                                     "[3, \"!azure-*\"]", "\"3\"", "azure-eu"}) {
        INFO(others);
        CHECK(with(action + "    where: {channel: " + others + "}\n") == unclear);
        CHECK(with("    by: channel\n" + action + "    where: {channel: " + others + "}\n") ==
              Lines{});
    }
    CHECK(with(action + "    where: {token: 3}\n    by: model\n") == unclear);
    CHECK(with(action + "    where: {channel: 3}\n") == Lines{});
    CHECK(with(action + "    where: {channel: [3, 4]}\n") == Lines{});
    CHECK(ids_in_where(rule_with("metric: cost, window: 1h, above: 1, where: {channel: [4, 3, 4]}"),
                       alerts::Dimension::channel) == std::vector<std::int64_t>{4, 3});
}

TEST_CASE("an action on one model has to know its channel and its model") {
    const std::string action = "    action: {disable_channel: {scope: model}}\n";
    const std::string no_channel =
        "a.yaml:6:13: disable_channel needs to know which: channel in by, or nothing but ids of "
        "channels in where.channel, such as [3, 4]";
    const std::string no_model =
        "a.yaml:6:13: scope: model needs to know which: model in by, or one model's name, without "
        "* and ?, in where.model";
    CHECK(with(action) == Lines{no_channel, no_model});
    CHECK(with(action + "    by: model\n") == Lines{no_channel});
    CHECK(with(action + "    by: channel\n") == Lines{no_model});
    for (const auto* const others : {"\"gpt-4*\"", "\"gpt-4?\"", "[gpt-4o, o1]", "\"!gpt-4o\""}) {
        INFO(others);
        CHECK(with(action + "    by: channel\n    where: {model: " + others + "}\n") ==
              Lines{no_model});
    }
    CHECK(with(action + "    by: [channel, model]\n") == Lines{});
    CHECK(with(action + "    by: channel\n    where: {model: gpt-4o}\n") == Lines{});
    CHECK(with(action + "    by: model\n    where: {channel: 3}\n") == Lines{});
}

TEST_CASE("an action on a key has to know it, by its series or by ids alone") {
    const Lines unclear{
        "a.yaml:6:13: disable_token needs to know which: token in by, or nothing but ids of keys "
        "in where.token, such as [17, 18]"};
    const std::string action = "    action: {disable_token: {}}\n";
    CHECK(with(action) == unclear);
    CHECK(with(action + "    by: [channel, user]\n") == unclear);
    CHECK(with(action + "    where: {token: ci}\n") == unclear);
    CHECK(with(action + "    where: {token: [17, \"!18\"]}\n") == unclear);
    CHECK(with(action + "    where: {token: 17}\n") == Lines{});
    CHECK(with(action + "    by: token\n") == Lines{});
}

TEST_CASE("a gauge may act on its channel or its key, and on nothing that it is not about") {
    CHECK(rule_with("metric: token_used_percent, above: 99, action: {disable_token: {}}")
              .action->what == What::token);
    CHECK(rule_with("metric: channel_balance, below: 1, action: {disable_channel: {}}")
              .action->what == What::channel);
    const auto faults_of = [](const std::string& keys) {
        return faults("rules: [{name: a, " + keys + "}]").text;
    };
    CHECK(faults_of("metric: user_remaining, below: 1, action: {disable_token: {}}")
              .find("disable_token needs to know which") != std::string::npos);
    CHECK(faults_of("metric: token_remaining, below: 1, action: {disable_channel: {}}")
              .find("disable_channel needs to know which") != std::string::npos);
    CHECK(faults_of("metric: channel_down, above: 0, action: {disable_channel: {}}")
              .find("channel_down is about channels that are disabled already") !=
          std::string::npos);
}

TEST_CASE("an action on a ratio needs enough requests behind it") {
    for (const auto* const metric : {"error_rate", "final_error_rate"}) {
        for (const auto* const action : {"disable_channel", "disable_token"}) {
            const auto told = [&](int least) {
                return faults("rules:\n  - name: a\n    metric: " + std::string{metric} +
                              "\n    by: [channel, token]\n    window: 5m\n    above: 30\n    "
                              "min_requests: " +
                              std::to_string(least) + "\n    action: {" + action + ": {}}\n");
            };
            CHECK(told(4) == Lines{"a.yaml:7:19: min_requests must be at least 5 where a ratio "
                                   "has an action"});
            CHECK(told(5) == Lines{});
        }
    }
}

TEST_CASE("only traffic ends what is below, or silent: what recovers must not wait for it") {
    const auto ends = [](const std::string& keys) {
        return alerts::ends_without_traffic(rule_with(keys));
    };
    CHECK(ends("metric: tokens, window: 1h, above: 1"));
    CHECK(ends("metric: error_rate, window: 1h, above: 1"));
    CHECK(ends("metric: latency_p95, window: 1h, above: 1"));
    CHECK(ends("metric: cost, window: 1h, above: 100, compare_to: previous"));
    CHECK(ends("metric: channel_balance, below: 1"));
    CHECK_FALSE(ends("metric: requests, window: 1h, below: 5"));
    CHECK_FALSE(ends("metric: since_last, window: 1h, above: 5m"));
    CHECK_FALSE(ends("metric: requests, window: 1h, below: -50, compare_to: previous"));
}

TEST_CASE("an action is no part of what a rule asks: a changed one keeps its state") {
    const std::string rule = "metric: tokens, window: 1h, above: 1, by: [channel, token]";
    const auto plain = alerts::fingerprint(rule_with(rule));
    CHECK(plain == alerts::fingerprint(rule_with(rule + ", action: {disable_channel: {}}")));
    CHECK(plain == alerts::fingerprint(
                       rule_with(rule + ", action: {disable_token: {recover: {after: 1h}}}")));
}
