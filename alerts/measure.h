#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "alerts/frame.h"
#include "alerts/rule.h"
#include "alerts/sums.h"
#include "base/histogram.h"
#include "sync/row.h"

namespace quotafuse::alerts {

/// What a window keeps of its rows beside their sums: what its rules need, and no more.
struct Parts {
    bool latency = false;      // latency_p*
    bool first_token = false;  // ttft_p*
    bool requests = false;     // final_error_rate: attempts joined by request
    bool ips = false;
    bool tokens = false;
    bool users = false;
    bool operator==(const Parts&) const = default;
    Parts& operator|=(const Parts& other);
    bool any() const { return latency || first_token || requests || ips || tokens || users; }
};
Parts parts_of(Metric metric);

/// The rows of one series of one window, added up. Whatever the order in which rows are added and
/// taken away, it says what the rows that are in it say.
struct Measure {
    /// A value and how many rows have it.
    using Counts = std::unordered_map<std::uint64_t, std::int32_t>;
    /// How the attempts of one request went.
    struct Attempts {
        std::int32_t failed = 0;
        std::int32_t answered = 0;
        std::int32_t passed_over = 0;  // failed, but not with what `where` calls an error
        bool operator==(const Attempts&) const = default;
    };
    struct Extras {
        base::Histogram latency;
        base::Histogram first_token;
        /// p50, p95 and p99 of latency and of first_token, as far as somebody has asked since a row
        /// came or went: rules with different limits ask the same.
        mutable std::array<std::optional<double>, 6> asked{};
        Counts ips;  // of requests, as are tokens and users
        Counts tokens;
        Counts users;
        /// Requests with a failed attempt, or with an answer after more than one. A row without a
        /// request id is a request of its own and not in here.
        std::unordered_map<std::uint64_t, Attempts> retried;
        std::int64_t joined = 0;  // attempts in `retried`
        std::int64_t lost = 0;    // requests of `retried` and without id: errors, and no answer
    };
    Sums sums;
    /// The lowest created_at since the series was last empty.
    std::int64_t oldest = 0;
    /// The highest created_at of a request since then, 0 without any. Channel tests and refunds are
    /// no sign of life. Rows leave oldest first; where a newer one is taken away (the store deleted
    /// it) this stays.
    std::int64_t newest = 0;
    std::unique_ptr<Extras> extras;  // of a window with parts

    /// Adds a row that counts for `counts`, or (`sign` −1) takes it away. `values` counts the
    /// distinct values of all extras.
    void take(const sync::Row& row, const Sums& counts, const Parts& parts, int sign,
              std::int64_t& values);
    /// How many distinct values its extras have.
    std::int64_t values() const;
};

/// The metric's value in its unit, over a window that is `span` long so far (calendar windows
/// grow); `measure` is null for a series without rows. Empty where the metric needs rows and has
/// none, and for since_last of a series without any request. Not for gauges.
std::optional<double> value_of(Metric metric, const Measure* measure, Span span,
                               double quota_per_unit);

/// How many requests the value stands on: the ratio's denominator, the rows of an average or a
/// percentile, else the requests.
std::int64_t weight_of(Metric metric, const Measure* measure);

}  // namespace quotafuse::alerts
