#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_rules_fixture.h"

using namespace quotafuse;
using alerts::Comparison;
using alerts::Dimension;
using alerts::Frame;
using alerts::Metric;
using namespace std::chrono_literals;
using tests::context;
using tests::faults;
using tests::Lines;
using tests::load;
using tests::load_set;

namespace {

/// The faults of one rule, told as "12: text" (its column).
Lines of(const std::string& keys, const alerts::LoadContext& with = context()) {
    auto told = faults("rules: [{name: a, " + keys + "}]", with);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < told.text.size();) {
        const auto end = told.text.find('\n', at);
        lines.push_back(told.text.substr(at, end - at).substr(std::string{"a.yaml:1:"}.size()));
        at = end + 1;
    }
    return Lines{lines};
}

alerts::LoadContext keeping(std::chrono::seconds kept) {
    auto with = context();
    with.kept = kept;
    return with;
}

alerts::LoadContext one_api() {
    auto with = context();
    with.gateway = sync::Gateway::one_api;
    return with;
}

}  // namespace

TEST_CASE(
    "every metric can be named, and each has the unit, the delay and the objects that are its") {
    for (std::size_t i = 0; i < alerts::metric_names().size(); ++i) {
        const auto metric = static_cast<Metric>(i);
        const auto name = alerts::metric_names()[i];
        const std::string window = is_gauge(metric) ? "" : ", window: 1h";
        const auto rules =
            load(fmt::format("rules: [{{name: a, metric: {}, above: 0{}}}]", name, window));
        INFO(name);
        REQUIRE(rules.size() == 1);
        CHECK(rules[0].metric == metric);
        CHECK(rules[0].by == object_of(metric));
        const bool late = needs_rows(metric) || metric == Metric::since_last;
        CHECK(delay_of(rules[0]) == (late ? 3s : 0s));
        CHECK(rules[0].min_requests == (is_ratio(metric) ? 20 : 0));
        CHECK(keeps_keys(rules[0]) == (metric == Metric::since_last));
    }
    CHECK(alerts::metric_name(Metric::dead_keys) == "dead_keys");
    CHECK(alerts::metric_name(Metric::since_last) == "since_last");
    CHECK(alerts::metric_unit(Metric::ttft_p95) == "ms");
    CHECK(alerts::metric_unit(Metric::token_remaining) == "USD");
    CHECK(alerts::dimension_name(Dimension::ip) == "ip");
}

