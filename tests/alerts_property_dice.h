#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "alerts/rule.h"
#include "base/time_zone.h"
#include "sync/log_entry.h"

// Random rules, and random rows that they may be about.

namespace quotafuse::tests::property {

using alerts::Comparison;
using alerts::Condition;
using alerts::Dimension;
using alerts::Frame;
using alerts::Metric;
using alerts::Rule;
using alerts::Span;

class Dice {
public:
    explicit Dice(unsigned seed) : random_(seed) {}
    /// from ≤ … < until
    std::int64_t number(std::int64_t from, std::int64_t until) {
        return from + static_cast<std::int64_t>(random_() % static_cast<unsigned>(until - from));
    }
    bool once_in(int times) { return number(0, times) == 0; }
    template <typename T>
    T one_of(const std::vector<T>& list) {
        return list[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(list.size())))];
    }

private:
    std::mt19937 random_;
};

inline const std::vector<std::string> kModels{"gpt-4o", "gpt-4o-mini", "claude", ""};
inline const std::vector<std::string> kCodes{"", "rate_limited", "prompt_blocked",
                                             "empty_response"};
inline const std::vector<std::string> kAddresses{"", "10.0.0.1", "10.0.0.2", "192.168.7.9"};

inline Condition random_condition(Dice& dice) {
    const auto term = [&](std::vector<alerts::Term> some) {
        auto one = dice.one_of(some);
        one.negated = dice.once_in(3);
        return one;
    };
    const auto id = [](std::int64_t number) { return alerts::Term{false, number, {}}; };
    const auto name = [](std::string pattern) {
        return alerts::Term{false, std::nullopt, std::move(pattern)};
    };
    const std::vector<std::pair<Dimension, std::vector<alerts::Term>>> choices{
        {Dimension::channel, {id(1), id(2), name("azure-*"), name("openai")}},
        {Dimension::provider, {name("Azure"), name("Open*")}},
        {Dimension::tag, {name("prod"), name("")}},
        {Dimension::model, {name("gpt-4*"), name("claude"), name("gpt-4?")}},
        {Dimension::token, {id(1), id(3), name("key-?"), name("*2")}},
        {Dimension::user, {id(7), name("a*"), name("bob")}},
        {Dimension::group, {name("vip"), name("def*")}},
        {Dimension::route, {name("/v1/*"), name("/v1/chat")}},
        {Dimension::status, {id(429), id(500), name("4??"), name("5??")}},
        {Dimension::code, {name("rate*"), name("empty_response")}},
        {Dimension::ip, {name("10.0.0.1"), name("10.0.0.*")}}};
    auto [dimension, terms] = dice.one_of(choices);
    Condition condition{dimension, {term(terms)}};
    if (dice.once_in(3)) condition.terms.push_back(term(terms));
    return condition;
}

inline Frame random_frame(Dice& dice, base::Second start) {
    if (dice.once_in(5)) {
        return {dice.one_of(std::vector{Frame::Kind::today, Frame::Kind::this_week,
                                        Frame::Kind::this_month}),
                {},
                {},
                {}};
    }
    if (dice.once_in(10)) {
        return {Frame::Kind::fixed,
                {},
                start - std::chrono::seconds{40},
                start + std::chrono::seconds{dice.number(10, 120)}};
    }
    return Frame::rolling(std::chrono::seconds{dice.number(20, 240)});
}

inline const std::vector<Metric> kMetrics{Metric::requests,
                                          Metric::attempts,
                                          Metric::errors,
                                          Metric::client_errors,
                                          Metric::error_rate,
                                          Metric::final_error_rate,
                                          Metric::tokens,
                                          Metric::prompt_tokens,
                                          Metric::completion_tokens,
                                          Metric::cache_tokens,
                                          Metric::quota,
                                          Metric::cost,
                                          Metric::rpm,
                                          Metric::tpm,
                                          Metric::latency_avg,
                                          Metric::latency_p50,
                                          Metric::latency_p95,
                                          Metric::latency_p99,
                                          Metric::ttft_avg,
                                          Metric::ttft_p50,
                                          Metric::ttft_p95,
                                          Metric::ttft_p99,
                                          Metric::empty_replies,
                                          Metric::distinct_ips,
                                          Metric::distinct_tokens,
                                          Metric::distinct_users,
                                          Metric::since_last};

/// What a value of the metric is like with the rows below.
inline double random_limit(Dice& dice, const Rule& rule) {
    if (rule.compare_to != Comparison::none) return static_cast<double>(dice.number(-80, 80));
    const auto unit = alerts::metric_unit(rule.metric);
    std::int64_t most = 8;
    if (unit == "percent") most = 60;
    if (unit == "tokens" || unit == "ms" || rule.metric == Metric::tpm) most = 3000;
    if (unit == "quota") most = 6000;
    if (unit == "seconds") most = 40;
    return static_cast<double>(dice.number(0, most));
}

