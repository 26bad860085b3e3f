#include "alerts/rule.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "alerts/stable_hash.h"

namespace quotafuse::alerts {
namespace {

/// Lengths keep a name with a comma apart from two names.
std::string text_of(const Condition& condition) {
    auto text = fmt::format("\n{}:", dimension_name(condition.dimension));
    for (const auto& term : condition.terms) {
        const auto value = term.id ? fmt::format("{}", *term.id) : term.pattern;
        text += fmt::format("{}{}{}:{},", term.negated ? "!" : "", term.id ? "id" : "name",
                            value.size(), value);
    }
    return text;
}

std::string text_of(const Frame& frame) {
    switch (frame.kind) {
        case Frame::Kind::rolling:
            return fmt::format("{}", frame.length.count());
        case Frame::Kind::today:
            return "today";
        case Frame::Kind::this_week:
            return "this_week";
        case Frame::Kind::this_month:
            return "this_month";
        case Frame::Kind::fixed:
            return fmt::format("{}-{}", base::unix_seconds(frame.from),
                               base::unix_seconds(frame.to));
    }
    std::abort();
}

std::string text_of(const ErrorsWhen& errors) {
    std::string text = "\nerrors_when";
    if (errors.status) text += text_of(*errors.status);
    if (errors.code) text += text_of(*errors.code);
    return text;
}

/// One API logs answered requests only, and of them neither group, path, address nor first token.
std::string_view missing_in_one_api(Metric metric) {
    switch (metric) {
        case Metric::attempts:
        case Metric::errors:
        case Metric::client_errors:
        case Metric::error_rate:
        case Metric::final_error_rate:
            return "One API logs no failed request (a row of type 5 is a channel test there)";
        case Metric::cache_tokens:
            return "One API logs no cache tokens";
        case Metric::ttft_avg:
        case Metric::ttft_p50:
        case Metric::ttft_p95:
        case Metric::ttft_p99:
            return "One API does not log when the first token came";
        case Metric::distinct_ips:
            return "One API logs no address of the client";
        case Metric::dead_keys:
            return "One API has no channels with several keys";
        case Metric::requests:
        case Metric::tokens:
        case Metric::prompt_tokens:
        case Metric::completion_tokens:
        case Metric::quota:
        case Metric::cost:
        case Metric::rpm:
        case Metric::tpm:
        case Metric::latency_avg:
        case Metric::latency_p50:
        case Metric::latency_p95:
        case Metric::latency_p99:
        case Metric::empty_replies:
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
            return {};
    }
    std::abort();
}

std::string missing_in_one_api(Dimension dimension, bool of_rows) {
    switch (dimension) {
        case Dimension::tag:
            return "One API's channels have no tag";
        case Dimension::group:
        case Dimension::route:
        case Dimension::status:
        case Dimension::code:
        case Dimension::ip:
            if (!of_rows) return {};  // what users and abilities have, it has
            return fmt::format("One API logs no {}", dimension_name(dimension));
        case Dimension::channel:
        case Dimension::provider:
        case Dimension::model:
        case Dimension::token:
        case Dimension::user:
            return {};
    }
    std::abort();
}

bool names_token_by_id(const Condition& condition) {
    return condition.dimension == Dimension::token &&
           std::any_of(condition.terms.begin(), condition.terms.end(),
                       [](const Term& term) { return term.id.has_value(); });
}

}  // namespace

const std::vector<std::string_view>& metric_names() {
    static const std::vector<std::string_view> kNames{"requests",
                                                      "attempts",
                                                      "errors",
                                                      "client_errors",
                                                      "error_rate",
                                                      "final_error_rate",
                                                      "tokens",
                                                      "prompt_tokens",
                                                      "completion_tokens",
                                                      "cache_tokens",
                                                      "quota",
                                                      "cost",
                                                      "rpm",
                                                      "tpm",
                                                      "latency_avg",
                                                      "latency_p50",
                                                      "latency_p95",
                                                      "latency_p99",
                                                      "ttft_avg",
                                                      "ttft_p50",
                                                      "ttft_p95",
                                                      "ttft_p99",
                                                      "empty_replies",
                                                      "distinct_ips",
                                                      "distinct_tokens",
                                                      "distinct_users",
                                                      "since_last",
                                                      "channel_down",
                                                      "channel_balance",
                                                      "channel_balance_age",
                                                      "token_remaining",
                                                      "token_used_percent",
                                                      "token_expires_in",
                                                      "user_remaining",
                                                      "user_used_percent",
                                                      "healthy_channels",
                                                      "dead_keys"};
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
        case Metric::empty_replies:
        case Metric::distinct_ips:
        case Metric::distinct_tokens:
        case Metric::distinct_users:
        case Metric::channel_down:
        case Metric::channel_balance:
        case Metric::healthy_channels:
        case Metric::dead_keys:
            return "";
        case Metric::error_rate:
        case Metric::final_error_rate:
        case Metric::token_used_percent:
        case Metric::user_used_percent:
            return "percent";
        case Metric::tokens:
        case Metric::prompt_tokens:
        case Metric::completion_tokens:
        case Metric::cache_tokens:
            return "tokens";
        case Metric::quota:
            return "quota";
        case Metric::cost:
        case Metric::token_remaining:
        case Metric::user_remaining:
            return "USD";
        case Metric::rpm:
        case Metric::tpm:
            return "per minute";
        case Metric::latency_avg:
        case Metric::latency_p50:
        case Metric::latency_p95:
        case Metric::latency_p99:
        case Metric::ttft_avg:
        case Metric::ttft_p50:
        case Metric::ttft_p95:
        case Metric::ttft_p99:
            return "ms";
        case Metric::since_last:
        case Metric::channel_balance_age:
        case Metric::token_expires_in:
            return "seconds";
    }
    std::abort();
}

