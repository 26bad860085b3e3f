#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/active_hours.h"
#include "base/severity.h"
#include "base/time_zone.h"

namespace quotafuse::alerts {

/// What a rule measures over its window. In the order of metric_names().
enum class Metric {
    requests,
    attempts,
    errors,
    client_errors,
    error_rate,
    tokens,
    prompt_tokens,
    completion_tokens,
    cache_tokens,
    quota,
    cost,
    rpm,
    tpm,
    latency_avg,
};
const std::vector<std::string_view>& metric_names();
std::string_view metric_name(Metric metric);
/// "", "percent", "tokens", "quota", "USD", "per minute" or "ms".
std::string_view metric_unit(Metric metric);
/// Ratios and averages: of no rows they have no value.
bool is_ratio(Metric metric);
/// Metrics of upstream attempts, in which where.status and where.code choose the errors that count
/// and never thin the attempts.
bool counts_attempts(Metric metric);

/// What rows are told apart by. In the order of dimension_names().
enum class Dimension { channel, model, token, user, group, route, status, code, ip };
const std::vector<std::string_view>& dimension_names();
std::string_view dimension_name(Dimension dimension);
/// channel, token and user have an id beside their name; a status is a number only.
bool has_id(Dimension dimension);

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
    ActionMode mode = ActionMode::shadow;
    bool even_if_last = false;
    bool always = false;  // also outside the active hours
    bool operator==(const RuleAction&) const = default;
};

/// One alert rule as loaded: every value is in range and fits the others.
struct Rule {
    std::string name;
    bool enabled = true;
    std::string summary;  // a template whose variables are all known; may be empty
    base::Severity severity = base::Severity::warning;
    Metric metric = Metric::requests;
    Where where;
    std::vector<Dimension> by;  // at most 4
    std::chrono::seconds window{0};
    bool below = false;
    double limit = 0;              // fires at value > limit, with `below` at value < limit
    double clear = 0;              // is over at value ≤ clear, with `below` at value ≥ clear
    std::chrono::seconds hold{0};  // `for`
    std::chrono::seconds keep_firing{0};  // `keep_firing_for`
    std::int64_t min_requests = 0;
    std::chrono::seconds eval_delay{3};
    std::size_t max_series = 200;
    ActiveHours hours;
    base::TimeZone zone;
    std::chrono::seconds cooldown{3600};
    bool resolved = true;
    std::vector<std::string> notify;  // empty: every notifier
    std::optional<RuleAction> action;
};

/// How far behind the engine time a rule looks: 0 for `above` on sums and counts, which late rows
/// can only raise, else its eval_delay.
std::chrono::seconds delay_of(const Rule& rule);

/// Equal for rules that ask the same question: metric, filter, grouping, window, limit and delay. A
/// rule whose fingerprint changed starts anew. Stored, so it is the same on every host and in every
/// version.
std::uint64_t fingerprint(const Rule& rule);

}  // namespace quotafuse::alerts
