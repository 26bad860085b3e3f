#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule_loader.h"
#include "daemon/blind_spots.h"
#include "daemon/info_needs.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

Config config(const std::string& rules) {
    Config config;
    base::yaml::Diagnostics diagnostics;
    alerts::LoadContext context;
    context.kept = config.keep.rows;
    config.rules = alerts::parse_rules("r.yaml", "rules:\n" + rules, context, diagnostics).rules;
    REQUIRE_MESSAGE(diagnostics.ok(), fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    return config;
}

const std::string kErrors = "  - {name: errors, metric: error_rate, window: 5m, above: 20}\n";
const std::string kTokens = "  - {name: keys, metric: token_remaining, below: 1}\n";
const std::string kMonth = "  - {name: month, metric: cost, window: 30d, above: 1}\n";

const std::string kNoFailures =
    "One API logs no failed request (a row of type 5 is a channel test there): the rule has "
    "nothing to go by";

}  // namespace

TEST_CASE("error rules without a failed request among many rows are named, with what to set") {
    const auto with_errors = config(kErrors + kMonth);
    const auto spots = blind_spots(with_errors, GatewaySight{sync::Gateway::new_api, 5000, 0, {}});
    REQUIRE(spots.size() == 1);
    CHECK(spots[0].starts_with("rule errors: none of the newest 5000 rows is a failed request"));
    CHECK(spots[0].find("ERROR_LOG_ENABLED=true") != std::string::npos);
    CHECK(blind_spots(with_errors, GatewaySight{sync::Gateway::new_api, 5000, 1, {}}).empty());
    CHECK(blind_spots(with_errors, GatewaySight{sync::Gateway::new_api, 0, 0, {}}).empty());
    CHECK(blind_spots(config(kMonth), GatewaySight{sync::Gateway::new_api, 5000, 0, {}}).empty());
    CHECK(blind_spots(with_errors, GatewaySight{sync::Gateway::one_api, 5000, 9, {}}) ==
          std::vector<std::string>{"rule errors: " + kNoFailures});
}

TEST_CASE("what the account may not read is told with the rules that need it") {
    CHECK(blind_spots(config(kTokens + kErrors),
                      GatewaySight{sync::Gateway::new_api, 9, 1, {{"tokens", "no grant"}}}) ==
          std::vector<std::string>{"rule keys: tokens cannot be read: no grant"});
}

