#include <fstream>
#include <set>

#include <doctest/doctest.h>

#include "alerts/summary.h"
#include "alerts_rules_fixture.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using alerts::Dimension;
using alerts::Frame;
using alerts::Metric;
using namespace std::chrono_literals;
using tests::context;
using tests::faults;
using tests::faults_with;
using tests::Lines;
using tests::load;

TEST_CASE("a rule with every key is read as it is written") {
    const auto rules = load(R"yaml(
rules:
  - name: channel-token-burn
    enabled: true
    summary: "渠道 {{channel}} {{window}} {{ value }} > {{threshold}} ({{rule}})"
    severity: critical
    metric: tokens
    where: {channel: [3, "azure-*"], model: "gpt-4*", token: "!internal-*", status: [429, 5xx]}
    by: [channel, model]
    window: 1h
    above: 2000000
    clear: 1500000
    for: 2m
    keep_firing_for: 3m
    min_requests: 25
    eval_delay: 5s
    max_series: 50
    active_hours: {days: [mon-fri, sun], between: ["22:00-06:00", "12:00-13:30"]}
    timezone: Asia/Shanghai
    cooldown: 2h
    resolved: false
    notify: [ops-telegram, ops-feishu]
    action: {disable_channel: {mode: shadow, even_if_last: true}, always: true}
)yaml");
    REQUIRE(rules.size() == 1);
    const auto& rule = rules.front();
    CHECK(rule.name == "channel-token-burn");
    CHECK(rule.severity == base::Severity::critical);
    CHECK(rule.metric == Metric::tokens);
    REQUIRE(rule.where.size() == 4);
    CHECK(rule.where[0] ==
          alerts::Condition{Dimension::channel, {{false, 3, ""}, {false, {}, "azure-*"}}});
    CHECK(rule.where[2] == alerts::Condition{Dimension::token, {{true, {}, "internal-*"}}});
    CHECK(rule.where[3] ==
          alerts::Condition{Dimension::status, {{false, 429, ""}, {false, {}, "5??"}}});
    CHECK(rule.by == std::vector{Dimension::channel, Dimension::model});
    CHECK(rule.window == Frame::rolling(1h));
    CHECK_FALSE(rule.below);
    CHECK(rule.limit == 2'000'000);
    CHECK(rule.clear == 1'500'000);
    CHECK(rule.hold == std::chrono::minutes{2});
    CHECK(rule.keep_firing == std::chrono::minutes{3});
    CHECK(rule.min_requests == 25);
    CHECK(rule.max_series == 50);
    CHECK(rule.hours.days == std::array{true, true, true, true, true, false, true});
    REQUIRE(rule.hours.ranges.size() == 2);
    CHECK(rule.hours.ranges[0] ==
          alerts::ActiveHours::Range{std::chrono::hours{22}, std::chrono::hours{6}});
    CHECK(rule.zone.name() == "Asia/Shanghai");
    CHECK(rule.cooldown == std::chrono::hours{2});
    CHECK_FALSE(rule.resolved);
    CHECK(rule.notify == std::vector<std::string>{"ops-telegram", "ops-feishu"});
    CHECK(rule.action == alerts::RuleAction{.even_if_last = true, .always = true});
}

TEST_CASE("what a rule leaves out has its default") {
    const auto rules = load(
        "rules:\n  - {name: a, metric: error_rate, window: 5m, above: 30}\n"
        "  - {name: b, metric: tokens, window: 1h, below: 5, enabled: false}\n");
    REQUIRE(rules.size() == 2);
    CHECK(rules[0].min_requests == 20);
    CHECK(rules[0].severity == base::Severity::warning);
    CHECK(rules[0].clear == 30);
    CHECK(rules[0].cooldown == std::chrono::hours{1});
    CHECK(rules[0].resolved);
    CHECK(rules[0].max_series == 200);
    CHECK(delay_of(rules[0]) == std::chrono::seconds{3});
    CHECK(rules[1].min_requests == 0);
    CHECK_FALSE(rules[1].enabled);
    CHECK(delay_of(rules[1]) == std::chrono::seconds{3});
}

