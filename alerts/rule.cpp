#include "alerts/rule.h"

#include <cstdlib>

#include <fmt/format.h>

#include "alerts/stable_hash.h"

namespace quotafuse::alerts {

const std::vector<std::string_view>& metric_names() {
    static const std::vector<std::string_view> kNames{
        "requests",     "attempts",   "errors",        "client_errors",
        "error_rate",   "tokens",     "prompt_tokens", "completion_tokens",
        "cache_tokens", "quota",      "cost",          "rpm",
        "tpm",          "latency_avg"};
    return kNames;
}

std::string_view metric_name(Metric metric) {
    return metric_names()[static_cast<std::size_t>(metric)];
}

std::string_view metric_unit(Metric metric) {
    switch (metric) {
        case Metric::requests:
        case Metric::attempts:
        case Metric::errors:
        case Metric::client_errors:
            return "";
        case Metric::error_rate:
            return "percent";
        case Metric::tokens:
        case Metric::prompt_tokens:
        case Metric::completion_tokens:
        case Metric::cache_tokens:
            return "tokens";
        case Metric::quota:
            return "quota";
        case Metric::cost:
            return "USD";
        case Metric::rpm:
        case Metric::tpm:
            return "per minute";
        case Metric::latency_avg:
            return "ms";
    }
    std::abort();
}

bool is_ratio(Metric metric) {
    return metric == Metric::error_rate || metric == Metric::latency_avg;
}

bool counts_attempts(Metric metric) {
    return metric == Metric::attempts || metric == Metric::errors ||
           metric == Metric::client_errors || metric == Metric::error_rate;
}

const std::vector<std::string_view>& dimension_names() {
    static const std::vector<std::string_view> kNames{"channel", "model",  "token", "user", "group",
                                                      "route",   "status", "code",  "ip"};
    return kNames;
}

std::string_view dimension_name(Dimension dimension) {
    return dimension_names()[static_cast<std::size_t>(dimension)];
}

bool has_id(Dimension dimension) {
    return dimension == Dimension::channel || dimension == Dimension::token ||
           dimension == Dimension::user || dimension == Dimension::status;
}

std::chrono::seconds delay_of(const Rule& rule) {
    return rule.below || is_ratio(rule.metric) ? rule.eval_delay : std::chrono::seconds{0};
}

std::uint64_t fingerprint(const Rule& rule) {
    std::string text{metric_name(rule.metric)};
    for (const auto& condition : rule.where) {
        text += fmt::format("\n{}:", dimension_name(condition.dimension));
        for (const auto& term : condition.terms) {
            // Lengths keep a name with a comma apart from two names.
            const auto value = term.id ? fmt::format("{}", *term.id) : term.pattern;
            text += fmt::format("{}{}{}:{},", term.negated ? "!" : "", term.id ? "id" : "name",
                                value.size(), value);
        }
    }
    text += "\nby";
    for (const auto dimension : rule.by) text += fmt::format(" {}", dimension_name(dimension));
    text += fmt::format("\n{} {} {} {}", rule.window.count(), rule.below ? "below" : "above",
                        rule.limit, delay_of(rule).count());
    return stable_hash(text);
}

}  // namespace quotafuse::alerts
