#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "alerts/rule.h"
#include "sync/tally.h"

namespace quotafuse::alerts {

/// What the rows of a series add up to: the parts of every metric that is a sum or a rate of sums.
/// Addition and subtraction wrap, so that absurd values of a broken row are no undefined behaviour
/// and are gone when the row leaves.
struct Sums {
    std::int64_t rows = 0;  // that matched, counted in a metric or not
    std::int64_t requests = 0;
    std::int64_t attempts = 0;
    std::int64_t errors = 0;
    std::int64_t client_errors = 0;
    std::int64_t empty_replies = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t quota = 0;  // charged, less what was given back
    std::int64_t latency_ms = 0;
    std::int64_t latency_rows = 0;
    std::int64_t first_token_ms = 0;
    std::int64_t first_token_rows = 0;

    Sums& operator+=(const Sums& other);
    Sums& operator-=(const Sums& other);
    bool operator==(const Sums&) const = default;
};

/// One row by itself.
Sums sums_of(const sync::Tally& tally);

/// The metric's value in its unit over `window` of time; empty where a ratio or an average has no
/// rows to stand on, and for metrics that sums cannot tell (percentiles, distinct values,
/// final_error_rate, since_last, gauges). `quota_per_unit` is the gateway's quota for one dollar, >
/// 0.
std::optional<double> value_of(Metric metric, const Sums& sums, std::chrono::seconds window,
                               double quota_per_unit);

/// How many requests the value stands on: the denominator of a rate or an average, else the
/// requests.
std::int64_t weight_of(Metric metric, const Sums& sums);

}  // namespace quotafuse::alerts