bool is_ratio(Metric metric) {
    return metric == Metric::error_rate || metric == Metric::final_error_rate;
}

bool needs_rows(Metric metric) {
    return is_ratio(metric) || is_percentile(metric) || metric == Metric::latency_avg ||
           metric == Metric::ttft_avg;
}

bool only_grows(Metric metric) {
    return !needs_rows(metric) && !is_gauge(metric) && metric != Metric::since_last;
}

bool is_percentile(Metric metric) {
    return (metric >= Metric::latency_p50 && metric <= Metric::latency_p99) ||
           (metric >= Metric::ttft_p50 && metric <= Metric::ttft_p99);
}

bool is_distinct(Metric metric) {
    return metric == Metric::distinct_ips || metric == Metric::distinct_tokens ||
           metric == Metric::distinct_users;
}

bool is_gauge(Metric metric) {
    return metric >= Metric::channel_down;
}

bool counts_attempts(Metric metric) {
    return metric == Metric::attempts || metric == Metric::errors ||
           metric == Metric::client_errors || is_ratio(metric);
}

const std::vector<std::string_view>& dimension_names() {
    static const std::vector<std::string_view> kNames{"channel", "provider", "tag",   "model",
                                                      "token",   "user",     "group", "route",
                                                      "status",  "code",     "ip"};
    return kNames;
}

std::string_view dimension_name(Dimension dimension) {
    return dimension_names()[static_cast<std::size_t>(dimension)];
}

bool has_id(Dimension dimension) {
    return dimension == Dimension::channel || dimension == Dimension::token ||
           dimension == Dimension::user || dimension == Dimension::status;
}

const std::vector<Dimension>& dimensions_of(Metric metric) {
    static const std::vector<Dimension> kOfRows{
        Dimension::channel, Dimension::provider, Dimension::tag,   Dimension::model,
        Dimension::token,   Dimension::user,     Dimension::group, Dimension::route,
        Dimension::status,  Dimension::code,     Dimension::ip};
    static const std::vector<Dimension> kOfChannels{Dimension::channel, Dimension::provider,
                                                    Dimension::tag};
    static const std::vector<Dimension> kOfTokens{Dimension::token, Dimension::user,
                                                  Dimension::group};
    static const std::vector<Dimension> kOfUsers{Dimension::user, Dimension::group};
    if (!is_gauge(metric)) return kOfRows;
    if (metric == Metric::healthy_channels) return object_of(metric);
    const auto object = object_of(metric).front();
    if (object == Dimension::channel) return kOfChannels;
    return object == Dimension::token ? kOfTokens : kOfUsers;
}

const std::vector<Dimension>& object_of(Metric metric) {
    static const std::vector<Dimension> kRows;
    static const std::vector<Dimension> kChannel{Dimension::channel};
    static const std::vector<Dimension> kToken{Dimension::token};
    static const std::vector<Dimension> kUser{Dimension::user};
    static const std::vector<Dimension> kServing{Dimension::group, Dimension::model};
    if (!is_gauge(metric)) return kRows;
    if (metric == Metric::healthy_channels) return kServing;
    if (metric == Metric::user_remaining || metric == Metric::user_used_percent) return kUser;
    if (metric >= Metric::token_remaining && metric <= Metric::token_expires_in) return kToken;
    return kChannel;
}

std::string cannot_give(const Rule& rule, sync::Gateway gateway) {
    if (gateway == sync::Gateway::new_api) return {};
    if (const auto metric = missing_in_one_api(rule.metric); !metric.empty()) {
        return std::string{metric};
    }
    const bool of_rows = !is_gauge(rule.metric);
    for (const auto dimension : rule.by) {
        if (auto why = missing_in_one_api(dimension, of_rows); !why.empty()) return why;
    }
    for (const auto& condition : rule.where) {
        if (auto why = missing_in_one_api(condition.dimension, of_rows); !why.empty()) return why;
        if (of_rows && names_token_by_id(condition)) {
            return "One API logs no id of a key: name it, in quotes";
        }
    }
    return {};
}

std::chrono::seconds delay_of(const Rule& rule) {
    if (is_gauge(rule.metric)) return std::chrono::seconds{0};
    const bool at_once =
        !rule.below && only_grows(rule.metric) && rule.compare_to == Comparison::none;
    return at_once ? std::chrono::seconds{0} : rule.eval_delay;
}

bool keeps_keys(const Rule& rule) {
    if (is_gauge(rule.metric)) return false;
    return rule.below || rule.metric == Metric::since_last;
}

bool ends_without_traffic(const Rule& rule) {
    return !keeps_keys(rule);
}

std::uint64_t fingerprint(const Rule& rule) {
    std::string text{metric_name(rule.metric)};
    for (const auto& condition : rule.where) text += text_of(condition);
    text += "\nby";
    for (const auto dimension : rule.by) text += fmt::format(" {}", dimension_name(dimension));
    text += fmt::format("\n{} {} {} {}", text_of(rule.window), rule.below ? "below" : "above",
                        rule.limit, delay_of(rule).count());
    // What a rule does not use is left out, so that rules of former versions keep their state.
    if (rule.errors_when) text += text_of(*rule.errors_when);
    if (rule.compare_to != Comparison::none) {
        text += fmt::format("\ncompare_to {}",
                            comparison_names()[static_cast<std::size_t>(rule.compare_to) - 1]);
    }
    if (rule.window.is_calendar() || rule.compare_to == Comparison::usual) {
        text += fmt::format("\nzone {}", rule.zone.name());
    }
    return stable_hash(text);
}

}  // namespace quotafuse::alerts