TEST_CASE("every fault of a file is told at once, with its place and what is allowed") {
    CHECK(faults(R"(rules:
  - name: burn rate
    metric: token
    widnow: 1h
    window: 3600
    above: lots
    severity: fatal
  - name: ok
    metric: tokens
    window: 10s
    above: 10
    below: 5
    for: 2
    notify: [ops-telegramm, pager]
    by: [chanel, model, model]
    timezone: Asia/Shanghigh
    active_hours: {days: [mon-fry], between: ["22:00-6:00", "07:00-07:00"], zone: x}
    inhibit_by: [b]
    rate: 5
  - just text
)") == Lines{
           "a.yaml:2:11: name must be 1 to 100 letters, digits, - and _, not 'burn rate'",
           "a.yaml:3:13: there is no metric 'token'; did you mean 'tokens'?",
           "a.yaml:4:5: unknown key 'widnow' in a rule; did you mean 'window'?",
           "a.yaml:5:13: window must be a duration with its unit, such as 90s, 5m or 1h30m, not "
           "'3600'",
           "a.yaml:6:12: above must be a number or a duration with its unit, such as 90s or 30m, "
           "not "
           "'lots'",
           "a.yaml:7:15: severity must be one of info, warning, critical, not 'fatal'",
           "a.yaml:10:13: window must be from 1m to 30d, not '10s'",
           "a.yaml:12:12: a rule takes above or below, not both",
           "a.yaml:13:10: for must be a duration with its unit, such as 90s, 5m or 1h30m, not '2'",
           "a.yaml:14:14: there is no notifier 'ops-telegramm'; did you mean 'ops-telegram'?",
           "a.yaml:14:29: there is no notifier 'pager'; known are ops-telegram, ops-feishu",
           "a.yaml:15:10: by cannot group by 'chanel'; did you mean 'channel'?",
           "a.yaml:15:25: by names model twice",
           "a.yaml:16:15: this host knows no time zone 'Asia/Shanghigh'; one is Asia/Shanghai",
           "a.yaml:17:27: days takes mon, tue, wed, thu, fri, sat, sun and ranges such as mon-fri, "
           "not "
           "'mon-fry'",
           "a.yaml:17:47: between takes ranges such as \"22:00-06:00\" (00:00 to 24:00), not the "
           "quoted text '22:00-6:00'",
           "a.yaml:17:61: this range is empty; the whole day is \"00:00-24:00\"",
           "a.yaml:17:77: unknown key 'zone' in active_hours; known are days, between",
           "a.yaml:18:5: unknown key 'inhibit_by' in a rule; did you mean 'inhibited_by'?",
           "a.yaml:19:5: unknown key 'rate' in a rule; known are name, enabled, summary, severity, "
           "metric, gateway, where, errors_when, by, timezone, compare_to, window, above, below, "
           "clear, for, keep_firing_for, eval_delay, cooldown, min_requests, max_series, "
           "inhibited_by, active_hours, resolved, notify, action, tests",
           "a.yaml:20:5: a rule must be a map of keys and values, not 'just text'",
       });
}

TEST_CASE("a rule without what it needs says what that is") {
    CHECK(faults("rules: [{enabled: yes}]") ==
          Lines{
              "a.yaml:1:9: a rule needs the key 'name'",
              "a.yaml:1:9: a rule needs the key 'metric'",
              "a.yaml:1:9: a rule needs one of the keys 'above' and 'below'",
              "a.yaml:1:9: a rule needs the key 'window'",
              "a.yaml:1:19: enabled must be true or false, not 'yes'",
          });
    CHECK(faults("rule: []") ==
          Lines{
              "a.yaml:1:1: a rule file needs the key 'rules'",
              "a.yaml:1:1: unknown key 'rule' in a rule file; did you mean 'rules'?",
          });
    CHECK(faults("rules: {name: a}") ==
          Lines{"a.yaml:1:8: rules must be a list of rules, not a map"});
    CHECK(faults("# nothing yet\n") == Lines{});
    CHECK(faults("rules:\n") == Lines{});
}

