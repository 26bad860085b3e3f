#include "alerts/sums.h"

#include <cstdlib>

namespace quotafuse::alerts {
namespace {

// Not functions: those would be called part by part.
constexpr auto kPlus = [](std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
};
constexpr auto kMinus = [](std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
};

void each_part(Sums& a, const Sums& b, auto apply) {
    a.rows = apply(a.rows, b.rows);
    a.requests = apply(a.requests, b.requests);
    a.attempts = apply(a.attempts, b.attempts);
    a.errors = apply(a.errors, b.errors);
    a.client_errors = apply(a.client_errors, b.client_errors);
    a.empty_replies = apply(a.empty_replies, b.empty_replies);
    a.prompt_tokens = apply(a.prompt_tokens, b.prompt_tokens);
    a.completion_tokens = apply(a.completion_tokens, b.completion_tokens);
    a.cache_tokens = apply(a.cache_tokens, b.cache_tokens);
    a.quota = apply(a.quota, b.quota);
    a.latency_ms = apply(a.latency_ms, b.latency_ms);
    a.latency_rows = apply(a.latency_rows, b.latency_rows);
    a.first_token_ms = apply(a.first_token_ms, b.first_token_ms);
    a.first_token_rows = apply(a.first_token_rows, b.first_token_rows);
}

std::optional<double> ratio(std::int64_t part, std::int64_t whole, double factor) {
    if (whole <= 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole) * factor;
}

double by_the_minute(double count, std::chrono::seconds window) {
    if (window.count() <= 0) return 0;
    return count * 60 / static_cast<double>(window.count());
}

}  // namespace

Sums& Sums::operator+=(const Sums& other) {
    each_part(*this, other, kPlus);
    return *this;
}

Sums& Sums::operator-=(const Sums& other) {
    each_part(*this, other, kMinus);
    return *this;
}

Sums sums_of(const sync::Tally& tally) {
    Sums sums;
    sums.rows = 1;
    sums.attempts = tally.answers + tally.errors;
    sums.requests = sums.attempts + tally.client_errors;
    sums.errors = tally.errors;
    sums.client_errors = tally.client_errors;
    sums.empty_replies = tally.empty_replies;
    sums.prompt_tokens = tally.prompt_tokens;
    sums.completion_tokens = tally.completion_tokens;
    sums.cache_tokens = tally.cache_tokens;
    sums.quota = kMinus(tally.quota, tally.refund);
    if (tally.latency_ms >= 0) {
        sums.latency_ms = tally.latency_ms;
        sums.latency_rows = 1;
    }
    if (tally.first_token_ms >= 0) {
        sums.first_token_ms = tally.first_token_ms;
        sums.first_token_rows = 1;
    }
    return sums;
}

std::optional<double> value_of(Metric metric, const Sums& sums, std::chrono::seconds window,
                               double quota_per_unit) {
    const auto tokens =
        static_cast<double>(sums.prompt_tokens) + static_cast<double>(sums.completion_tokens);
    const auto number = [](std::int64_t count) { return static_cast<double>(count); };
    switch (metric) {
        case Metric::requests:
            return number(sums.requests);
        case Metric::attempts:
            return number(sums.attempts);
        case Metric::errors:
            return number(sums.errors);
        case Metric::client_errors:
            return number(sums.client_errors);
        case Metric::error_rate:
            return ratio(sums.errors, sums.attempts, 100);
        case Metric::tokens:
            return tokens;
        case Metric::prompt_tokens:
            return number(sums.prompt_tokens);
        case Metric::completion_tokens:
            return number(sums.completion_tokens);
        case Metric::cache_tokens:
            return number(sums.cache_tokens);
        case Metric::quota:
            return number(sums.quota);
        case Metric::cost:
            return number(sums.quota) / quota_per_unit;
        case Metric::rpm:
            return by_the_minute(number(sums.requests), window);
        case Metric::tpm:
            return by_the_minute(tokens, window);
        case Metric::latency_avg:
            return ratio(sums.latency_ms, sums.latency_rows, 1);
        case Metric::ttft_avg:
            return ratio(sums.first_token_ms, sums.first_token_rows, 1);
        case Metric::empty_replies:
            return number(sums.empty_replies);
        case Metric::final_error_rate:
        case Metric::latency_p50:
        case Metric::latency_p95:
        case Metric::latency_p99:
        case Metric::ttft_p50:
        case Metric::ttft_p95:
        case Metric::ttft_p99:
        case Metric::distinct_ips:
        case Metric::distinct_tokens:
        case Metric::distinct_users:
        case Metric::since_last:
        case Metric::channel_down:
        case Metric::channel_balance:
        case Metric::channel_balance_age:
        case Metric::token_remaining:
        case Metric::token_used_percent:
        case Metric::token_expires_in:
        case Metric::user_remaining:
        case Metric::user_used_percent:
        case Metric::healthy_channels:
        case Metric::dead_keys:
            return std::nullopt;
    }
    std::abort();
}

std::int64_t weight_of(Metric metric, const Sums& sums) {
    if (metric == Metric::error_rate) return sums.attempts;
    if (metric == Metric::latency_avg) return sums.latency_rows;
    if (metric == Metric::ttft_avg) return sums.first_token_rows;
    return sums.requests;
}

}  // namespace quotafuse::alerts
