#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/rule_loader.h"
#include "base/failure.h"
#include "daemon/rule_report.h"
#include "daemon/schemas.h"
#include "support/temp_dir.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;

std::vector<alerts::Rule> rules(const std::string& text) {
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::parse_rules("r.yaml", "rules:\n" + text, {}, diagnostics);
    REQUIRE_MESSAGE(diagnostics.ok(), fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    return set.rules;
}

}  // namespace

TEST_CASE("why a rule did not fire is said in words, with its numbers") {
    const tests::TempDir folder;
    base::Database database{folder.file("s.db"), all_schemas()};
    sync::Store store{database};
    alerts::Engine engine{
        rules("  - {name: failing, metric: error_rate, by: [channel], window: 5m, above: 20, "
              "eval_delay: 0s}\n"
              "  - {name: off, enabled: false, metric: cost, window: 1h, above: 1}\n"),
        store};
    engine.restore({}, base::from_unix(kStart));
    while (engine.warm_up(1s)) {
    }
    sync::Batch batch;
    for (std::int64_t id = 1; id <= 12; ++id) {
        sync::LogEntry entry;
        entry.id = id;
        entry.created_at = kStart + 1;
        entry.kind = sync::Kind::error;
        entry.status = 500;
        entry.channel = 3;
        entry.request_id = static_cast<std::uint64_t>(id);
        batch.entries.push_back(entry);
    }
    batch.position.cursor = 12;
    engine.feed(store.append(batch, base::from_unix(kStart + 1)));
    for (int i = 1; i <= 5; ++i) engine.advance(base::from_unix(kStart + i));
    const auto report =
        nlohmann::json::parse(report_json(engine, R"({"command":"rule","rule":"failing"})"));
    INFO(report.dump(1));
    CHECK(report["rule"] == "failing");
    CHECK(report["warmed_up_percent"] == 100);
    CHECK(report["error"].is_null());
    CHECK(report["limit_shown"] == "> 20 %");
    REQUIRE_FALSE(report["evaluations"].empty());
    const auto& newest = report["evaluations"][0];
    CHECK(newest["key"] == "channel 3");
    CHECK(newest["state"] == "inactive");
    CHECK(newest["reason"] == "few requests");
    CHECK(newest["why"] == "12 requests < min_requests 20");
    CHECK(newest["value"] == 100);
    CHECK(newest["shown"] == "100 %");
    CHECK(newest["times"].get<int>() >= 1);
    const auto off = nlohmann::json::parse(report_json(engine, R"({"rule":"off"})"));
    CHECK(off["enabled"] == false);
    CHECK(off["evaluations"].empty());
    CHECK_THROWS_WITH_AS(report_json(engine, R"({"rule":"failling"})"),
                         "no rule is called failling; did you mean failing?", base::Failure);
    CHECK_THROWS_WITH_AS(report_json(engine, R"({"rule":"source-stale"})"),
                         doctest::Contains("is a built-in alert"), base::Failure);
}

TEST_CASE("of a rule at rest the series nearest its limit says why it does not fire") {
    const tests::TempDir folder;
    base::Database database{folder.file("s.db"), all_schemas()};
    sync::Store store{database};
    alerts::Engine engine{
        rules("  - {name: burn, metric: tokens, by: [channel], window: 5m, above: 1000}\n"
              "  - {name: silent, metric: requests, by: [channel], window: 5m, below: 1}\n"
              "  - {name: rate, metric: error_rate, window: 5m, above: 20, min_requests: 50}\n"),
        store};
    engine.restore({}, base::from_unix(kStart));
    while (engine.warm_up(1s)) {
    }
    sync::Batch batch;
    for (std::int64_t id = 1; id <= 6; ++id) {
        sync::LogEntry entry;
        entry.id = id;
        entry.created_at = kStart + 1;
        entry.kind = sync::Kind::consume;
        entry.channel = id % 3;
        entry.prompt_tokens = 100 * id;
        batch.entries.push_back(entry);
    }
    batch.position.cursor = 6;
    engine.feed(store.append(batch, base::from_unix(kStart + 1)));
    const auto newest = [&](const std::string& rule) {
        const auto report =
            nlohmann::json::parse(report_json(engine, nlohmann::json{{"rule", rule}}.dump()));
        return report["evaluations"].at(0);
    };
    for (int i = 1; i <= 20; ++i) {
        engine.advance(base::from_unix(kStart + i));
        if (i < 10) continue;
        CHECK(newest("burn")["why"] == "900 is not over 1,000");
        CHECK(newest("burn")["key"] == "channel 0");
        CHECK(newest("burn")["series"] == 3);
        CHECK(newest("silent")["why"] == "2 is not under 1");
        CHECK(newest("rate")["why"] == "0 % is not over 20 %");
    }
    const auto blind = nlohmann::json::parse(
        report_json(engine, R"({"rule":"rate"})", {{"burn", "x"}, {"rate", "there are none"}}));
    CHECK(blind["error"] == "there are none");
}

TEST_CASE("each reason has words of its own") {
    const auto rule = rules(
                          "  - {name: a, metric: cost, window: 1h, above: 10, clear: 5, for: 2m, "
                          "keep_firing_for: 3m, inhibited_by: [source-stale]}\n")
                          .at(0);
    alerts::Evaluation evaluation;
    evaluation.value = 7.5;
    CHECK(why(evaluation, rule) == "$7.50 is not over $10.00");
    evaluation.reason = alerts::Reason::pending;
    CHECK(why(evaluation, rule) == "over the limit, but not yet for 2m (`for`)");
    evaluation.reason = alerts::Reason::clearing;
    CHECK(why(evaluation, rule) ==
          "back at $5.00 (`clear`), over when that lasts 3m (`keep_firing_for`)");
    evaluation.reason = alerts::Reason::inhibited;
    CHECK(why(evaluation, rule) == "held while one of these fires or warms up: source-stale");
    std::vector<std::string> all;
    for (int i = 0; i <= static_cast<int>(alerts::Reason::no_value); ++i) {
        evaluation.reason = static_cast<alerts::Reason>(i);
        const auto text = why(evaluation, rule);
        CHECK_FALSE(text.empty());
        CHECK(std::ranges::count(all, text) == 0);
        all.push_back(text);
    }
}
