#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/active_hours.h"
#include "alerts/frame.h"
#include "base/recovery.h"
#include "base/severity.h"
#include "base/time_zone.h"
#include "sync/dialect.h"

namespace quotafuse::alerts {

/// What a rule measures. In the order of metric_names().
enum class Metric {
    requests,
    attempts,
    errors,
    client_errors,
    error_rate,
    final_error_rate,
    tokens,
    prompt_tokens,
    completion_tokens,
    cache_tokens,
    quota,
    cost,
    rpm,
    tpm,
    latency_avg,
    latency_p50,
    latency_p95,
    latency_p99,
    ttft_avg,
    ttft_p50,
    ttft_p95,
    ttft_p99,
    empty_replies,
    distinct_ips,
    distinct_tokens,
    distinct_users,
    since_last,
    // Gauges: what the gateway's own tables say of its objects.
    channel_down,
    channel_balance,
    channel_balance_age,
    token_remaining,
    token_used_percent,
    token_expires_in,
    user_remaining,
    user_used_percent,
    healthy_channels,
    dead_keys,
};
const std::vector<std::string_view>& metric_names();
std::string_view metric_name(Metric metric);
/// "", "percent", "tokens", "quota", "USD", "per minute", "ms" or "seconds". A balance has the unit
/// of the channel's provider: "". What a key or user has left is in USD, as cost is.
std::string_view metric_unit(Metric metric);
/// A share of something (error_rate, final_error_rate): min_requests defaults to 20.
bool is_ratio(Metric metric);
/// Ratios, averages, percentiles: of no rows they have no value.
bool needs_rows(Metric metric);
/// Sums and counts, which late rows can only raise.
bool only_grows(Metric metric);
bool is_percentile(Metric metric);
bool is_distinct(Metric metric);
bool is_gauge(Metric metric);
/// Metrics of upstream attempts, in which where.status and where.code choose the errors that count
/// and never thin the attempts.
bool counts_attempts(Metric metric);

/// What rows are told apart by. In the order of dimension_names(). provider (the channel's type by
/// name) and tag are those of the row's channel as the gateway has it now.
enum class Dimension { channel, provider, tag, model, token, user, group, route, status, code, ip };
const std::vector<std::string_view>& dimension_names();
std::string_view dimension_name(Dimension dimension);
/// channel, token and user have an id beside their name; a status is a number only.
bool has_id(Dimension dimension);
/// What a gauge can be chosen and grouped by; its series are always one an object: `by` of
/// channel_down is [channel] whether it says so or not. All of them for a metric of rows.
const std::vector<Dimension>& dimensions_of(Metric metric);
/// The grouping that each series of a gauge has, e.g. [group, model] of healthy_channels. Empty for
/// a metric of rows.
const std::vector<Dimension>& object_of(Metric metric);

/// One value of a condition: an id, or a name with * and ? in it. `!` in the file negates.
struct Term {
    bool negated = false;
    std::optional<std::int64_t> id;
    std::string pattern;  // when there is no id
    bool operator==(const Term&) const = default;
};

/// Holds for a value that matches any positive term (or there is none) and no negated one.
struct Condition {
    Dimension dimension;
    std::vector<Term> terms;
    bool operator==(const Condition&) const = default;
};
/// All conditions must hold. By dimension, each at most once.
using Where = std::vector<Condition>;

/// What a firing series asks of the circuit breaker. In order from weak to strong.
enum class ActionMode { off, shadow, live };
struct RuleAction {
    enum class What { channel, model, token };  // model: one of the channel's only
    What what = What::channel;
    ActionMode mode = ActionMode::shadow;
    bool even_if_last = false;
    base::Recovery recover{};
    bool always = false;  // also outside the active hours
    bool operator==(const RuleAction&) const = default;
};

/// Which failed attempts are errors, in place of all but the client's doing: those with one of the
/// statuses or one of the codes. The rest is the client's doing then.
struct ErrorsWhen {
    std::optional<Condition> status;
    std::optional<Condition> code;
    bool operator==(const ErrorsWhen&) const = default;
};

/// One alert rule as loaded: every value is in range and fits the others.
struct Rule {
    std::string name;
    bool enabled = true;
    std::string summary;  // a template whose variables are all known; may be empty
    base::Severity severity = base::Severity::warning;
    Metric metric = Metric::requests;
    Where where;
    std::optional<ErrorsWhen> errors_when;
    std::vector<Dimension> by;  // at most 4; of a gauge: object_of() its metric
    Frame window;               // of a gauge without comparison: not used
    Comparison compare_to = Comparison::none;
    bool below = false;
    double limit = 0;              // fires at value > limit, with `below` at value < limit
    double clear = 0;              // is over at value ≤ clear, with `below` at value ≥ clear
    std::chrono::seconds hold{0};  // `for`
    std::chrono::seconds keep_firing{0};  // `keep_firing_for`
    std::int64_t min_requests = 0;
    std::chrono::seconds eval_delay{3};
    std::size_t max_series = 200;
    std::vector<std::string> inhibited_by;  // rules, or built-in alerts; no cycles
    ActiveHours hours;
    base::TimeZone zone;
    std::chrono::seconds cooldown{3600};
    bool resolved = true;
    std::vector<std::string> notify;  // empty: every notifier
    std::optional<RuleAction> action;
    /// The only gateway that the rule is for. Where another one is configured it is loaded as
    /// disabled.
    std::optional<sync::Gateway> gateway;
};

/// Why this gateway's tables cannot give what the rule asks for, as a sentence; empty when they
/// can.
std::string cannot_give(const Rule& rule, sync::Gateway gateway);

/// How far behind the engine time a rule looks: 0 for `above` on sums and counts without a
/// comparison and for gauges, else its eval_delay.
std::chrono::seconds delay_of(const Rule& rule);

/// A value keeps its key while the object exists, at 0 or growing, when its rows have left:
/// `below`, since_last, and drops against a comparison. Such a series needs one full window of
/// history, and ends as gone after 7 d without a row.
bool keeps_keys(const Rule& rule);
/// Whether an alert of the rule can end while what it is about serves nothing, as after a trip.
/// False where only traffic ends it: what recovers then must not wait for its end.
bool ends_without_traffic(const Rule& rule);

/// How many weeks `usual` looks back, of at most 8: as many as are kept; under 3 there is no usual.
inline constexpr int kMostWeeks = 8;
inline constexpr int kLeastWeeks = 3;

/// Equal for rules that ask the same question: metric, filter, grouping, window, comparison, limit
/// and delay. A rule whose fingerprint changed starts anew. Stored, so it is the same on every host
/// and in every version.
std::uint64_t fingerprint(const Rule& rule);

}  // namespace quotafuse::alerts