TEST_CASE("limits that can never fire or never clear are refused") {
    CHECK(faults_with("    clear: 11\n") ==
          Lines{"a.yaml:6:12: clear (11) must not be over above (10)"});
    CHECK(faults("rules: [{name: a, metric: rpm, window: 1h, below: 10, clear: 9}]") ==
          Lines{"a.yaml:1:62: clear (9) must not be under below (10)"});
    CHECK(faults("rules: [{name: a, metric: rpm, window: 1h, above: -1}]") ==
          Lines{"a.yaml:1:51: above must not be negative: no value ever is"});
    CHECK(faults("rules: [{name: a, metric: error_rate, window: 1h, above: 100}]") ==
          Lines{"a.yaml:1:58: error_rate is never above 100 percent"});
    CHECK(faults("rules: [{name: a, metric: error_rate, by: [status], window: 1h, above: 1}]") ==
          Lines{"a.yaml:1:43: error_rate cannot be grouped by status: attempts that succeed have "
                "none"});
    CHECK(
        faults("rules: [{name: a, metric: errors, where: {status: [404, 500]}, window: 1h, above: "
               "1}]") ==
        Lines{"a.yaml:1:42: status 404 is the client's doing and counts in client_errors, never in "
              "errors"});
    CHECK(faults("rules: [{name: a, metric: attempts, where: {status: 500, code: x}, window: 1h, "
                 "above: 1}]") ==
          Lines{"a.yaml:1:53: attempts are counted whatever their status; where.status works with "
                "errors, client_errors, error_rate and requests",
                "a.yaml:1:64: attempts are counted whatever their code; where.code works with "
                "errors, client_errors, error_rate and requests"});
    CHECK(faults_with("    cooldown: 1500ms\n") ==
          Lines{"a.yaml:6:15: cooldown must be whole seconds"});
}

TEST_CASE("conditions that say nothing are refused") {
    CHECK(faults_with(
              "    where: {token: !internal-* , model: [], user: \"!\", status: [5xx, bad]}\n") ==
          Lines{
              "a.yaml:6:20: token: a value is missing here; one that begins with ! or * must stand "
              "in quotes",
              "a.yaml:6:41: model is an empty list: name at least one, or leave it out",
              "a.yaml:6:51: ! must be followed by what it leaves out",
              "a.yaml:6:70: a status is a number or a class such as 5xx, not 'bad'",
          });
    CHECK(faults_with("    notify: []\n    where: {channel: []}\n") ==
          Lines{"a.yaml:6:13: notify is an empty list: name at least one, or leave it out",
                "a.yaml:7:22: channel is an empty list: name at least one, or leave it out"});
    CHECK(faults_with("    where: {chanel: 3}\n") ==
          Lines{"a.yaml:6:13: unknown key 'chanel' in where; did you mean 'channel'?"});
}

TEST_CASE("a summary with a variable that there is not is refused") {
    CHECK(faults_with("    by: channel\n    summary: \"{{channel}} {{vlaue}} {{model}}\"\n") ==
          Lines{"a.yaml:7:14: unknown variable {{vlaue}}; did you mean 'value'?",
                "a.yaml:7:14: unknown variable {{model}}; known are value, rule, window, "
                "threshold, channel"});
}

TEST_CASE("a name that comes twice is told with both places, over all files") {
    const tests::TempDir folder;
    const auto write = [&](const std::string& name, const std::string& text) {
        std::ofstream{folder.file(name)} << text;
        return folder.file(name);
    };
    const std::string rule = "rules:\n  - {name: burn, metric: tokens, window: 1h, above: 1}\n";
    const auto a = write("a.yaml", rule);
    const auto b = write("b.yaml", rule);
    base::yaml::Diagnostics diagnostics;
    CHECK(alerts::load_rules({a, b}, context(), diagnostics).rules.empty());
    CHECK(Lines{diagnostics.lines()} ==
          Lines{b + ":2:12: a rule named 'burn' is already at " + a + ":2:12"});
}

