#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_rule_test_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

/// Of the tests of a rules file, whether each proves nothing.
std::vector<bool> proves_nothing(const std::string& text) {
    const auto set = load_tests(text);
    const TempDir folder;
    std::vector<bool> all;
    for (const auto& test : set.tests) {
        all.push_back(alerts::run_test(test, set.rules, folder.path()).proves_nothing);
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

TEST_CASE("a difference tells what was expected where, and what there is and why") {
    const auto got = differences(kBurn + R"(
          - {at: 50s, key: {channel: 3}, state: firing}
          - {at: 50s, key: {channel: 3}, value: 1}
          - {at: 50s, key: {channel: 4}, state: firing}
          - {at: 1h, key: {channel: 3}, notices: 2}
          - {at: 2h, key: {channel: 3}, state: pending}
)");
    const std::vector<std::string> wanted{
        "line 13 at 50 s: pending, 2600000, 0 notices, pending",
        "line 14 at 50 s: pending, 2600000, 0 notices, pending",
        "line 15 at 50 s: inactive, 0, 0 notices, inactive",
        "line 16 at 3600 s: firing, 2900000, 1 notices, firing",
        "line 17 at 7200 s: inactive, 0, 2 notices, inactive",
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

TEST_CASE("a test may ask for a model that no row has") {
    CHECK(differences(R"(rules:
  - name: busy
    metric: requests
    by: [model]
    window: 5m
    above: 1
    tests:
      - rows: [{at: 1s, model: gpt-4o}, {at: 5s, model: later}]
        expect:
          - {at: 2s, key: {model: gpt-5}, state: inactive, value: 0, notices: 0}
          - {at: 2s, key: {model: later}, value: 0}
          - {at: 5s, key: {model: later}, value: 1}
)") == std::vector<std::string>{});
}

TEST_CASE("channels, keys and users of a test have names, providers, tags and groups") {
    CHECK(differences(R"(rules:
  - name: azure
    metric: requests
    where: {provider: Azure, tag: "!spare", channel: "eu-*"}
    by: [provider, channel]
    window: 5m
    above: 2
    tests:
      - channels:
          3: {name: eu-1, provider: Azure}
          4: {name: eu-2, provider: Azure, tag: spare}
          5: {name: eu-3, provider: OpenAI}
          6: {name: us-1, provider: Azure}
        rows:
          - {at: 1s, repeat: 3, every: 0s, channel: 3}
          - {at: 1s, repeat: 3, every: 0s, channel: 4}
          - {at: 1s, repeat: 3, every: 0s, channel: 5}
          - {at: 1s, repeat: 3, every: 0s, channel: 6}
        expect:
          - {at: 2s, key: {provider: Azure, channel: eu-1}, state: firing, value: 3}
          - {at: 2s, key: {provider: Azure, channel: 4}, state: inactive, value: 0}
          - {at: 2s, key: {provider: OpenAI, channel: 5}, state: inactive, value: 0}
          - {at: 2s, key: {provider: Azure, channel: 6}, state: inactive, value: 0}
  - name: key-of-vip
    metric: token_used_percent
    where: {token: "prod-*", group: vip}
    above: 95
    tests:
      - users: {12: {name: alice, group: vip}, 13: {name: bob, group: default}}
        tokens: {7: {name: prod-1, user: alice}, 8: {name: prod-2, user: 13}, 9: {name: x, user: 12}}
        gauges:
          - {at: 1s, metric: token_used_percent, object: 7, value: 97}
          - {at: 1s, metric: token_used_percent, object: 8, value: 97}
          - {at: 1s, metric: token_used_percent, object: 9, value: 97}
        expect:
          - {at: 2s, key: {token: prod-1}, state: firing}
          - {at: 2s, key: {token: prod-2}, state: inactive}
          - {at: 2s, key: {token: 9}, state: inactive}
  - name: named-key
    metric: requests
    where: {token: 7}
    window: 5m
    above: 1
    tests:
      - tokens: {7: {name: prod-1}}
        rows: [{at: 1s, repeat: 2, every: 0s, token: prod-1}]
        expect: [{at: 2s, state: firing}]
)") == std::vector<std::string>{});
}

TEST_CASE("rows of the weeks before a test are what is usual in it") {
    const std::string rule = R"(rules:
  - name: unusual
    metric: requests
    by: [channel]
    window: 1h
    compare_to: usual
    above: 100
    tests:
      - rows:
          - {at: -30d, channel: 9}
          - {at: -28d, repeat: WEEKS, every: 7d, channel: 3}
          - {at: -28d1m, repeat: WEEKS, every: 7d, channel: 3}
          - {at: 5m, repeat: 5, every: 1s, channel: 3}
        expect:
          - {at: 5m4s, key: {channel: 3}, state: inactive}
          - {at: 6m, key: {channel: 3}, state: STATE}
)";
    const auto told = [&](const std::string& weeks, const std::string& state) {
        auto text = rule;
        for (auto at = text.find("WEEKS"); at != std::string::npos; at = text.find("WEEKS")) {
            text.replace(at, 5, weeks);
        }
        text.replace(text.find("STATE"), 5, state);
        return fmt::format("{}", fmt::join(differences(text), "\n"));
    };
    CHECK(told("4", "firing, value: 150") == "");
    CHECK(told("2", "inactive") == "");  // of two weeks nothing is usual
}

TEST_CASE("a test that expects silence of nothing that the rule looks at proves nothing") {
    CHECK(proves_nothing(R"(rules:
  - name: azure
    metric: requests
    where: {provider: Azure}
    window: 5m
    above: 2
    tests:
      - rows: [{at: 1s, channel: 3}]
        expect: [{at: 2s, state: inactive, value: 0, notices: 0}]
      - channels: {3: {provider: Azure}}
        rows: [{at: 1s, channel: 3}]
        expect: [{at: 2s, state: inactive}]
      - rows: [{at: 1s, channel: 3}]
        expect: [{at: 2s, state: firing}]
      - gauges: [{at: 1s, metric: channel_balance, object: 3, value: 1}]
        expect: [{at: 2s, state: inactive}]
  - name: poor
    metric: channel_balance
    where: {channel: "azure-*"}
    below: 5
    tests:
      - gauges: [{at: 1s, metric: channel_balance, object: 3, value: 7}]
        expect: [{at: 2s, key: {channel: 3}, state: inactive}]
      - channels: {3: {name: azure-1}}
        gauges: [{at: 1s, metric: channel_balance, object: 3, value: 7}]
        expect: [{at: 2s, key: {channel: 3}, state: inactive}]
      - channels: {3: {name: azure-1}}
        gauges: [{at: 1s, metric: dead_keys, object: 3, value: 7}]
        rows: [{at: 1s, channel: 3}]
        expect: [{at: 2s, key: {channel: 3}, state: inactive}]
)") == std::vector<bool>{true, false, false, true, true, false, true});
}

TEST_CASE("a test knows of series that are not shown, because others are larger") {
    CHECK(differences(R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 5m
    above: 100
    max_series: 1
    tests:
      - rows: [{at: 0s, channel: 3, tokens: 200}, {at: 0s, channel: 4, tokens: 300}]
        expect:
          - {at: 1s, key: {channel: 3}, state: firing}
          - {at: 1s, key: {channel: 4}, state: firing}
          - {at: 1s, key: {channel: 5}, state: inactive}
)")
              .empty());
}

TEST_CASE("names of a test that are no UTF-8 are taken as the gateway's are") {
    CHECK(differences("rules:\n"
                      "  - name: few\n"
                      "    metric: healthy_channels\n"
                      "    below: 2\n"
                      "    tests:\n"
                      "      - gauges: [{at: 1s, metric: healthy_channels, object: \"g\xff/m\", "
                      "value: 1}]\n"
                      "        expect: [{at: 2s, key: {group: \"g\xEF\xBF\xBD\", model: m}, state: "
                      "firing}]\n")
              .empty());
}
