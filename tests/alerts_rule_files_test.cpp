// What holds for whole files: defaults, anchors, other files, hostile ones.

#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_rules_fixture.h"

using namespace quotafuse;
using alerts::Dimension;
using alerts::Frame;
using namespace std::chrono_literals;
using tests::context;
using tests::faults;
using tests::Lines;
using tests::load;
using tests::load_set;

TEST_CASE("inhibitors may stand in another file") {
    const tests::Lines none{};
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules(
        {{"a.yaml", "rules: [{name: a, metric: cost, window: 1h, above: 1, inhibited_by: b}]"},
         {"b.yaml", "rules: [{name: b, metric: cost, window: 1h, above: 1}]"}},
        context(), diagnostics);
    CHECK(Lines{diagnostics.lines()} == none);
    CHECK(set.rules.size() == 2);
}

TEST_CASE("defaults of a file hold where a rule does not say otherwise") {
    const auto rules = load(R"(
defaults:
  severity: critical
  window: 10m
  above: 100
  clear: 80
  by: [channel]
  errors_when: {status: 5xx}
  min_requests: 7
  cooldown: 2h
  inhibited_by: [down]
rules:
  - {name: a, metric: error_rate, above: 50}
  - {name: b, metric: requests, below: 30, severity: info, window: 1h}
  - {name: down, metric: channel_down, above: 0}
  - {name: c, metric: cost}
)");
    REQUIRE(rules.size() == 4);
    CHECK(rules[0].severity == base::Severity::critical);
    CHECK(rules[0].window == Frame::rolling(10min));
    CHECK(rules[0].limit == 50);
    CHECK(rules[0].clear == 50);  // a limit of its own comes with its own clear
    CHECK(rules[0].errors_when);
    CHECK(rules[0].min_requests == 7);
    CHECK(rules[0].inhibited_by == std::vector<std::string>{"down"});
    CHECK(rules[1].severity == base::Severity::info);
    CHECK(rules[1].below);
    CHECK_FALSE(rules[1].errors_when);  // requests have no use for it
    CHECK(rules[2].cooldown == 2h);
    CHECK(rules[2].inhibited_by.empty());
    CHECK(rules[3].limit == 100);
    CHECK(rules[3].clear == 80);
    CHECK(rules[3].by == std::vector{Dimension::channel});
}

TEST_CASE("a fault of the defaults is told once, at its place") {
    CHECK(faults(R"(defaults: {window: 5, severity: fatal, name: x, tests: [], abve: 1}
rules:
  - {name: a, metric: cost, above: 50}
  - {name: b, metric: cost, above: 50}
)") == Lines{"a.yaml:1:20: window must be a duration with its unit, such as 90s, 5m or 1h30m, not "
             "'5'",
             "a.yaml:1:33: severity must be one of info, warning, critical, not 'fatal'",
             "a.yaml:1:40: defaults cannot give a name",
             "a.yaml:1:49: defaults cannot give a tests",
             "a.yaml:1:60: unknown key 'abve' in a rule; did you mean 'above'?"});
    std::string many = "defaults: {notify: [";
    for (int i = 0; i < 300; ++i) many += "ops-feishu, ";
    CHECK(faults(many + "ops-feishu]}\nrules: []\n") ==
          Lines{"a.yaml:1:11: defaults holds more than 200 values"});
}

TEST_CASE("what many rules have from the defaults is told and warned of once") {
    const std::string rules = "rules: [{name: a}, {name: b}, {name: c, compare_to: previous}]\n";
    CHECK(faults("defaults: {action: {disable_channel: {mode: live}}, metric: cost, "
                 "by: [channel], window: 1h, above: 5}\n" +
                 rules) == Lines{"a.yaml:1:45: warning: mode is live, but breaker.mode is shadow: "
                                 "nothing will be disabled"});
    // Which variables there are is the rule's own matter: only c knows this one.
    CHECK(faults("defaults: {summary: '{{now}}', metric: cost, window: 1h, above: 5}\n" + rules) ==
          Lines{"a.yaml:1:21: unknown variable {{now}}; known are value, rule, window, threshold"});
}

TEST_CASE("a summary and the texts of the defaults are bounded, and so is what rules get of them") {
    const auto file = [](std::size_t summary, int rules, const std::string& more = {}) {
        auto text =
            fmt::format("defaults: {{summary: {}, metric: cost, window: 1h, above: 5{}}}\nrules:\n",
                        std::string(summary, 's'), more);
        for (int i = 0; i < rules; ++i) text += fmt::format("- {{name: r{}}}\n", i);
        return text;
    };
    CHECK(faults(file(1'000, 10)) == Lines{});
    CHECK(faults(file(1'001, 10)) ==
          Lines{"a.yaml:1:21: summary must have at most 1000 bytes, not 1001"});
    CHECK(faults(file(4'000, 10)) ==
          Lines{"a.yaml:1:11: defaults holds more than 4000 bytes of text"});
    CHECK(faults(file(1'000, 8'000)) ==
          Lines{"a.yaml:7762:3: defaults give more than 200000 values or 8 MB of text to the "
                "rules, up to this one"});
    std::string models = ", where: {model: [m";
    for (int i = 0; i < 150; ++i) models += ", m";
    CHECK(faults(file(10, 2'000, models + "]}")) ==
          Lines{"a.yaml:1268:3: defaults give more than 200000 values or 8 MB of text to the "
                "rules, up to this one"});
}

TEST_CASE("anchors and merge keys work in rule files, and an alias bomb is refused") {
    const auto rules = load(R"(
rules:
  - &base {name: a, metric: cost, window: 1h, above: 1, where: &mine {channel: [3, 4]}}
  - {<<: *base, name: b, above: 2}
  - {name: c, metric: tokens, window: 1h, above: 1, where: *mine}
)");
    REQUIRE(rules.size() == 3);
    CHECK(rules[1].name == "b");
    CHECK(rules[1].limit == 2);
    CHECK(rules[1].where == rules[0].where);
    CHECK(rules[2].where == rules[0].where);
    std::string bomb = "a: &a0 [x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
        bomb += fmt::format("b{0}: &a{0} [", i);
        for (int k = 0; k < 8; ++k) bomb += fmt::format("*a{}, ", i - 1);
        bomb += "x]\n";
    }
    const auto told = faults(bomb + "rules: *a8\n");
    CHECK(told.text.find("more than 100000 values, aliases expanded") != std::string::npos);
}

TEST_CASE("hostile files are refused in little time") {
    const auto quick = [](const std::string& text) {
        const auto start = std::chrono::steady_clock::now();
        CHECK(faults(text) != Lines{});
        CHECK(std::chrono::steady_clock::now() - start < 10s);
    };
    std::string chain = "rules:\n";
    std::string unknown = "rules:\n";
    for (int i = 0; i < 9'000; ++i) {
        chain += fmt::format(
            "- {{name: r{}, metric: cost, window: 1h, above: 1, inhibited_by: [r{}]}}\n", i,
            (i + 1) % 9'000);
        unknown += fmt::format(
            "- {{name: r{}, metric: cost, window: 1h, above: 1, inhibited_by: [x{}]}}\n", i, i);
    }
    quick(chain);
    quick(unknown);
    std::string rules = "defaults: {notify: [a, b, c, d, e, f, g, h, i, j]}\nrules:\n";
    for (int i = 0; i < 12'000; ++i) rules += "- {}\n";
    quick(rules);
}
