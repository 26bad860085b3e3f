#include <doctest/doctest.h>

#include "alerts/explain.h"
#include "alerts_meter_fixture.h"

namespace quotafuse::tests {
namespace {

using alerts::Comparison;
using alerts::Contribution;
using alerts::Dimension;
using alerts::Metric;

struct Desk {
    MemoryRows rows;
    alerts::Names names{rows.texts()};
    sync::TextId gpt = rows.text("gpt-4o");
    sync::TextId claude = rows.text("claude");

    void add(std::int64_t second, std::int64_t channel, sync::TextId model, std::int64_t tokens,
             std::int64_t token = 12) {
        auto row = answer(second, channel);
        row.model = model;
        row.token = token;
        row.prompt_tokens = tokens;
        row.completion_tokens = 0;
        rows.add(row);
    }
    std::vector<Contribution> explain(const alerts::Rule& rule, std::int64_t channel = 3) {
        const auto key = rule.by.empty() ? alerts::SeriesKey{} : number_key(channel);
        return alerts::explain(rule, key, meter_time(0), rows, names);
    }
};

const Contribution* of(const std::vector<Contribution>& contributions, Dimension dimension) {
    for (const auto& one : contributions) {
        if (one.dimension == dimension) return &one;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("an alert names the largest parts of its value by what it is not grouped by") {
    Desk desk;
    desk.add(-5, 3, desk.gpt, 700, 12);
    desk.add(-4, 3, desk.claude, 200, 13);
    desk.add(-4, 3, desk.gpt, 95, 14);
    desk.add(-3, 3, desk.gpt, 5, 15);        // under 1 %
    desk.add(-3, 4, desk.claude, 9000, 1);   // of another series
    desk.add(-60, 3, desk.claude, 9000, 1);  // has left the window
    desk.add(1, 3, desk.claude, 9000, 1);    // not yet in it
    const auto parts = desk.explain(meter_rule(Metric::tokens, 1));
    REQUIRE(parts.size() == 2);  // one user, one group: nothing to say
    const auto* const models = of(parts, Dimension::model);
    REQUIRE(models != nullptr);
    REQUIRE(models->parts.size() == 2);
    CHECK(models->parts[0].name.text == "gpt-4o");
    CHECK(models->parts[0].share == doctest::Approx(80));
    CHECK(models->parts[1].name.display == "claude");
    CHECK(models->parts[1].share == doctest::Approx(20));
    CHECK_FALSE(models->parts[0].share_of_rise.has_value());
    const auto* const tokens = of(parts, Dimension::token);
    REQUIRE(tokens != nullptr);
    REQUIRE(tokens->parts.size() == 3);
    CHECK(tokens->parts[0].name.id == 12);
    CHECK(tokens->parts[2].share == doctest::Approx(9.5));
}

TEST_CASE("at most three parts are named, the largest first") {
    Desk desk;
    for (int token = 1; token <= 5; ++token) desk.add(-5, 3, desk.gpt, 100 * token, token);
    const auto parts = desk.explain(meter_rule(Metric::tokens, 1));
    REQUIRE(of(parts, Dimension::token) != nullptr);
    const auto& tokens = of(parts, Dimension::token)->parts;
    REQUIRE(tokens.size() == 3);
    CHECK(tokens[0].name.id == 5);
    CHECK(tokens[2].name.id == 3);
    CHECK(tokens[2].share == doctest::Approx(20));
}

TEST_CASE("errors are told by their codes, too, and only what the rule counts") {
    Desk desk;
    auto rule = meter_rule(Metric::error_rate, 1);
    rule.by.clear();
    rule.where = {{Dimension::model, {{false, std::nullopt, "gpt-*"}}}};
    const auto fail = [&](const char* code, sync::TextId model, int status, int count) {
        auto row = answer(-5);
        row.kind = sync::Kind::error;
        row.status = status;
        row.model = model;
        row.error_code = desk.rows.text(code);
        for (int i = 0; i < count; ++i) desk.rows.add(row);
    };
    fail("rate_limited", desk.gpt, 429, 3);
    fail("empty_response", desk.gpt, 500, 1);
    fail("bad_request", desk.gpt, 400, 50);
    fail("other", desk.claude, 500, 50);
    desk.add(-5, 9, desk.gpt, 10);
    const auto parts = desk.explain(rule);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].dimension == Dimension::code);
    REQUIRE(parts[0].parts.size() == 2);
    CHECK(parts[0].parts[0].name.text == "rate_limited");
    CHECK(parts[0].parts[0].share == doctest::Approx(75));
    CHECK(parts[0].parts[1].share == doctest::Approx(25));
}

TEST_CASE("of a rise the parts that made it stand first") {
    Desk desk;
    auto rule = meter_rule(Metric::tokens, 50);
    rule.compare_to = Comparison::previous;
    desk.add(-70, 3, desk.gpt, 900);
    desk.add(-70, 3, desk.claude, 100);
    desk.add(-5, 3, desk.gpt, 1000);
    desk.add(-5, 3, desk.claude, 400);
    const auto parts = desk.explain(rule);
    REQUIRE(parts.size() == 1);
    const auto& models = parts[0].parts;
    REQUIRE(models.size() == 2);
    CHECK(models[0].name.text == "claude");
    CHECK(models[0].share == doctest::Approx(100.0 * 400 / 1400));
    CHECK(*models[0].share_of_rise == doctest::Approx(75));
    CHECK(*models[1].share_of_rise == doctest::Approx(25));
    rule.below = true;  // a drop: what is left is told, not what rose
    CHECK_FALSE(desk.explain(rule)[0].parts[0].share_of_rise.has_value());
}

TEST_CASE("a rise against what is usual is told against last week") {
    Desk desk;
    auto rule = meter_rule(Metric::requests, 50);
    rule.by.clear();
    rule.compare_to = Comparison::usual;
    desk.add(-7 * 86'400 - 5, 3, desk.gpt, 1);
    desk.add(-7 * 86'400 - 5, 4, desk.gpt, 1);
    for (int i = 0; i < 3; ++i) desk.add(-5, 3, desk.gpt, 1);
    desk.add(-5, 4, desk.gpt, 1);
    const auto parts = desk.explain(rule);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].dimension == Dimension::channel);
    REQUIRE(parts[0].parts.size() == 1);  // channel 4 is as ever …
    CHECK(*parts[0].parts[0].share_of_rise == doctest::Approx(100));
}

TEST_CASE("what does not add up is not explained") {
    Desk desk;
    desk.add(-5, 3, desk.gpt, 1, 1);
    desk.add(-5, 3, desk.claude, 1, 2);
    for (const auto metric : {Metric::latency_p95, Metric::latency_avg, Metric::distinct_ips,
                              Metric::since_last, Metric::channel_down}) {
        CHECK(desk.explain(meter_rule(metric, 1)).empty());
    }
    CHECK(desk.explain(meter_rule(Metric::rpm, 1)).size() == 2);
    CHECK(desk.explain(meter_rule(Metric::tokens, 1), 77).empty());
}

TEST_CASE("of a long window the newest rows explain it, and no more are read") {
    Desk desk;
    auto rule = meter_rule(Metric::requests, 1);
    rule.compare_to = Comparison::previous;
    rule.window = alerts::Frame::rolling(std::chrono::hours{24 * 10});
    for (int i = 0; i < 400'000; ++i) {
        // The newer half is of gpt, one row in two seconds.
        desk.add(-2 * i, 3, i < 200'000 ? desk.gpt : desk.claude, 1, i % 2 + 1);
    }
    const auto parts = desk.explain(rule);
    CHECK(desk.rows.rows_read >= alerts::kMostRowsExplained);
    CHECK(desk.rows.rows_read < 3 * alerts::kMostRowsExplained);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].dimension == Dimension::token);  // all of one model
    CHECK(parts[0].parts[0].share == doctest::Approx(50).epsilon(0.01));
    // Half a window says nothing of a rise.
    CHECK_FALSE(parts[0].parts[0].share_of_rise.has_value());
}

TEST_CASE("a refund makes a part smaller, and a part that was given back whole is none") {
    Desk desk;
    auto rule = meter_rule(Metric::quota, 1);
    const auto pay = [&](std::int64_t token, std::int64_t quota, sync::Kind kind) {
        auto row = answer(-5);
        row.token = token;
        row.quota = quota;
        row.kind = kind;
        desk.rows.add(row);
    };
    pay(1, 800, sync::Kind::consume);
    pay(1, 200, sync::Kind::refund);
    pay(2, 400, sync::Kind::consume);
    pay(3, 100, sync::Kind::consume);
    pay(3, 300, sync::Kind::refund);
    const auto parts = desk.explain(rule);
    REQUIRE(parts.size() == 1);
    REQUIRE(parts[0].parts.size() == 2);
    CHECK(parts[0].parts[0].name.id == 1);
    CHECK(parts[0].parts[0].share == doctest::Approx(60));
}

}  // namespace quotafuse::tests
