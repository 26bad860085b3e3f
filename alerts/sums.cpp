#include "alerts/sums.h"

#include <cstdlib>

namespace quotafuse::alerts {
namespace {

void each_part(Sums& a, const Sums& b, auto apply) {
    const auto part = [&](std::int64_t Sums::*member) {
        a.*member = static_cast<std::int64_t>(
            apply(static_cast<std::uint64_t>(a.*member), static_cast<std::uint64_t>(b.*member)));
    };
    part(&Sums::rows);
    part(&Sums::requests);
    part(&Sums::attempts);
    part(&Sums::errors);
    part(&Sums::client_errors);
    part(&Sums::prompt_tokens);
    part(&Sums::completion_tokens);
    part(&Sums::cache_tokens);
    part(&Sums::quota);
    part(&Sums::latency_ms);
    part(&Sums::latency_rows);
}

std::optional<double> ratio(std::int64_t part, std::int64_t whole, double factor) {
    if (whole <= 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole) * factor;
}

}  // namespace

Sums& Sums::operator+=(const Sums& other) {
    each_part(*this, other, [](std::uint64_t x, std::uint64_t y) { return x + y; });
    return *this;
}

Sums& Sums::operator-=(const Sums& other) {
    each_part(*this, other, [](std::uint64_t x, std::uint64_t y) { return x - y; });
    return *this;
}

std::optional<double> value_of(Metric metric, const Sums& sums, std::chrono::seconds window,
                               double quota_per_unit) {
    const auto tokens =
        static_cast<double>(sums.prompt_tokens) + static_cast<double>(sums.completion_tokens);
    const auto minutes = static_cast<double>(window.count()) / 60;
    switch (metric) {
        case Metric::requests:
            return static_cast<double>(sums.requests);
        case Metric::attempts:
            return static_cast<double>(sums.attempts);
        case Metric::errors:
            return static_cast<double>(sums.errors);
        case Metric::client_errors:
            return static_cast<double>(sums.client_errors);
        case Metric::error_rate:
            return ratio(sums.errors, sums.attempts, 100);
        case Metric::tokens:
            return tokens;
        case Metric::prompt_tokens:
            return static_cast<double>(sums.prompt_tokens);
        case Metric::completion_tokens:
            return static_cast<double>(sums.completion_tokens);
        case Metric::cache_tokens:
            return static_cast<double>(sums.cache_tokens);
        case Metric::quota:
            return static_cast<double>(sums.quota);
        case Metric::cost:
            return static_cast<double>(sums.quota) / quota_per_unit;
        case Metric::rpm:
            return static_cast<double>(sums.requests) / minutes;
        case Metric::tpm:
            return tokens / minutes;
        case Metric::latency_avg:
            return ratio(sums.latency_ms, sums.latency_rows, 1);
    }
    std::abort();
}

std::int64_t weight_of(Metric metric, const Sums& sums) {
    if (metric == Metric::error_rate) return sums.attempts;
    if (metric == Metric::latency_avg) return sums.latency_rows;
    return sums.requests;
}

}  // namespace quotafuse::alerts
