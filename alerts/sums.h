#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "alerts/rule.h"

namespace quotafuse::alerts {

/// What the rows of a series add up to: the parts of every metric. Addition and subtraction wrap,
/// so that absurd values of a broken row are no undefined behaviour and are gone when the row
/// leaves.
struct Sums {
    std::int64_t rows = 0;  // that matched, counted in a metric or not
    std::int64_t requests = 0;
    std::int64_t attempts = 0;
    std::int64_t errors = 0;
    std::int64_t client_errors = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t quota = 0;
    std::int64_t latency_ms = 0;
    std::int64_t latency_rows = 0;

    Sums& operator+=(const Sums& other);
    Sums& operator-=(const Sums& other);
    bool operator==(const Sums&) const = default;
};

/// The metric's value in its unit; empty where a ratio has no rows to stand on. `quota_per_unit` is
/// the gateway's quota for one dollar, > 0.
std::optional<double> value_of(Metric metric, const Sums& sums, std::chrono::seconds window,
                               double quota_per_unit);

/// How many requests the value stands on: the ratio's denominator, else the requests.
std::int64_t weight_of(Metric metric, const Sums& sums);

}  // namespace quotafuse::alerts