TEST_CASE("a rule that looks back further than there are rows is told") {
    const auto now = base::from_unix(1'767'000'000);
    const auto one = config(kMonth + kErrors);
    CHECK(blind_spots(one, now - 31 * 24h, now).empty());
    CHECK(blind_spots(one, std::nullopt, now).empty());
    const auto spots = blind_spots(one, now - 5 * 24h, now);
    REQUIRE(spots.size() == 1);
    CHECK(spots[0] ==
          "rule month: looks back further than the store does, which begins "
          "2025-12-24 09:20:00");
    auto late = one;
    late.source.since = 7 * 24h;
    REQUIRE(blind_spots(late).size() == 1);
    CHECK(blind_spots(late)[0].starts_with("rule month: looks back further than the first sync"));
    CHECK(blind_spots(one).empty());
}

TEST_CASE("a rule that no notifier would hear of is told") {
    auto one = config(kErrors +
                      "  - {name: grave, severity: critical, metric: cost, window: 1h, "
                      "above: 1}\n");
    CHECK(blind_spots(one).empty());  // without any notifier `check` says so elsewhere
    notifiers::Settings settings;
    settings.name = "ops";
    settings.min_severity = base::Severity::critical;
    one.notifiers.push_back(settings);
    REQUIRE(blind_spots(one).size() == 1);
    CHECK(blind_spots(one)[0].starts_with("rule errors: no notifier takes"));
}

TEST_CASE("only what enabled rules look at is asked of the gateway") {
    CHECK(needs_of(config(kErrors + kMonth).rules) == sync::InfoNeeds{});
    CHECK(needs_of(config(kTokens).rules).tokens);
    CHECK_FALSE(needs_of(config(kTokens).rules).users);
    CHECK(needs_of(config("  - {name: a, metric: healthy_channels, below: 2}\n").rules).abilities);
    CHECK(needs_of(config("  - {name: a, metric: dead_keys, above: 0}\n").rules).keys);
    CHECK(needs_of(config("  - {name: a, metric: channel_balance, below: 5}\n").rules).balances);
    // Keys that are chosen by their owners need those, too.
    const auto needs_users = [](const std::string& where) {
        return needs_of(config("  - {name: a, metric: token_remaining, below: 5, where: {" + where +
                               "}}\n")
                            .rules)
            .users;
    };
    CHECK(needs_users("group: vip"));
    CHECK(needs_users("group: \"!vip\""));
    CHECK(needs_users("user: \"al*\""));
    CHECK_FALSE(needs_users("user: 7"));
    CHECK_FALSE(needs_users("token: \"prod-*\""));
    // A key that falls silent is an alert only while it exists.
    CHECK(needs_of(
              config("  - {name: a, metric: requests, by: [token], window: 1h, below: 1}\n").rules)
              .tokens);
    CHECK(needs_of(
              config("  - {name: a, enabled: false, metric: user_remaining, below: 5}\n").rules) ==
          sync::InfoNeeds{});
}

TEST_CASE("a rule that waits for what never comes is in error, not warming up") {
    const auto one = config(kTokens + kErrors + kMonth +
                            "  - {name: silent, metric: requests, by: [token], window: 1h, below: "
                            "1}\n");
    alerts::Overview overview;
    overview.warming = {{"keys", 0}, {"month", 0.5}};
    overview.inactive = 2;
    add_unreadable(overview, one.rules, {{"tokens", "no grant"}, {"users", "no grant"}});
    add_unlogged(overview, one.rules, sync::Gateway::new_api);
    REQUIRE(overview.errors.size() == 1);
    CHECK(overview.errors[0].rule == "keys");
    CHECK(overview.errors[0].text == "tokens cannot be read: no grant");
    REQUIRE(overview.warming.size() == 1);
    CHECK(overview.warming[0].rule == "month");
    CHECK(overview.inactive == 2);
    add_unlogged(overview, one.rules, std::nullopt);
    CHECK(overview.errors.size() == 1);
    add_unlogged(overview, one.rules, sync::Gateway::one_api);
    REQUIRE(overview.errors.size() == 2);
    CHECK(overview.errors[1].rule == "errors");
    CHECK(overview.errors[1].text == kNoFailures);
    CHECK(overview.inactive == 1);  // a rule counts once
}

TEST_CASE("of a gateway whose channels may not be read the rules that need it are in error") {
    const auto one = config(kTokens + kErrors +
                            "  - {name: down, metric: channel_down, above: 0}\n"
                            "  - {name: azure, metric: requests, window: 1h, above: 1, where: "
                            "{provider: azure*}}\n");
    const auto names_of = [&](const std::map<std::string, std::string>& troubles) {
        std::vector<std::string> names;
        for (const auto& error : blind_rules(one.rules, troubles, sync::Gateway::new_api))
            names.push_back(error.rule + ": " + error.text);
        return names;
    };
    CHECK(names_of({{kChannelsKind, "no grant"}}) ==
          std::vector<std::string>{"keys: channels cannot be read: no grant",
                                   "down: channels cannot be read: no grant"});
    CHECK(names_of({{kNamesKind, "no grant"}}) ==
          std::vector<std::string>{"azure: names of channels cannot be read: no grant"});
}

TEST_CASE("whatever One API cannot give is told, and rules for New API are left alone there") {
    const auto one = config(
        "  - {name: ttft, metric: ttft_p95, by: [channel], window: 5m, above: 1s}\n"
        "  - {name: ips, metric: distinct_ips, window: 5m, above: 1}\n"
        "  - {name: route, metric: requests, where: {route: \"/v1/*\"}, window: 5m, above: 1}\n"
        "  - {name: tagged, metric: requests, by: [tag], window: 5m, above: 1}\n"
        "  - {name: key, metric: cost, where: {token: 5}, window: 5m, above: 1}\n"
        "  - {name: other, gateway: new-api, metric: error_rate, window: 5m, above: 1}\n" +
        kMonth);
    alerts::Overview overview;
    overview.inactive = 7;
    add_unlogged(overview, one.rules, sync::Gateway::one_api);
    std::vector<std::string> named;
    for (const auto& error : overview.errors) named.push_back(error.rule);
    CHECK(named == std::vector<std::string>{"ttft", "ips", "route", "tagged", "key"});
    CHECK(overview.errors[3].text ==
          "One API's channels have no tag: the rule has nothing to go by");
    CHECK(overview.inactive == 2);
    CHECK(blind_spots(one, GatewaySight{sync::Gateway::one_api, 9, 0, {}}).size() == 5);
    CHECK(blind_rules(one.rules, {}, sync::Gateway::new_api).empty());
}