TEST_CASE("a window is rolling, a calendar period, or a fixed time in the rule's zone") {
    const auto window = [](const std::string& text) {
        return load("rules: [{name: a, metric: cost, above: 1, timezone: Asia/Shanghai, window: " +
                    text + "}]")
            .at(0)
            .window;
    };
    CHECK(window("90m") == Frame::rolling(90min));
    CHECK(window("today").kind == Frame::Kind::today);
    CHECK(window("this_week").kind == Frame::Kind::this_week);
    CHECK(window("this_month").kind == Frame::Kind::this_month);
    const auto nine = base::from_unix(1'767'574'800);  // 2026-01-05 01:00 UTC
    CHECK(window("{from: \"2026-01-05 09:00\", to: 2026-01-05 18:00:30}") ==
          Frame{Frame::Kind::fixed, {}, nine, nine + 9h + 30s});
    CHECK(of("metric: cost, above: 1, window: tody") ==
          Lines{"51: window must be a duration such as 1h, or one of today, this_week, this_month, "
                "not 'tody'; did you mean 'today'?"});
    CHECK(
        of("metric: cost, above: 1, window: {from: 2026-02-29 09:00, to: 9:00, till: 1}") ==
        Lines{"58: from must be a local time such as \"2026-01-05 09:00\", not '2026-02-29 09:00'",
              "80: to must be a local time such as \"2026-01-05 09:00\", not '9:00'",
              "86: unknown key 'till' in window; known are from, to"});
    CHECK(of("metric: cost, above: 1, window: {from: 2026-01-05 09:00, to: 2026-01-06}") ==
          Lines{"80: to must be a local time such as \"2026-01-05 09:00\", not '2026-01-06'"});
    CHECK(of("metric: cost, above: 1, window: {from: 2026-01-05 09:00, to: 2026-01-05 09:00}") ==
          Lines{"80: to must be after from"});
    CHECK(of("metric: cost, above: 1, window: [1h]") ==
          Lines{"51: window must be a duration such as 90s or 1h30m, not a list"});
    CHECK(of("metric: cost, below: 1, window: today") ==
          Lines{"51: below needs a rolling window such as 1h: today begins empty, and the rule "
                "would fire then"});
    CHECK(of("metric: distinct_ips, above: 1, window: 25h") ==
          Lines{"59: distinct_ips counts values over 24h at most"});
    CHECK(of("metric: since_last, above: 1h, window: 1h") ==
          Lines{"46: since_last looks back one window only: a limit of 3600 seconds needs a window "
                "that is longer"});
}

TEST_CASE("local times next to the date line, and where the clock jumps, are found") {
    const auto from = [](const std::string& zone, const std::string& time) {
        const auto rules = load("rules: [{name: a, metric: cost, above: 1, timezone: " + zone +
                                ", window: {from: " + time + ", to: 2029-01-01 00:00}}]");
        const auto shown = base::TimeZone::find(zone)->format(rules.at(0).window.from);
        return shown;
    };
    CHECK(from("Pacific/Kiritimati", "2026-01-05 09:00") == "2026-01-05 09:00:00");  // UTC+14
    CHECK(from("Pacific/Niue", "2026-01-05 09:00") == "2026-01-05 09:00:00");        // UTC−11
    CHECK(from("Europe/Berlin", "2026-03-29 02:30") == "2026-03-29 03:00:00");
    CHECK(from("UTC", "2028-02-29 23:59") == "2028-02-29 23:59:00");
}

TEST_CASE("a comparison takes rises and drops in percent, of windows that can be compared") {
    const auto rules = load(
        "rules:\n"
        "  - {name: a, metric: cost, window: 1h, compare_to: previous, above: 200, clear: 50}\n"
        "  - {name: b, metric: requests, window: 1h, compare_to: usual, below: -50, clear: -20}\n"
        "  - {name: c, metric: error_rate, window: this_week, compare_to: last_week, above: 50}\n"
        "  - {name: d, metric: cost, window: this_month, compare_to: previous, above: 50,\n"
        "     summary: \"{{now}} {{base}} {{value}}\"}\n");
    REQUIRE(rules.size() == 4);
    CHECK(rules[0].compare_to == Comparison::previous);
    CHECK(delay_of(rules[0]) == 3s);
    CHECK_FALSE(keeps_keys(rules[0]));
    CHECK(rules[1].compare_to == Comparison::usual);
    CHECK(rules[1].limit == -50);
    CHECK(rules[1].clear == -20);
    CHECK(keeps_keys(rules[1]));
    CHECK(of("metric: cost, window: 1h, compare_to: yesterday, above: -1") ==
          Lines{"75: above must not be negative: with compare_to a drop is below, such as below: "
                "-50"});
    for (const auto* const below : {"-100", "0", "50"}) {
        CHECK(of(fmt::format("metric: cost, window: 1h, compare_to: usual, below: {}", below)) ==
              Lines{"71: with compare_to, below is a drop in percent and lies between -100 and 0, "
                    "such as below: -50"});
    }
    CHECK(of("metric: cost, window: 1h, above: 1, compare_to: yesterdy") ==
          Lines{"67: compare_to must be one of previous, yesterday, last_week, usual, not "
                "'yesterdy'; did you mean 'yesterday'?"});
    CHECK(of("metric: cost, window: this_month, above: 1, compare_to: usual") ==
          Lines{"75: this month cannot be compared with usual; previous is the month before"});
    CHECK(of("metric: cost, window: this_week, above: 1, compare_to: yesterday") ==
          Lines{"74: this week cannot be compared with yesterday; previous is the week before, "
                "last_week and usual work, too"});
    CHECK(of("metric: cost, window: {from: 2026-01-05 09:00, to: 2026-01-06 09:00}, above: 1, "
             "compare_to: previous") ==
          Lines{"111: a fixed window has nothing to be compared with"});
    CHECK(of("metric: since_last, window: 2h, above: 10, compare_to: previous") ==
          Lines{"74: since_last is a time, not a quantity: it cannot be compared"});
    CHECK(of("metric: cost, window: 1h, above: 1, summary: \"{{base}}\"") ==
          Lines{"64: unknown variable {{base}}; known are value, rule, window, threshold"});
}

TEST_CASE("what a rule looks back must be kept, comparisons and all") {
    CHECK(of("metric: cost, window: 20d, above: 1, compare_to: previous", keeping(35 * 24h)) ==
          Lines{"41: a window of 20d with the one before it is longer than the 35d that rows are "
                "kept (store.keep.rows); 41d would do"});
    CHECK(of("metric: cost, window: 20d, above: 1, compare_to: previous", keeping(41 * 24h)) ==
          Lines{});
    CHECK(of("metric: cost, window: 1h, above: 1, compare_to: usual", keeping(35 * 24h)) ==
          Lines{});
    CHECK(of("metric: cost, window: 1h, above: 1, compare_to: usual", keeping(21 * 24h)) ==
          Lines{"67: usual needs 3 weeks of rows before the window, and rows are kept 21d "
                "(store.keep.rows); 23d would do"});
    CHECK(of("metric: cost, window: 1h, above: 1, compare_to: usual", keeping(23 * 24h)) ==
          Lines{});
    CHECK(of("metric: cost, window: this_month, above: 1", keeping(31 * 24h)) ==
          Lines{"41: a window of this month is longer than the 31d that rows are kept "
                "(store.keep.rows); 32d would do"});
    CHECK(
        of("metric: cost, window: this_month, above: 1, compare_to: previous", keeping(62 * 24h)) ==
        Lines{"41: a window of this month with the one before it is longer than the 62d that rows "
              "are kept (store.keep.rows); 63d would do"});
    CHECK(of("metric: cost, window: this_month, above: 1, compare_to: previous",
             keeping(63 * 24h)) == Lines{});
    CHECK(alerts::weeks_kept(1h, 35 * 24h) == 4);
    CHECK(alerts::weeks_kept(1h, 10'000h) == alerts::kMostWeeks);
    CHECK(alerts::weeks_kept(1h, std::nullopt) == alerts::kMostWeeks);
    CHECK(alerts::weeks_kept(30 * 24h, 24h) == 0);
    // What `usual` reads in so many weeks is kept.
    for (int days = 22; days < 90; ++days) {
        const auto kept = days * 24h;
        const auto weeks = alerts::weeks_kept(26h, kept);
        CHECK(reach_of(Frame::rolling(26h), Comparison::usual, weeks, 10min) <= kept);
    }
}

TEST_CASE("a gauge has no window and is grouped by its object") {
    const auto rules = load(
        "rules:\n"
        "  - {name: a, metric: channel_balance, where: {provider: \"Open*\", tag: \"!x\"}, below: "
        "-5}\n"
        "  - {name: b, metric: healthy_channels, by: [group, model], below: 2}\n"
        "  - {name: c, metric: token_expires_in, where: {user: 7}, below: 3d, clear: 4d}\n"
        "  - {name: d, metric: channel_balance, below: 0, action: {disable_channel: {}}}\n");
    REQUIRE(rules.size() == 4);
    CHECK(rules[0].by == std::vector{Dimension::channel});
    CHECK(rules[0].limit == -5);
    CHECK(rules[1].by == std::vector{Dimension::group, Dimension::model});
    CHECK(rules[2].by == std::vector{Dimension::token});
    CHECK(rules[2].limit == 3 * 86'400);
    CHECK(rules[2].clear == 4 * 86'400);
    CHECK(of("metric: channel_down, above: 0, window: 1h, compare_to: usual, min_requests: 5") ==
          Lines{"59: channel_down is what the gateway says now: leave window out",
                "75: channel_down is what the gateway says now: leave compare_to out",
                "96: channel_down is what the gateway says now: leave min_requests out"});
    CHECK(
        of("metric: channel_balance, below: 5, where: {model: x}, by: [provider]") ==
        Lines{"69: channel_balance knows no model; its where takes channel, provider, tag",
              "77: channel_balance has one series for each channel: by must be [channel], or left "
              "out"});
    CHECK(of("metric: healthy_channels, below: 2, by: [model]") ==
          Lines{"59: healthy_channels has one series for each group and model: by must be [group, "
                "model], or left out"});
    CHECK(of("metric: channel_down, above: 1") ==
          Lines{"48: channel_down is 0 or 1: above must be 0"});
    CHECK(of("metric: channel_down, above: 0, action: {disable_channel: {}}") ==
          Lines{"59: channel_down is about channels that are disabled already"});
}

TEST_CASE("times may be written with their unit where a metric is a time, and nowhere else") {
    const auto limit = [](const std::string& keys) {
        return load("rules: [{name: a, " + keys + "}]").at(0).limit;
    };
    CHECK(limit("metric: since_last, window: 2h, above: 30m") == 1800);
    CHECK(limit("metric: since_last, window: 2h, above: 1800") == 1800);
    CHECK(limit("metric: latency_p95, window: 2h, above: 30s") == 30'000);
    CHECK(limit("metric: latency_p95, window: 2h, above: 1500ms") == 1'500);
    CHECK(limit("metric: since_last, window: 2h, above: \"30m\"") == 1800);
    CHECK(of("metric: cost, window: 2h, above: 30m") ==
          Lines{"52: above must be a number, not '30m'"});
    CHECK(of("metric: since_last, window: 2h, above: 30min") ==
          Lines{"58: above must be a number of seconds or a duration with its unit, such as 90s or "
                "30m, not '30min'"});
    CHECK(of("metric: latency_avg, window: 2h, compare_to: previous, above: 30s") ==
          Lines{"81: above must be a number, not '30s'"});
}

TEST_CASE("a rule that could never fire, or never be over, is refused") {
    CHECK(of("metric: requests, window: 1h, below: 5, min_requests: 5") ==
          Lines{"73: with min_requests 5 the rule would never fire: requests below 5 are too few"});
    CHECK(of("metric: requests, window: 1h, below: 5, min_requests: 4") == Lines{});
    CHECK(of("metric: error_rate, window: 1h, below: 5, clear: 101") ==
          Lines{"68: clear: error_rate is never above 100 percent, and it would never be over"});
}

TEST_CASE("errors_when says which failures are errors, for metrics of errors only") {
    const auto rules = load(
        "rules: [{name: a, metric: error_rate, window: 5m, above: 10,\n"
        "  errors_when: {status: [5xx, 429, 404], code: \"channel:*\"}}]");
    REQUIRE(rules.at(0).errors_when);
    CHECK(rules[0].errors_when->status ==
          alerts::Condition{Dimension::status,
                            {{false, {}, "5??"}, {false, 429, ""}, {false, 404, ""}}});
    CHECK(rules[0].errors_when->code ==
          alerts::Condition{Dimension::code, {{false, {}, "channel:*"}}});
    CHECK(of("metric: tokens, window: 5m, above: 10, errors_when: {status: 500}") ==
          Lines{"71: errors_when works with errors, client_errors, error_rate and "
                "final_error_rate, not with tokens"});
    CHECK(of("metric: errors, window: 5m, above: 10, errors_when: {}") ==
          Lines{"71: errors_when needs status, code or both"});
    CHECK(of("metric: errors, window: 5m, above: 10, errors_when: {stat: 500}") ==
          Lines{"72: unknown key 'stat' in errors_when; did you mean 'status'?"});
}

TEST_CASE("what a gateway cannot give is refused with why, or left to the other gateway") {
    CHECK(
        of("metric: error_rate, window: 5m, above: 10", one_api()) ==
        Lines{"27: One API logs no failed request (a row of type 5 is a channel test there); with "
              "gateway: new-api the rule is only for New API"});
    CHECK(of("metric: cost, window: 5m, above: 10, by: [group]", one_api()) ==
          Lines{"27: One API logs no group; with gateway: new-api the rule is only for New API"});
    CHECK(
        of("metric: cost, window: 5m, above: 10, where: {token: 3}", one_api()) ==
        Lines{"27: One API logs no id of a key: name it, in quotes; with gateway: new-api the rule "
              "is only for New API"});
    CHECK(of("metric: healthy_channels, below: 2", one_api()) == Lines{});
    CHECK(of("metric: user_remaining, below: 2, where: {group: vip}", one_api()) == Lines{});
    const std::string rule =
        "rules: [{name: a, metric: errors, window: 5m, above: 1, gateway: new-api}]";
    CHECK(load(rule).at(0).enabled);
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules("a.yaml", rule, one_api(), diagnostics);
    REQUIRE(set.rules.size() == 1);
    CHECK_FALSE(set.rules[0].enabled);
    CHECK(of("metric: ttft_p95, window: 5m, above: 1, gateway: one-api") ==
          Lines{"68: One API does not log when the first token came"});
}

TEST_CASE("built-in alerts own their names and may inhibit") {
    CHECK(faults("rules: [{name: source-stale, metric: cost, window: 1h, above: 1}]") ==
          Lines{"a.yaml:1:16: source-stale is the name of a built-in alert"});
    CHECK(load("rules: [{name: a, metric: cost, window: 1h, above: 1, inhibited_by: source-stale}]")
              .at(0)
              .inhibited_by == std::vector<std::string>{"source-stale"});
}

TEST_CASE("inhibitors must exist and never go in a circle") {
    const auto rule = [](const std::string& name, const std::string& by) {
        return "  - {name: " + name + ", metric: cost, window: 1h, above: 1, inhibited_by: [" + by +
               "]}\n";
    };
    CHECK(faults("rules:\n" + rule("one", "two") + rule("two", "three") + rule("three", "one") +
                 rule("four", "four") + rule("five", "one") + rule("six", "thre, zzz, one, one")) ==
          Lines{"a.yaml:4:70: inhibited_by goes in a circle: one -> two -> three -> one",
                "a.yaml:5:69: a rule cannot inhibit itself",
                "a.yaml:7:68: there is no rule and no built-in alert 'thre'; did you mean 'three'?",
                "a.yaml:7:74: there is no rule and no built-in alert 'zzz'",
                "a.yaml:7:84: inhibited_by names 'one' twice"});
    const auto rules = load("rules:\n" + rule("a", "b, c") + rule("b", "c") +
                            "  - {name: c, metric: cost, window: 1h, above: 9}\n");
    CHECK(rules.at(0).inhibited_by == std::vector<std::string>{"b", "c"});
}
