#include <doctest/doctest.h>

#include "alerts/rule_loader.h"
#include "daemon/builtin_rules.h"
#include "daemon/tuned_rules.h"

using namespace quotafuse;

TEST_CASE("a limit is replaced in the text of a rule file, and its comments stay") {
    const std::string text = R"(rules:
  # Why: money.
  - name: spend
    metric: cost
    window: 1h
    above: 50   # USD
    clear: 40
  - name: slow
    metric: latency_p95
    window: 5m
    above: 120s
)";
    base::yaml::Diagnostics diagnostics;
    const auto rules = alerts::parse_rules("t.yaml", text, {}, diagnostics).rules;
    REQUIRE(diagnostics.ok());
    const auto cheaper = daemon::with_limit(text, rules[0], 12.5);
    REQUIRE(cheaper);
    const auto faster = daemon::with_limit(*cheaper, rules[1], 1500);
    REQUIRE(faster);
    CHECK(*faster == R"(rules:
  # Why: money.
  - name: spend
    metric: cost
    window: 1h
    above: 12.5   # USD
    clear: 10
  - name: slow
    metric: latency_p95
    window: 5m
    above: 1500ms
)");
    CHECK_FALSE(daemon::with_limit("rules: [{name: spend, above: 5}]\n", rules[0], 7));
}

TEST_CASE("a tuned file is known again until it is edited, and keeps its tests") {
    const std::string text = R"(rules:
  - name: spend
    metric: cost
    window: 1h
    above: 50
    tests:
      - rows: [{at: 1s, cost: 51}]
        expect: [{at: 1s, state: firing}]
  - {name: calm, metric: requests, window: 1h, above: 1000}
)";
    base::yaml::Diagnostics diagnostics;
    const auto rules = alerts::parse_rules("t.yaml", text, {}, diagnostics).rules;
    REQUIRE(diagnostics.ok());
    const auto cheaper = daemon::with_limit(text, rules[0], 12.5);
    REQUIRE(cheaper);
    CHECK(*cheaper == R"(rules:
  - name: spend
    metric: cost
    window: 1h
    above: 12.5
    tests:
      - rows: [{at: 1s, cost: 51}]
        expect: [{at: 1s, state: firing}]
  - {name: calm, metric: requests, window: 1h, above: 1000}
)");
    const auto written = daemon::marked(*cheaper);
    CHECK(daemon::is_marked(written));
    CHECK_FALSE(daemon::is_marked(written + "# mine\n"));
    CHECK_FALSE(daemon::is_marked(*cheaper));
    CHECK_FALSE(daemon::is_marked(""));
}

TEST_CASE("every default rule that may be tuned can be written with another limit") {
    std::vector<alerts::RuleText> texts;
    for (const auto& file : daemon::builtin_rules()) {
        texts.push_back({std::string{file.name}, std::string{file.content}});
    }
    base::yaml::Diagnostics diagnostics;
    const auto rules = alerts::parse_rules(texts, {}, diagnostics).rules;
    REQUIRE(diagnostics.ok());
    int tuned = 0;
    for (const auto& rule : rules) {
        if (!daemon::can_be_tuned(rule)) continue;
        ++tuned;
        CAPTURE(rule.name);
        auto changed = texts;
        int replaced = 0;
        for (auto& one : changed) {
            auto text = daemon::with_limit(one.text, rule, rule.limit * 0.5);
            if (!text) continue;
            one.text = std::move(*text);
            ++replaced;
        }
        CHECK(replaced == 1);
        base::yaml::Diagnostics again;
        const auto got = alerts::parse_rules(changed, {}, again).rules;
        const auto at = std::find_if(got.begin(), got.end(),
                                     [&](const auto& one) { return one.name == rule.name; });
        REQUIRE(at != got.end());
        CHECK(at->limit == doctest::Approx(rule.limit * 0.5));
        CHECK(at->clear == doctest::Approx(rule.clear * 0.5));
    }
    CHECK(tuned > 8);
}

TEST_CASE("a suggestion is no limit that every ripple passes, and none is made of nothing") {
    alerts::Rule rule;
    rule.name = "spend";
    rule.metric = alerts::Metric::cost;
    rule.limit = rule.clear = 50;
    CHECK(daemon::tune(rule, {1, 70.0, 1}).limit == 70);
    CHECK(daemon::tune(rule, {1, 0.3, 1}).limit == 5);
    CHECK_FALSE(daemon::tune(rule, {1, std::nullopt, 0}).changed());
}
