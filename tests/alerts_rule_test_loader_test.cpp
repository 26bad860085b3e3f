#include <doctest/doctest.h>

#include "alerts_rules_fixture.h"

using namespace quotafuse;
using namespace std::chrono_literals;
using alerts::Dimension;
using tests::faults;
using tests::Lines;
using tests::load_set;

namespace {

/// A rule by channel and model, with the tests that stand at column 7 from line 4 on.
std::string with_tests(const std::string& tests) {
    return "rules:\n  - {name: a, metric: tokens, by: [channel, model], window: 1h, above: 5,\n"
           "     timezone: Asia/Shanghai, tests: [\n" +
           tests + "    ]}\n";
}

}  // namespace

TEST_CASE("the tests of a rule are read with every kind of row") {
    const auto set = load_set(with_tests(R"(
      {name: a night, starts: 2026-01-05 23:00, rows: [
        {at: 0s, repeat: 30, every: 2s, channel: 3, model: gpt-4o, token: k1, user: alice,
         group: vip, route: /v1/x, ip: 10.1.2.3, request_id: r1, tokens: 100, prompt_tokens: 60,
         cache_tokens: 20, cost: 0.5, latency: 1500ms, ttft: 300ms, attempts: 2},
        {at: 5m, channel: 3, status: 429, code: "channel:no_available_key"},
        {at: 6m, kind: refund, quota: 250, token: k1, user: 12},
        {at: 7m, empty: true, tokens: 9},
        {at: 8m, stream: broken, token: k2},
        {at: 9m}],
       gauges: [{at: 1m, metric: channel_balance, object: 3, value: -2.5},
                {at: 2m, metric: healthy_channels, object: default/gpt-4o, value: null}],
       expect: [{at: 9m, key: {channel: 3, model: gpt-4o}, value: 2e3},
                {at: 1m, key: {channel: 3, model: gpt-4o}, state: pending, notices: 0}]},
)"));
    REQUIRE(set.tests.size() == 1);
    const auto& test = set.tests[0];
    CHECK(test.name == "a night");
    CHECK(test.rule == "a");
    CHECK(test.file == "a.yaml");
    CHECK(test.place == base::yaml::Place{5, 7});
    CHECK(base::unix_seconds(test.starts) == 1'767'625'200);  // 15:00 UTC
    REQUIRE(test.rows.size() == 6);
    const auto& first = test.rows[0];
    CHECK(first.repeat == 30);
    CHECK(first.every == 2s);
    CHECK(first.entry.kind == sync::Kind::consume);
    CHECK(first.entry.channel == 3);
    CHECK(first.entry.model == "gpt-4o");
    CHECK(first.entry.token_name == "k1");
    CHECK(first.entry.token > 0);
    CHECK(first.entry.username == "alice");
    CHECK(first.entry.group == "vip");
    CHECK(first.entry.route == "/v1/x");
    CHECK(first.entry.ip == "10.1.2.3");
    CHECK(first.entry.request_id != 0);
    CHECK(first.entry.prompt_tokens == 60);
    CHECK(first.entry.completion_tokens == 40);
    CHECK(first.entry.cache_tokens == 20);
    CHECK(first.entry.quota == 250'000);
    CHECK(first.entry.latency_ms == 1500);
    CHECK(first.entry.first_token_ms == 300);
    CHECK(first.entry.stream);
    CHECK(first.entry.attempts == 2);
    const auto& failed = test.rows[1].entry;
    CHECK(failed.kind == sync::Kind::error);
    CHECK(failed.status == 429);
    CHECK(failed.error_code == "channel:no_available_key");
    CHECK(failed.completion_tokens == 0);
    const auto& refund = test.rows[2].entry;
    CHECK(refund.kind == sync::Kind::refund);
    CHECK(refund.quota == 250);
    CHECK(refund.token == first.entry.token);
    CHECK(refund.user == 12);
    CHECK(test.rows[3].entry.prompt_tokens == 9);
    CHECK(test.rows[3].entry.completion_tokens == 0);
    CHECK(test.rows[4].entry.stream_end == sync::StreamEnd::broken);
    CHECK(test.rows[4].entry.token != first.entry.token);
    CHECK(test.rows[5].entry.completion_tokens == 1);  // an answer, if a short one
    REQUIRE(test.gauges.size() == 2);
    CHECK(test.gauges[0].name == "channel_balance");
    CHECK(test.gauges[0].object == "3");
    CHECK(test.gauges[0].value == -2.5);
    CHECK(test.gauges[1].object == "default/gpt-4o");
    CHECK_FALSE(test.gauges[1].value);
    REQUIRE(test.expect.size() == 2);
    CHECK(test.expect[0].at == 1min);  // in the order of time
    CHECK(test.expect[0].state == alerts::Phase::pending);
    CHECK(test.expect[0].notices == 0);
    CHECK(test.expect[1].value == 2000);
    CHECK(test.expect[1].key == std::vector<std::pair<Dimension, std::string>>{
                                    {Dimension::channel, "3"}, {Dimension::model, "gpt-4o"}});
}

TEST_CASE("a test that says no start begins on a Monday morning of the rule's zone") {
    const auto set = load_set(
        with_tests("      {expect: [{at: 0s, key: {channel: 3, model: x}, state: inactive}]}\n"));
    REQUIRE(set.tests.size() == 1);
    const auto zone = *base::TimeZone::find("Asia/Shanghai");
    CHECK(zone.format(set.tests[0].starts) == "2026-01-05 09:00:00");
}

TEST_CASE("what a test calls its channels, keys and users is read, and its rows know it") {
    const auto set = load_set(with_tests(R"(
      {channels: {3: {name: azure-1, provider: Azure, tag: spare}, 4: {}},
       users: {12: {name: alice, group: vip}},
       tokens: {7: {name: prod-1, user: alice}, 8: {user: 13}},
       rows: [{at: -90d, token: prod-1}, {at: "-1w", token: 7, user: alice}, {at: 0s, token: 8},
              {at: 0s, token: other}],
       expect: [{at: 1m, key: {channel: azure-1, model: gpt-4o}, state: inactive}]},
)"));
    REQUIRE(set.tests.size() == 1);
    const auto& test = set.tests[0];
    CHECK(test.channels.at(3).name == "azure-1");
    CHECK(test.channels.at(3).provider == "Azure");
    CHECK(test.channels.at(3).tag == "spare");
    CHECK(test.channels.contains(4));
    CHECK(test.users.at(12).name == "alice");
    CHECK(test.users.at(12).group == "vip");
    CHECK(test.tokens.at(7).name == "prod-1");
    CHECK(test.tokens.at(7).user == 12);
    CHECK(test.tokens.at(8).user == 13);
    CHECK(test.rows[0].at == -90 * 24h);
    CHECK(test.rows[0].entry.token == 7);
    CHECK(test.rows[1].at == -7 * 24h);
    CHECK(test.rows[1].entry.token_name == "prod-1");
    CHECK(test.rows[1].entry.user == 12);
    CHECK(test.rows[2].entry.token_name == "token-8");
    CHECK(test.rows[3].entry.token >= 1'000'000);
}

TEST_CASE("faults of a test's names and of times before it are told at their places") {
    CHECK(faults(with_tests(R"(
      {channels: {x: {}, 3: {provider: Azur}, 4: {nam: a}, 5: 7}, tokens: {0: {}}, users: [],
       rows: [{at: -91d}, {at: -1}, {at: -7d, repeat: 2, every: 62d}],
       gauges: [{at: -1d, metric: channel_balance, object: 3, value: 1}],
       expect: [{at: -1m, key: {channel: 3, model: x}, state: inactive},
                {at: 1m, key: {channel: azure, model: x}, state: inactive}]}
)")) == Lines{"a.yaml:5:19: channels have ids from 1 to 1000000000, not 'x'",
              "a.yaml:5:40: no provider is called 'Azur'; did you mean 'Azure'?",
              "a.yaml:5:51: unknown key 'nam' in channels; did you mean 'name'?",
              "a.yaml:5:63: channels must be a map of keys and values, not '7'",
              "a.yaml:5:76: tokens have ids from 1 to 999999, not '0'",
              "a.yaml:5:91: users must be a map of ids, not a list",
              "a.yaml:6:20: at must be from -90d to 62d, such as -7d or 90s, not '-91d'",
              "a.yaml:6:32: at must be from -90d to 62d, such as -7d or 90s, not '-1'",
              "a.yaml:7:22: only rows can be before the start of the test",
              "a.yaml:8:22: only rows can be before the start of the test",
              "a.yaml:9:41: no channel of this test is called 'azure'"});
}

TEST_CASE("faults of tests are told at their places") {
    CHECK(faults(with_tests(R"(
      {starts: 9:00, rows: [{repeat: 0, chanel: 3}, 7], gauge: [], expect: [{}]},
      {rows: [{at: 1s, tokens: 5, prompt_tokens: 6, quota: 1, cost: 2}, {at: 0s, token: 1000000},
              {at: 1s, kind: refund, status: 500}, {at: 1s, empty: true, completion_tokens: 1},
              {at: 1s, stream: 5}, {at: 1s, stream: false, ttft: 1s}, {at: 62d, repeat: 2}],
       gauges: [{at: 1s, metric: cost, object: 3, value: 1},
                {at: 1s, metric: dead_keys, object: x, value: 1},
                {at: 1s, metric: healthy_channels, object: x, value: 1}],
       expect: [{at: 1s, key: {channel: 3}, state: firing}, {at: 1s, key: {chanel: 3}}]},
      {rows: [{at: 1s, repeat: 200000}, {at: 2s}], expect: {at: 3s}},
      {}
)")) == Lines{"a.yaml:5:16: starts must be a local time such as \"2026-01-05 09:00\", not '9:00'",
              "a.yaml:5:29: rows needs the key 'at'",
              "a.yaml:5:38: repeat must be a whole number from 1 to 200000, not '0'",
              "a.yaml:5:41: unknown key 'chanel' in rows; did you mean 'channel'?",
              "a.yaml:5:53: rows must be a map of keys and values, not '7'",
              "a.yaml:5:57: unknown key 'gauge' in a test; did you mean 'gauges'?",
              "a.yaml:5:77: expect needs the key 'at'",
              "a.yaml:5:77: key must name each dimension of by: channel, model",
              "a.yaml:5:77: expect needs one of state, value and notices",
              "a.yaml:6:32: tokens is less than the part of it that stands beside",
              "a.yaml:6:69: a row has quota or cost, not both",
              "a.yaml:6:89: token must be a name, or an id under 1000000, not '1000000'",
              "a.yaml:7:30: only a row of kind error has a status or a code",
              "a.yaml:7:68: an empty reply is an answer without completion_tokens",
              "a.yaml:8:32: stream must be true, false or broken, not '5'",
              "a.yaml:8:53: only a stream has a ttft",
              "a.yaml:8:71: the last of these rows is more than 62d after the start",
              "a.yaml:9:34: metric must be one of channel_down, channel_balance, "
              "channel_balance_age, token_remaining, token_used_percent, token_expires_in, "
              "user_remaining, user_used_percent, healthy_channels, dead_keys, not 'cost'",
              "a.yaml:10:53: object must be the id of what has the dead_keys, not 'x'",
              "a.yaml:11:60: object must be a group and a model, such as default/gpt-4o, not 'x'",
              "a.yaml:12:31: key must name each dimension of by: channel, model",
              "a.yaml:12:61: expect needs one of state, value and notices",
              "a.yaml:12:75: key must name each dimension of by: channel, model",
              "a.yaml:12:76: unknown key 'chanel' in key; did you mean 'channel'?",
              "a.yaml:13:41: a test has at most 200000 rows",
              "a.yaml:13:60: expect must be a list, not a map",
              "a.yaml:14:7: a test needs the key 'expect'"});
}

TEST_CASE("a test that expects nothing could not fail and is refused") {
    CHECK(faults(R"(rules:
  - {name: a, metric: cost, window: 1h, above: 1, tests: [{expect: []}, {expect: }]}
)") == Lines{"a.yaml:2:68: expect is an empty list: a test that expects nothing proves nothing",
             "a.yaml:2:82: expect must be a list, not nothing"});
}

TEST_CASE("tests must be a list") {
    CHECK(faults("rules: [{name: a, metric: cost, window: 1h, above: 1, tests: {at: 1s}}]") ==
          Lines{"a.yaml:1:62: tests must be a list of tests, not a map"});
}
