#include <algorithm>

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
        std::vector<alerts::Notice> notices(1);
        notices.front().event_id = "one";
        alerts::explain({{"one", &rule, key}}, meter_time(0), rows, names, notices);
        return notices.front().contributions;
    }
};

/// A row of all that may be told apart.
sync::Row full_row(MemoryRows& rows) {
    auto row = answer(-5);
    row.model = rows.text("gpt-4o");
    row.group = rows.text("vip");
    row.route = rows.text("/v1/messages");
    row.ip = sync::parse_address("10.1.2.3");
    return row;
}

std::vector<Dimension> dimensions_of(const std::vector<Contribution>& contributions) {
    std::vector<Dimension> dimensions;
    for (const auto& one : contributions) dimensions.push_back(one.dimension);
    std::sort(dimensions.begin(), dimensions.end());
    return dimensions;
}

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
    CHECK(dimensions_of(parts) ==
          std::vector{Dimension::model, Dimension::token, Dimension::user});  // no row has a group
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
    REQUIRE(of(parts, Dimension::code) != nullptr);
    const auto& codes = of(parts, Dimension::code)->parts;
    REQUIRE(codes.size() == 2);
    CHECK(codes[0].name.text == "rate_limited");
    CHECK(codes[0].share == doctest::Approx(75));
    CHECK(codes[1].share == doctest::Approx(25));
    REQUIRE(of(parts, Dimension::status) != nullptr);
    CHECK(of(parts, Dimension::status)->parts[0].name.display == "429");
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
    REQUIRE(of(parts, Dimension::model) != nullptr);
    const auto& models = of(parts, Dimension::model)->parts;
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
    REQUIRE(of(parts, Dimension::channel) != nullptr);
    const auto& channels = of(parts, Dimension::channel)->parts;
    REQUIRE(channels.size() == 1);  // channel 4 is as ever …
    CHECK(channels[0].name.id == 3);
    CHECK(*channels[0].share_of_rise == doctest::Approx(100));
}

TEST_CASE("what does not add up is not explained") {
    Desk desk;
    desk.add(-5, 3, desk.gpt, 1, 1);
    desk.add(-5, 3, desk.claude, 1, 2);
    for (const auto metric : {Metric::latency_p95, Metric::latency_avg, Metric::distinct_ips,
                              Metric::since_last, Metric::channel_down}) {
        CHECK(desk.explain(meter_rule(metric, 1)).empty());
    }
    CHECK(desk.explain(meter_rule(Metric::rpm, 1)).size() == 3);
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
    CHECK(desk.rows.rows_read > alerts::kMostRowsExplained / 10 * 6);
    CHECK(desk.rows.rows_read <= alerts::kMostRowsExplained);
    REQUIRE(of(parts, Dimension::model) != nullptr);
    CHECK(of(parts, Dimension::model)->parts[0].share == doctest::Approx(100));
    REQUIRE(of(parts, Dimension::token) != nullptr);
    const auto& tokens = *of(parts, Dimension::token);
    CHECK(tokens.parts[0].share == doctest::Approx(50).epsilon(0.01));
    // It says so, and half a window says nothing of a rise.
    CHECK(tokens.newest_rows == static_cast<std::int64_t>(desk.rows.rows_read));
    CHECK_FALSE(tokens.parts[0].share_of_rise.has_value());
}

TEST_CASE("shares of all rows do not say that they are of some") {
    Desk desk;
    desk.add(-5, 3, desk.gpt, 1);
    for (const auto& one : desk.explain(meter_rule(Metric::requests, 1))) {
        CHECK_FALSE(one.newest_rows.has_value());
    }
}