TEST_CASE(
    "two rules that ask the same have one fingerprint, and every part of the question changes it") {
    const auto print = [](const std::string& keys) {
        return fingerprint(load("rules: [{name: a, " + keys + "}]").front());
    };
    const auto base_print = print("metric: tokens, window: 1h, above: 5");
    // Stored by every version: a rule keeps its state over an upgrade.
    CHECK(base_print == 3'822'687'571'223'555'087U);
    CHECK(base_print == print("metric: tokens, window: 1h, above: 5, timezone: Asia/Shanghai"));
    std::set<std::uint64_t> prints;
    CHECK(base_print ==
          print("metric: tokens, window: 60m, above: 5, cooldown: 2h, severity: info"));
    for (const auto* const other :
         {"metric: quota, window: 1h, above: 5", "metric: tokens, window: 2h, above: 5",
          "metric: tokens, window: 1h, above: 6", "metric: tokens, window: 1h, below: 5",
          "metric: tokens, window: 1h, above: 5, by: channel",
          "metric: tokens, window: 1h, above: 5, where: {channel: 3}",
          "metric: tokens, window: today, above: 5",
          "metric: tokens, window: today, above: 5, timezone: Asia/Shanghai",
          "metric: tokens, window: this_week, above: 5",
          "metric: tokens, window: 1h, above: 5, compare_to: previous",
          "metric: tokens, window: 1h, above: 5, compare_to: usual",
          "metric: tokens, window: 1h, above: 5, compare_to: usual, timezone: Asia/Shanghai"}) {
        CHECK(prints.insert(print(other)).second);
        CHECK(print(other) != base_print);
    }
    CHECK(print("metric: tokens, window: 1h, above: 5, where: {channel: 3}") !=
          print("metric: tokens, window: 1h, above: 5, where: {channel: \"3\"}"));
    CHECK(print("metric: errors, window: 1h, above: 5") !=
          print("metric: errors, window: 1h, above: 5, errors_when: {status: 5xx}"));
    CHECK(print("metric: errors, window: 1h, above: 5, errors_when: {status: 429}") !=
          print("metric: errors, window: 1h, above: 5, errors_when: {status: 5xx}"));
    CHECK(print("metric: rpm, window: 1h, below: 5") !=
          print("metric: rpm, window: 1h, below: 5, eval_delay: 9s"));
}

TEST_CASE("values are written for people") {
    CHECK(alerts::format_value(2345678, Metric::tokens) == "2,345,678 tokens");
    CHECK(alerts::format_value(37.5, Metric::error_rate) == "37.5 %");
    CHECK(alerts::format_value(12.345, Metric::cost) == "12.35 USD");
    CHECK(alerts::format_value(-1234.5, Metric::cost) == "-1,234.5 USD");
    CHECK(alerts::format_value(999, Metric::requests) == "999");
    CHECK(alerts::format_value(std::nullopt, Metric::error_rate) == "no value");
    CHECK(alerts::format_value(5400, Metric::since_last) == "1h30m");
    CHECK(alerts::format_value(2500, Metric::latency_p95) == "2,500 ms");
    CHECK(alerts::format_value(93.5, Metric::token_used_percent) == "93.5 %");
    alerts::Rule rise;
    rise.metric = Metric::cost;
    CHECK(alerts::format_value(230, rise) == "230 USD");
    rise.compare_to = alerts::Comparison::usual;
    CHECK(alerts::format_value(230, rise) == "+230 %");
    CHECK(alerts::format_value(-61.5, rise) == "-61.5 %");
    CHECK(alerts::format_value(std::nullopt, rise) == "no value");
    CHECK(alerts::render("{{a}} and {{ b }} and {{open", [](std::string_view name) {
              return "<" + std::string{name} + "{{a}}>";
          }) == "<a{{a}}> and <b{{a}}> and {{open");
}
