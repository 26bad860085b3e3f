#include <algorithm>
#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule_loader.h"
#include "alerts/rule_test.h"
#include "base/yaml.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

/// The differences of all tests of a rules file.
std::vector<std::string> differences(const std::string& text) {
    alerts::LoadContext context;
    context.ceiling = alerts::ActionMode::live;
    context.notifiers = {"telegram", "feishu", "wecom"};
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules("t.yaml", text, context, diagnostics);
    if (!diagnostics.ok()) throw std::runtime_error(diagnostics.lines().front());
    REQUIRE_FALSE(set.tests.empty());
    const TempDir folder;
    std::vector<std::string> all;
    for (const auto& test : set.tests) {
        const auto outcome = alerts::run_test(test, set.rules, folder.path());
        CHECK(outcome.rule == test.rule);
        CHECK(outcome.name == test.name);
        all.insert(all.end(), outcome.differences.begin(), outcome.differences.end());
    }
    return all;
}

const std::string kBurn = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 1h
    above: 2000000
    for: 2m
    tests:
      - starts: "2026-01-05 23:00"
        rows: [{at: 0s, repeat: 30, every: 2s, channel: 3, model: gpt-4o, token: k1, tokens: 100000}]
        expect:
)";

}  // namespace

TEST_CASE("the test of the design holds second by second") {
    CHECK(differences(kBurn + R"(
          - {at: 0s, key: {channel: 3}, state: inactive, value: 100000}
          - {at: 30s, key: {channel: 3}, state: inactive, value: 1600000}
          - {at: 38s, key: {channel: 3}, state: inactive, value: 2000000}
          - {at: 40s, key: {channel: 3}, state: pending, value: 2100000}
          - {at: 1m, key: {channel: 3}, state: pending}
          - {at: 2m39s, key: {channel: 3}, state: pending, notices: 0}
          - {at: 2m40s, key: {channel: 3}, state: firing, value: 3000000, notices: 1}
          - {at: 1h30s, key: {channel: 3}, state: inactive, value: 1400000, notices: 2}
          - {at: 3h, key: {channel: 3}, state: inactive, value: 0, notices: 2}
          - {at: 2m40s, key: {channel: 4}, state: inactive, value: 0, notices: 0}
)")
              .empty());
}

TEST_CASE("a difference says where it was expected, what, and what there is instead") {
    const auto got = differences(kBurn + R"(
          - {at: 50s, key: {channel: 3}, state: firing}
          - {at: 50s, key: {channel: 3}, value: 1}
          - {at: 1h, key: {channel: 3}, notices: 2}
          - {at: 2h, key: {channel: 3}, state: pending}
)");
    const std::vector<std::string> wanted{
        "t.yaml:13:13: at 50s channel 3: expected firing, got pending (value 2,600,000 tokens, "
        "reason "
        "pending)",
        "t.yaml:14:13: at 50s channel 3: expected value 1 tokens, got 2,600,000 tokens",
        "t.yaml:15:13: at 1h channel 3: expected 2 notices, got 1 (firing, reason firing)",
        "t.yaml:16:13: at 2h channel 3: expected pending, got inactive (value 0 tokens, reason "
        "inactive)",
    };
    CHECK(fmt::format("{}", fmt::join(got, "\n")) == fmt::format("{}", fmt::join(wanted, "\n")));
}

TEST_CASE("errors, delays, names and requests that are too few are as in the daemon") {
    CHECK(differences(R"(rules:
  - name: failing
    metric: error_rate
    by: [model, token]
    window: 10m
    above: 50
    min_requests: 4
    tests:
      - name: three are too few, the fourth counts three seconds later
        rows:
          - {at: 10s, repeat: 3, every: 10s, model: gpt-4o, token: k1, status: 503}
          - {at: 40s, model: gpt-4o, token: k1, status: 429}
          - {at: 40s, model: gpt-4o, token: k2, tokens: 5}
        expect:
          - {at: 33s, key: {model: gpt-4o, token: k1}, state: inactive, value: 100}
          - {at: 42s, key: {model: gpt-4o, token: k1}, state: inactive}
          - {at: 43s, key: {model: gpt-4o, token: k1}, state: firing, value: 100, notices: 1}
          - {at: 43s, key: {model: gpt-4o, token: k2}, state: inactive, value: 0}
          - {at: 10m33s, key: {model: gpt-4o, token: k1}, state: firing}
      - name: what the client did wrong counts in neither
        rows: [{at: 0s, repeat: 9, model: gpt-4o, token: k1, status: 400}]
        expect: [{at: 1m, key: {model: gpt-4o, token: k1}, state: inactive}]
)")
              .empty());
}