TEST_CASE("a quiet night does not make an explanation read a busy evening") {
    Desk desk;
    auto rule = meter_rule(Metric::requests, 1);
    rule.window = alerts::Frame::rolling(std::chrono::hours{24});
    desk.add(-5, 3, desk.gpt, 1);
    for (std::int64_t i = 0; i < 500'000; ++i) {
        desk.add(-30'000 - i / 100, 3, desk.claude, 1);  // 100 a second
    }
    const auto parts = desk.explain(rule);
    CHECK(desk.rows.rows_read <= alerts::kMostRowsExplained);
    REQUIRE(of(parts, Dimension::model) != nullptr);
    CHECK(of(parts, Dimension::model)->newest_rows > 5000);
    SUBCASE("not even one that is all in one second") {
        Desk burst;
        for (int i = 0; i < 200'000; ++i) burst.add(-5, 3, burst.gpt, 1);
        burst.explain(rule);
        CHECK(burst.rows.rows_read <= alerts::kMostRowsExplained + 1);
    }
}

TEST_CASE("what is all of one key names that key") {
    Desk desk;
    desk.add(-5, 3, desk.gpt, 700, 12);
    const auto parts = desk.explain(meter_rule(Metric::tokens, 1));
    REQUIRE(of(parts, Dimension::token) != nullptr);
    CHECK(of(parts, Dimension::token)->parts[0].name.id == 12);
    CHECK(of(parts, Dimension::token)->parts[0].share == doctest::Approx(100));
    CHECK(of(parts, Dimension::model) != nullptr);
    CHECK(of(parts, Dimension::channel) == nullptr);  // it is grouped by it
}

TEST_CASE(
    "address and route explain an alert, and the provider and tag where the channel is open") {
    Desk desk;
    sync::Directory directory;
    directory.known = true;
    directory.channels[3] = {"azure-eu", 1, desk.rows.text("Azure"), desk.rows.text("paid")};
    desk.names.use(directory);
    desk.rows.add(full_row(desk.rows));
    auto rule = meter_rule(Metric::tokens, 1);
    const auto by_channel = desk.explain(rule);
    CHECK(dimensions_of(by_channel) == std::vector{Dimension::model, Dimension::token,
                                                   Dimension::user, Dimension::group,
                                                   Dimension::route, Dimension::ip});
    CHECK(of(by_channel, Dimension::ip)->parts[0].name.display == "10.1.2.3");
    CHECK(of(by_channel, Dimension::route)->parts[0].name.display == "/v1/messages");
    rule.by.clear();
    const auto of_all = desk.explain(rule);
    REQUIRE(of(of_all, Dimension::provider) != nullptr);
    CHECK(of(of_all, Dimension::provider)->parts[0].name.display == "Azure");
    REQUIRE(of(of_all, Dimension::tag) != nullptr);
    CHECK(of(of_all, Dimension::tag)->parts[0].name.display == "paid");
    CHECK(of(of_all, Dimension::channel)->parts[0].name.display == "3 (azure-eu)");
}

TEST_CASE("what the rule holds to one value is not told, what it only narrows is") {
    Desk desk;
    desk.rows.add(full_row(desk.rows));
    auto rule = meter_rule(Metric::tokens, 1);
    rule.by.clear();
    const auto told = [&](Dimension dimension, std::vector<alerts::Term> terms) {
        rule.where = {{dimension, std::move(terms)}};
        return of(desk.explain(rule), dimension) != nullptr;
    };
    CHECK_FALSE(told(Dimension::channel, {{false, 3, ""}}));
    CHECK_FALSE(told(Dimension::model, {{false, {}, "gpt-4o"}}));
    CHECK_FALSE(told(Dimension::model, {{false, {}, "gpt-4o"}, {true, {}, "o1"}}));
    CHECK_FALSE(told(Dimension::ip, {{false, {}, "10.1.2.3"}}));
    CHECK(told(Dimension::model, {{false, {}, "gpt-*"}}));
    CHECK(told(Dimension::model, {{true, {}, "o1"}}));
    CHECK(told(Dimension::channel, {{false, 3, ""}, {false, 4, ""}}));
    // The user of one key is no news; that of all keys of a channel is.
    CHECK(of(desk.explain(rule), Dimension::user) != nullptr);
    rule.where = {{Dimension::token, {{false, 12, ""}}}};
    CHECK(of(desk.explain(rule), Dimension::user) == nullptr);
    rule.where.clear();
    rule.by = {Dimension::token};
    std::vector<alerts::Notice> notices(1);
    alerts::explain({{"", &rule, number_key(12)}}, meter_time(0), desk.rows, desk.names, notices);
    CHECK(dimensions_of(notices.front().contributions) ==
          std::vector{Dimension::channel, Dimension::model, Dimension::group, Dimension::route,
                      Dimension::ip});
}

TEST_CASE("the notices of one second share one reading, whatever their rules") {
    Desk desk;
    for (int i = 0; i < 3000; ++i) desk.add(-i, 3 + i % 10, desk.gpt, 10, 1 + i % 10);
    auto tokens = meter_rule(Metric::tokens, 1);
    tokens.window = alerts::Frame::rolling(std::chrono::seconds{1000});
    auto requests = meter_rule(Metric::requests, 1);
    requests.window = alerts::Frame::rolling(std::chrono::seconds{600});
    auto jump = meter_rule(Metric::requests, 1);
    jump.window = alerts::Frame::rolling(std::chrono::seconds{500});
    jump.compare_to = Comparison::last_week;  // no row is that old
    std::vector<alerts::Question> questions;
    std::vector<alerts::Notice> notices;
    for (std::int64_t channel = 3; channel < 13; ++channel) {
        for (const auto* const rule : {&tokens, &requests, &jump}) {
            const auto id = std::to_string(questions.size());
            questions.push_back({id, rule, number_key(channel)});
            notices.emplace_back().event_id = id;
        }
    }
    notices.emplace_back().event_id = "not asked about";
    alerts::explain(questions, meter_time(0), desk.rows, desk.names, notices);
    CHECK(desk.rows.rows_read == 1000);
    for (std::size_t i = 0; i < questions.size(); ++i) {
        const auto* const keys = of(notices[i].contributions, Dimension::token);
        REQUIRE(keys != nullptr);
        REQUIRE(keys->parts.size() == 1);
        CHECK(keys->parts[0].name.id == questions[i].key.parts[0].number - 2);
        CHECK(keys->parts[0].share == doctest::Approx(100));
        CHECK(keys->parts[0].share_of_rise.has_value() == (questions[i].rule == &jump));
    }
    CHECK(notices.back().contributions.empty());
}

TEST_CASE("many rules that fire at once do not read more than one, and each says what it saw") {
    Desk desk;
    for (int i = 0; i < 60'000; ++i) desk.add(-i / 10, 3, desk.gpt, 10);
    auto rule = meter_rule(Metric::tokens, 1);
    rule.window = alerts::Frame::rolling(std::chrono::hours{24});
    std::vector<alerts::Rule> rules(46, rule);
    std::vector<alerts::Question> questions;
    std::vector<alerts::Notice> notices;
    for (const auto& one : rules) {
        const auto id = std::to_string(questions.size());
        questions.push_back({id, &one, number_key(3)});
        notices.emplace_back().event_id = id;
    }
    alerts::explain(questions, meter_time(0), desk.rows, desk.names, notices);
    // Looking costs, too.
    CHECK(desk.rows.rows_read <= alerts::kMostRowsExplained / 10);
    CHECK(desk.rows.rows_read > alerts::kMostRowsExplained / 30);
    for (const auto& notice : notices) {
        REQUIRE(of(notice.contributions, Dimension::token) != nullptr);
        CHECK(of(notice.contributions, Dimension::token)->newest_rows > 500);
    }
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
    REQUIRE(of(parts, Dimension::token) != nullptr);
    const auto& tokens = of(parts, Dimension::token)->parts;
    REQUIRE(tokens.size() == 2);
    CHECK(tokens[0].name.id == 1);
    CHECK(tokens[0].share == doctest::Approx(60));
}

}  // namespace quotafuse::tests