inline Rule random_rule(Dice& dice, int number, base::Second start) {
    Rule rule;
    rule.name = fmt::format("rule-{}", number);
    rule.metric = dice.one_of(kMetrics);
    if (dice.once_in(2)) rule.where.push_back(random_condition(dice));
    if (dice.once_in(4)) {
        auto other = random_condition(dice);
        const bool new_one = rule.where.empty() || rule.where[0].dimension != other.dimension;
        if (new_one) rule.where.push_back(std::move(other));
    }
    std::sort(rule.where.begin(), rule.where.end(),
              [](const Condition& a, const Condition& b) { return a.dimension < b.dimension; });
    if (alerts::counts_attempts(rule.metric) && dice.once_in(3)) {
        alerts::ErrorsWhen when;
        when.status = Condition{Dimension::status, {{false, std::nullopt, "5??"}}};
        if (dice.once_in(2)) when.code = Condition{Dimension::code, {{false, {}, "rate_limited"}}};
        rule.errors_when = when;
    }
    const std::vector<Dimension> dimensions = alerts::dimensions_of(Metric::requests);
    while (rule.by.size() < 3 && !dice.once_in(3)) {
        const auto dimension = dice.one_of(dimensions);
        if (std::find(rule.by.begin(), rule.by.end(), dimension) == rule.by.end()) {
            rule.by.push_back(dimension);
        }
    }
    rule.window = random_frame(dice, start);
    const bool comparable =
        rule.window.kind != Frame::Kind::fixed && rule.metric != Metric::since_last;
    if (comparable && dice.once_in(3)) {
        rule.compare_to = dice.one_of(std::vector{Comparison::previous, Comparison::yesterday,
                                                  Comparison::last_week, Comparison::usual});
    }
    if (rule.metric == Metric::since_last && rule.window.kind != Frame::Kind::rolling) {
        rule.window = Frame::rolling(std::chrono::seconds{60});
    }
    rule.below = !rule.window.is_calendar() && dice.once_in(4);
    rule.limit = rule.clear = random_limit(dice, rule);
    if (rule.compare_to != Comparison::none) rule.min_requests = dice.number(0, 3);
    rule.eval_delay = std::chrono::seconds{dice.number(0, 6)};
    rule.max_series = 100'000;
    if (dice.once_in(3)) rule.zone = *base::TimeZone::find("Europe/Berlin");
    return rule;
}

inline sync::LogEntry random_entry(Dice& dice, std::int64_t created_at, std::uint64_t& requests) {
    sync::LogEntry entry;
    entry.created_at = created_at;
    entry.kind =
        dice.one_of(std::vector{sync::Kind::consume, sync::Kind::consume, sync::Kind::consume,
                                sync::Kind::consume, sync::Kind::error, sync::Kind::error,
                                sync::Kind::refund, sync::Kind::test, sync::Kind::other});
    entry.user = dice.number(7, 9);
    entry.token = dice.number(1, 4);
    entry.channel = dice.number(0, 4);
    entry.username = entry.user == 7 ? "alice" : "bob";
    entry.token_name = fmt::format("key-{}", entry.token);
    entry.model = dice.one_of(kModels);
    entry.group = dice.one_of(std::vector<std::string>{"vip", "default"});
    entry.route = dice.one_of(std::vector<std::string>{"/v1/chat", "/v1/images"});
    entry.ip = dice.one_of(kAddresses);
    entry.request_id = dice.once_in(4) ? 0 : ++requests;
    entry.channel_test = dice.once_in(12);
    if (entry.kind == sync::Kind::refund) {
        entry.quota = dice.number(0, 400);
        return entry;
    }
    if (entry.kind == sync::Kind::error) {
        entry.status = dice.one_of(std::vector{0, 400, 429, 500, 503});
        entry.error_code = dice.one_of(kCodes);
        if (dice.once_in(6)) entry.stream_end = sync::StreamEnd::client_gone;
        return entry;
    }
    entry.quota = dice.once_in(6) ? 0 : dice.number(1, 900);
    entry.prompt_tokens = dice.number(0, 300);
    entry.completion_tokens = dice.once_in(4) ? 0 : dice.number(0, 300);
    entry.cache_tokens = dice.number(0, 50);
    entry.latency_ms = dice.once_in(6) ? sync::LogEntry::kUnknown : dice.number(0, 5000);
    entry.stream = dice.once_in(2);
    entry.first_token_ms = dice.once_in(6) ? sync::LogEntry::kUnknown : dice.number(0, 3000);
    entry.stream_end = dice.one_of(
        std::vector{sync::StreamEnd::unknown, sync::StreamEnd::complete, sync::StreamEnd::broken});
    entry.task = dice.once_in(8);
    return entry;
}

/// A request that failed on some channels, and was answered or not.
inline std::vector<sync::LogEntry> random_retries(Dice& dice, std::int64_t created_at,
                                                  std::uint64_t& requests) {
    std::vector<sync::LogEntry> attempts;
    const auto id = ++requests;
    const auto count = static_cast<int>(dice.number(2, 4));
    for (int i = 0; i < count; ++i) {
        auto attempt = random_entry(dice, created_at + i, requests);
        attempt.channel_test = attempt.task = false;
        attempt.request_id = id;
        attempt.kind = sync::Kind::error;
        attempt.attempts = i + 1;
        if (i + 1 == count && dice.once_in(2)) {
            attempt.kind = sync::Kind::consume;
            attempt.status = 0;
            attempt.error_code.clear();
        }
        attempts.push_back(attempt);
    }
    return attempts;
}

}  // namespace quotafuse::tests::property
