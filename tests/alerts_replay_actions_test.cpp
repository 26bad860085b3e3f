#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_replay_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using What = alerts::RuleAction::What;

namespace {

/// "model 3/gpt-4o 1500000": what was disabled and what it went on to cost.
std::vector<std::string> trips_of(const alerts::ReplayResult& result, const std::string& rule) {
    std::vector<std::string> trips;
    for (const auto& episode : result.episodes) {
        if (episode.rule != rule) continue;
        for (const auto& [action, at, quota] : episode.trips) {
            CHECK(at == episode.fired);
            const auto what =
                action.what == What::channel ? fmt::format("channel {}", action.channel)
                : action.what == What::model
                    ? fmt::format("model {}/{}", action.channel, action.model)
                : action.token != 0 ? fmt::format("key {}", action.token)
                                    : fmt::format("key {}/{}", action.user, action.token_name);
            trips.push_back(fmt::format("{} {}", what, quota));
        }
    }
    return trips;
}

sync::LogEntry row(std::int64_t second, std::int64_t channel, const std::string& model,
                   std::int64_t token, const std::string& name, std::int64_t quota) {
    auto entry = request(second, channel);
    entry.model = model;
    entry.token = token;
    entry.token_name = name;
    entry.user = 7;
    entry.prompt_tokens = 1000;
    entry.completion_tokens = 0;
    entry.quota = quota;
    return entry;
}

}  // namespace

TEST_CASE("a replay tells what it would have disabled, and what exactly that went on to cost") {
    Live live{"rules: []\n"};
    std::vector<sync::LogEntry> entries{
        row(100, 3, "gpt-4o", 12, "ci", 1'000'000),  // fires every rule
        row(110, 3, "gpt-4o", 12, "ci", 1),
        row(111, 3, "o1", 12, "ci", 10),
        row(112, 4, "gpt-4o", 12, "ci", 100),
        row(113, 4, "gpt-4o", 13, "web", 1'000),
        row(114, 3, "gpt-4o", 13, "web", 10'000),
        row(115, 4, "o1", 0, "ci", 100'000),
        row(900, 3, "o1", 12, "ci", 7),  // long after it was over
    };
    auto refund = row(116, 3, "gpt-4o", 12, "ci", 1);
    refund.kind = sync::Kind::refund;
    entries.push_back(refund);
    live.start(0);
    live.backfill(std::move(entries), 1000);
    live.stop();
    sync::History history{live.path()};
    const auto rules = rules_from(R"(defaults: {metric: tokens, window: 5m, above: 900}
rules:
  - {name: channel, by: [channel], where: {channel: 3, model: gpt-4o, token: 12}, action: {disable_channel: {}}}
  - {name: several, where: {channel: [3, 4], token: 12, model: gpt-4o}, action: {disable_channel: {}}}
  - {name: model, by: [channel, model], where: {channel: 3, model: gpt-4o}, action: {disable_channel: {scope: model}}}
  - {name: key, by: [token], where: {token: 12}, action: {disable_token: {}}}
  - {name: nothing, by: [token], where: {token: 12}}
)");
    const auto result = alerts::replay(rules, history, span(0, 800));
    CHECK(trips_of(result, "channel") == std::vector<std::string>{"channel 3 10010"});
    CHECK(trips_of(result, "several") ==
          std::vector<std::string>{"channel 3 10010", "channel 4 101100"});
    CHECK(trips_of(result, "model") == std::vector<std::string>{"model 3/gpt-4o 10000"});
    CHECK(trips_of(result, "key") == std::vector<std::string>{"key 12 110"});
    CHECK(trips_of(result, "nothing").empty());
}

TEST_CASE("a key without an id is told by its owner and its name") {
    Live live{"rules: []\n"};
    std::vector<sync::LogEntry> entries{
        row(100, 3, "gpt-4o", 0, "ci", 1'000'000), row(110, 3, "gpt-4o", 0, "ci", 1),
        row(111, 3, "gpt-4o", 0, "web", 10),       row(112, 4, "gpt-4o", 0, "ci", 100),
        row(113, 3, "gpt-4o", 12, "ci", 1'000),
    };
    auto others = row(114, 3, "gpt-4o", 0, "ci", 10'000);
    others.user = 8;
    entries.push_back(others);
    entries.push_back(row(700, 5, "o1", 12, "ci", 1));
    live.start(0);
    live.backfill(std::move(entries), 1000);
    live.stop();
    sync::History history{live.path()};
    const auto rules = rules_from(R"(rules:
  - {name: key, metric: tokens, window: 5m, above: 1500, by: [token], where: {token: ci}, action: {disable_token: {}}}
)");
    const auto result = alerts::replay(rules, history, span(0, 600));
    // The first row was no trip yet; the second one fired.
    CHECK(trips_of(result, "key") == std::vector<std::string>{"key 7/ci 100"});
}
