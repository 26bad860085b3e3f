#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "sync/address.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// By what traffic is told apart. `error` is status × error code, `channel_error` with the channel;
/// answers have neither.
enum class TrafficBy {
    all,
    channel,
    model,
    channel_model,
    token,
    user,
    group,
    route,
    ip,
    status,
    error,
    channel_error,
};

/// Whose traffic; all that is set must hold. A key without an id (One API) is one of a user by
/// name: token = 0, user and token_name.
struct TrafficFilter {
    std::optional<std::int64_t> channel{};
    std::optional<std::vector<std::int64_t>> channels{};  // any one of these; of none is nothing
    std::optional<TextId> model{};
    std::optional<std::int64_t> token{};
    std::optional<TextId> token_name{};
    std::optional<std::int64_t> user{};
    std::optional<TextId> group{};
    std::optional<TextId> route{};
    std::optional<Address> ip{};
    std::optional<std::int64_t> status{};
    std::optional<TextId> error_code{};
    // Only rows know:
    std::optional<Kind> kind{};
    std::optional<std::int64_t> least_latency_ms{};
    bool operator==(const TrafficFilter&) const = default;

    bool matches(const Row& row) const;
};

enum class TrafficStep { whole, hour, day };

/// What is asked of TrafficReader: from ≤ created_at < until.
struct TrafficQuestion {
    TrafficBy by = TrafficBy::all;
    TrafficFilter of{};
    base::Second from{};
    base::Second until{};
    TrafficStep step = TrafficStep::whole;
    bool times = false;  // histograms too; only by all, channel, model and both
    /// By status and error: only failed requests, and of these only that they failed. An error
    /// without status and code is otherwise one with the answers, which have neither.
    bool only_failed = false;
};

/// What rows add up to, as Tally says.
struct TrafficSums {
    std::int64_t answers = 0;
    std::int64_t errors = 0;  // without the clients' own, which are:
    std::int64_t client_errors = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t quota = 0;  // charged
    std::int64_t refund = 0;
    // Only where times were asked for:
    std::int64_t empty_replies = 0;
    std::int64_t latency_total = 0;      // ms, of all that are in the histogram
    std::int64_t first_token_total = 0;  // ms
    base::Histogram latency{};           // ms
    base::Histogram first_token{};       // ms

    std::int64_t requests() const { return answers + errors + client_errors; }
    std::int64_t tokens() const { return prompt_tokens + completion_tokens; }
    std::int64_t cost() const { return quota - refund; }
    void add(const TrafficSums& other);
    bool operator==(const TrafficSums&) const = default;
};

/// One object, in one step. What it is called are texts of the store's dictionary.
struct TrafficCell {
    std::int64_t time = 0;   // unix second in which the step begins; 0 for the whole
    std::int64_t id = 0;     // of a channel, token, user, ip or status
    TextId text = 0;         // of a model, group, route or error code; a token's or user's name
    std::int64_t owner = 0;  // of a token: its user; of a channel's error: the channel
    TrafficSums sums{};
    std::int64_t last = 0;  // unix second up to which the last hour with traffic goes
};

/// Why an answer begins later than it was asked to.
enum class TrafficCut {
    none,
    before_store,  // nothing so old has ever been mirrored, or it is gone altogether
    not_kept,      // so old, only coarser sums are kept
    too_many_rows  // only rows can tell it, and no more of them are read for one question
};

/// The cells are exact for `from` ≤ created_at < `until`, which is what was asked for, or
/// - more: a part of an hour with too many rows is told as the whole hour;
/// - less: only rows can tell, and they are too many, or what was before is not kept.
struct TrafficAnswer {
    base::Second from{};
    base::Second until{};
    TrafficCut cut = TrafficCut::none;
    std::vector<TrafficCell> cells{};  // in no order; without those that have nothing
    /// By or of addresses: some are only known as kOtherAddresses, which is one of the cells by
    /// address; of one address there may have been more traffic.
    bool has_others = false;
};

}  // namespace quotafuse::sync
