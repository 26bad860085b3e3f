#include "alerts/rule_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/rule_action.h"
#include "base/duration.h"

namespace quotafuse::alerts {
namespace {

using base::format_duration;
using namespace std::chrono_literals;

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::hours kWeek{7 * 24};
constexpr std::chrono::hours kLongestDistinct{24};

bool is_debt(Metric metric) {
    return metric == Metric::channel_balance || metric == Metric::token_remaining ||
           metric == Metric::user_remaining;
}

bool is_of_status_or_code(Dimension dimension) {
    return dimension == Dimension::status || dimension == Dimension::code;
}

void check_change(const Rule& rule, const Fault& fault) {
    if (!rule.below && rule.limit < 0) {
        fault("above",
              "above must not be negative: with compare_to a drop is below, such as below: -50");
    }
    if (rule.below && (rule.limit >= 0 || rule.limit <= -100)) {
        fault("below",
              "with compare_to, below is a drop in percent and lies between -100 and 0, such as "
              "below: -50");
    }
}

/// Limits that no value ever passes, or from which none ever comes back.
void check_reachable(const Rule& rule, const Fault& fault) {
    if (is_debt(rule.metric)) return;
    const auto name = metric_name(rule.metric);
    if (rule.limit < 0) {
        const std::string_view side = rule.below ? "below" : "above";
        fault(side, fmt::format("{} must not be negative: no value ever is", side));
    } else if (rule.below && rule.limit == 0) {
        fault("below", "below 0 never holds: no value is negative");
    } else if (!rule.below && rule.clear < 0) {
        fault("clear", "clear must not be negative: no value ever is, and it would never be over");
    }
    if (is_ratio(rule.metric) && !rule.below && rule.limit >= 100) {
        fault("above", fmt::format("{} is never above 100 percent", name));
    }
    if (is_ratio(rule.metric) && rule.below && rule.clear > 100) {
        fault(
            "clear",
            fmt::format("clear: {} is never above 100 percent, and it would never be over", name));
    }
    if (!rule.below && rule.metric == Metric::channel_down && rule.limit >= 1) {
        fault("above", "channel_down is 0 or 1: above must be 0");
    }
}

/// What is counted is what min_requests counts.
void check_least(const Rule& rule, const Fault& fault) {
    const bool counts = rule.metric == Metric::requests || rule.metric == Metric::attempts;
    if (!counts || !rule.below || rule.compare_to != Comparison::none) return;
    if (rule.limit > static_cast<double>(rule.min_requests)) return;
    fault("min_requests",
          fmt::format("with min_requests {} the rule would never fire: {} below {} are too few",
                      rule.min_requests, metric_name(rule.metric), rule.limit));
}

void check_limit(const Rule& rule, const Fault& fault) {
    if (!rule.below && rule.clear > rule.limit) {
        fault("clear",
              fmt::format("clear ({}) must not be over above ({})", rule.clear, rule.limit));
    }
    if (rule.below && rule.clear < rule.limit) {
        fault("clear",
              fmt::format("clear ({}) must not be under below ({})", rule.clear, rule.limit));
    }
    check_least(rule, fault);
    if (rule.compare_to == Comparison::none) {
        check_reachable(rule, fault);
    } else {
        check_change(rule, fault);
    }
}

std::string_view comparison_name(Comparison comparison) {
    return comparison_names()[static_cast<std::size_t>(comparison) - 1];
}

/// Periods of different length, or begun on another day of the week, cannot be compared.
void check_comparison(const Rule& rule, const Fault& fault) {
    if (rule.compare_to == Comparison::none) return;
    if (rule.metric == Metric::since_last) {
        fault("compare_to", "since_last is a time, not a quantity: it cannot be compared");
    }
    if (rule.window.kind == Frame::Kind::fixed) {
        fault("compare_to", "a fixed window has nothing to be compared with");
    }
    const bool week = rule.window.kind == Frame::Kind::this_week;
    const bool month = rule.window.kind == Frame::Kind::this_month;
    if ((week && rule.compare_to == Comparison::yesterday) ||
        (month && rule.compare_to != Comparison::previous)) {
        fault("compare_to",
              fmt::format("{} cannot be compared with {}; {}", describe(rule.window, rule.zone),
                          comparison_name(rule.compare_to),
                          week ? "previous is the week before, last_week and usual work, too"
                               : "previous is the month before"));
    }
}

void check_window(const Rule& rule, const ReadKeys& read, const Fault& fault) {
    const bool rolling = rule.window.kind == Frame::Kind::rolling;
    if (rule.below && !rolling) {
        fault("window",
              fmt::format("below needs a rolling window such as 1h: {} begins empty, and the rule "
                          "would fire then",
                          describe(rule.window, rule.zone)));
    }
    if (is_distinct(rule.metric) && rule.window.kind != Frame::Kind::today &&
        longest(rule.window) > kLongestDistinct) {
        fault("window", fmt::format("{} counts values over 24h at most", metric_name(rule.metric)));
    }
    if (rule.metric != Metric::since_last) return;
    if (!rolling) {
        fault("window", "since_last needs a rolling window such as 1h");
    } else if (read.limit && rule.compare_to == Comparison::none &&
               rule.limit >= static_cast<double>(rule.window.length.count())) {
        fault(rule.below ? "below" : "above",
              fmt::format("since_last looks back one window only: a limit of {} seconds needs a "
                          "window that is longer",
                          rule.limit));
    }
}

std::string what_reaches(const Rule& rule) {
    auto text = fmt::format("a window of {}", describe(rule.window, rule.zone));
    switch (rule.compare_to) {
        case Comparison::none:
        case Comparison::usual:
            break;
        case Comparison::previous:
            return text + " with the one before it";
        case Comparison::yesterday:
            return text + " with yesterday's";
        case Comparison::last_week:
            return text + " with last week's";
    }
    if (const auto delay = delay_of(rule); delay > 0s) {
        text += fmt::format(" (and {} of eval_delay)", format_duration(delay));
    }
    return text;
}

/// Rows are kept for whole days.
std::string in_days(std::chrono::seconds length) {
    return format_duration(std::chrono::ceil<std::chrono::days>(length));
}

/// A window over rows that are deleted already would be too small without anybody noticing.
void check_kept(const Rule& rule, const LoadContext& context, const Fault& fault) {
    if (!context.kept) return;
    const auto kept = format_duration(*context.kept);
    if (rule.compare_to == Comparison::usual) {
        if (weeks_kept(longest(rule.window), context.kept) >= kLeastWeeks) return;
        const auto needed = longest(rule.window) + kLeastWeeks * kWeek + kDay;
        fault("compare_to",
              fmt::format("usual needs {} weeks of rows before the window, and rows are kept {} "
                          "(store.keep.rows); {} would do",
                          kLeastWeeks, kept, in_days(needed)));
        return;
    }
    const auto needed = reach_of(rule.window, rule.compare_to, 0, delay_of(rule));
    if (needed <= *context.kept) return;
    fault("window",
          fmt::format("{} is longer than the {} that rows are kept (store.keep.rows); {} would do",
                      what_reaches(rule), kept, in_days(needed)));
}

bool is_clients_doing(std::int64_t status) {
    return status == 400 || status == 404 || status == 413 || status == 422;
}

void check_statuses(const Rule& rule, const Fault& fault) {
    if (rule.errors_when || rule.metric == Metric::client_errors) return;
    for (const auto& condition : rule.where) {
        if (condition.dimension != Dimension::status) continue;
        for (const auto& term : condition.terms) {
            if (term.negated || !term.id || !is_clients_doing(*term.id)) continue;
            fault("where",
                  fmt::format("status {} is the client's doing and counts in client_errors, "
                              "never in {}",
                              *term.id, metric_name(rule.metric)));
        }
    }
}

/// Status and code choose which attempts are errors, of which `attempts` counts none in particular.
void refuse_choice_of_errors(const Rule& rule, const Fault& fault) {
    for (const auto& condition : rule.where) {
        if (!is_of_status_or_code(condition.dimension)) continue;
        const auto name = dimension_name(condition.dimension);
        fault(fmt::format("where.{}", name),
              fmt::format("attempts are counted whatever their {}; where.{} works with errors, "
                          "client_errors, error_rate and requests",
                          name, name));
    }
}

void check_errors(const Rule& rule, const Fault& fault) {
    const auto name = metric_name(rule.metric);
    const bool of_errors = is_ratio(rule.metric) || rule.metric == Metric::errors;
    if (rule.errors_when && !of_errors && rule.metric != Metric::client_errors) {
        fault("errors_when",
              fmt::format("errors_when works with errors, client_errors, error_rate and "
                          "final_error_rate, not with {}",
                          name));
    }
    if (is_ratio(rule.metric)) {
        for (const auto dimension : rule.by) {
            if (!is_of_status_or_code(dimension)) continue;
            fault("by", fmt::format("{} cannot be grouped by {}: attempts that succeed have none",
                                    name, dimension_name(dimension)));
        }
    }
    if (rule.metric == Metric::attempts) refuse_choice_of_errors(rule, fault);
    if (of_errors) check_statuses(rule, fault);
}

void check_gateway(const Rule& rule, const LoadContext& context, const Fault& fault) {
    if (!context.gateway) {
        if (!rule.gateway) return;
        if (const auto why = cannot_give(rule, *rule.gateway); !why.empty()) fault("gateway", why);
        return;
    }
    if (rule.gateway && *rule.gateway != *context.gateway) return;
    const auto why = cannot_give(rule, *context.gateway);
    if (why.empty()) return;
    fault("metric", fmt::format("{}; with gateway: new-api the rule is only for New API", why));
}

}  // namespace

void check_rule(const Rule& rule, ReadKeys read, const LoadContext& context, const Fault& fault) {
    if (read.metric) {
        check_errors(rule, fault);
        check_gateway(rule, context, fault);
        if (read.limit) check_limit(rule, fault);
    }
    if (read.window) {
        check_window(rule, read, fault);
        check_comparison(rule, fault);
        check_kept(rule, context, fault);
    }
    check_action(rule, read, fault);
}

}  // namespace quotafuse::alerts