TEST_CASE("gauges of a test stand for what the gateway's tables say") {
    CHECK(differences(R"(rules:
  - name: poor
    metric: channel_balance
    below: 10
    tests:
      - gauges:
          - {at: 0s, metric: channel_balance, object: 3, value: 50}
          - {at: 1m, metric: channel_balance, object: 3, value: 9.5}
          - {at: 2m, metric: channel_balance, object: 3, value: null}
        expect:
          - {at: 59s, key: {channel: 3}, state: inactive, value: 50}
          - {at: 1m, key: {channel: 3}, state: firing, value: 9.5, notices: 1}
          - {at: 2m, key: {channel: 3}, state: inactive}
  - name: alone
    metric: healthy_channels
    below: 2
    tests:
      - gauges:
          - {at: 0s, metric: healthy_channels, object: default/gpt-4o, value: 2}
          - {at: 5s, metric: healthy_channels, object: default/gpt-4o, value: 1}
        expect:
          - {at: 4s, key: {group: default, model: gpt-4o}, state: inactive, value: 2}
          - {at: 5s, key: {group: default, model: gpt-4o}, state: firing, value: 1}
  - name: worn
    metric: token_used_percent
    above: 90
    tests:
      - gauges: [{at: 3s, metric: token_used_percent, object: 7, value: 95}]
        expect: [{at: 3s, key: {token: 7}, state: firing, value: 95}]
  - name: ends
    metric: token_expires_in
    below: 3600
    tests:
      - gauges: [{at: 0s, metric: token_expires_in, object: 7, value: 7200}]
        expect:
          - {at: 1h, key: {token: 7}, state: inactive, value: 3600}
          - {at: 1h1s, key: {token: 7}, state: firing, value: 3599}
  - name: down
    metric: channel_down
    above: 0
    for: 1m
    tests:
      - gauges: [{at: 10s, metric: channel_down, object: 3, value: 1}]
        expect:
          - {at: 10s, key: {channel: 3}, state: pending, value: 1}
          - {at: 1m10s, key: {channel: 3}, state: firing}
)")
              .empty());
}

TEST_CASE("what inhibits a rule runs beside it in its test") {
    CHECK(differences(R"(rules:
  - name: down
    metric: errors
    window: 5m
    above: 10
  - name: slow
    metric: requests
    window: 5m
    above: 2
    inhibited_by: [down]
    tests:
      - name: muted
        rows: [{at: 1s, repeat: 20, every: 0s, status: 500}]
        expect: [{at: 1s, state: firing, value: 20, notices: 0}]
      - name: told
        rows: [{at: 1s, repeat: 5, every: 0s, status: 500}]
        expect: [{at: 1s, state: firing, value: 5, notices: 1}]
)")
              .empty());
}

TEST_CASE("the time since the last row grows while nothing comes") {
    CHECK(differences(R"(rules:
  - name: silent
    metric: since_last
    window: 11m
    above: 600
    tests:
      - rows: [{at: 0s, repeat: 2, every: 1m}]
        expect:
          - {at: 11m3s, state: inactive, value: 600}
          - {at: 11m4s, state: firing, value: 601}
)")
              .empty());
}

TEST_CASE("the tests of the documentation hold") {
    std::ifstream file{QUOTAFUSE_DOCS "/rules.md"};
    REQUIRE(file);
    std::string block;
    bool inside = false;
    int tests = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("```")) {
            inside = line == "```yaml";
            if (inside || block.find("tests:") == std::string::npos) {
                block.clear();
                continue;
            }
            ++tests;
            CHECK(fmt::format("{}", fmt::join(differences(block), "\n")) == "");
            block.clear();
        } else if (inside) {
            block += line + '\n';
        }
    }
    CHECK(tests > 0);
}
