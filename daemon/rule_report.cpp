#include "daemon/rule_report.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/self_alerts.h"
#include "base/duration.h"
#include "base/failure.h"
#include "base/text.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using alerts::Evaluation;
using alerts::Reason;
using alerts::Rule;
using Json = nlohmann::ordered_json;

std::string value_of(const Rule& rule, double value) {
    return format_value(rule.metric, rule.compare_to, value);
}

std::string within_limit(const Evaluation& evaluation, const Rule& rule) {
    if (!evaluation.value) {
        return fmt::format("no series is {} {}", rule.below ? "under" : "over",
                           value_of(rule, rule.limit));
    }
    return fmt::format("{} is not {} {}", value_of(rule, *evaluation.value),
                       rule.below ? "under" : "over", value_of(rule, rule.limit));
}

std::string clearing(const Rule& rule) {
    return fmt::format("back at {} (`clear`), over when that lasts {} (`keep_firing_for`)",
                       value_of(rule, rule.clear), base::format_duration(rule.keep_firing));
}

[[noreturn]] void refuse_unknown(const std::string& name, const std::vector<Rule>& rules) {
    const auto& own = alerts::self_alert_names();
    if (std::ranges::count(own, name) > 0) {
        throw base::Failure(base::ExitCode::usage,
                            fmt::format("{} is a built-in alert: `quotafuse status` shows it while "
                                        "it fires",
                                        name));
    }
    std::vector<std::string_view> known;
    for (const auto& rule : rules) known.emplace_back(rule.name);
    const auto near = base::nearest(name, known);
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("no rule is called {}{}", name,
                    near.empty() ? std::string{} : fmt::format("; did you mean {}?", near)));
}

Json to_json(const Evaluation& evaluation, const Rule& rule) {
    return {{"first", base::unix_seconds(evaluation.first)},
            {"last", base::unix_seconds(evaluation.last)},
            {"times", evaluation.times},
            {"key", alerts::describe(evaluation.key)},
            {"state", alerts::phase_name(evaluation.phase)},
            {"reason", alerts::reason_name(evaluation.reason)},
            {"why", why(evaluation, rule)},
            {"value", evaluation.value ? Json(*evaluation.value) : Json(nullptr)},
            {"shown", evaluation.value ? Json(value_of(rule, *evaluation.value)) : Json(nullptr)},
            {"requests", evaluation.requests},
            {"series", evaluation.series}};
}

}  // namespace

std::string why(const Evaluation& evaluation, const Rule& rule) {
    switch (evaluation.reason) {
        case Reason::first:
            return "told: it began to fire";
        case Reason::reminder:
            return "told again: it still fires";
        case Reason::resolved:
            return "told: it is over";
        case Reason::first_look:
            return "told in one summary: the rule's first look found it";
        case Reason::hours_began:
            return "told: it has fired since before the active hours";
        case Reason::flapping:
            return "told once for all that follow: it comes and goes";
        case Reason::came_and_went:
            return "told in one summary: it came and went outside the active hours";
        case Reason::action:
            return "told, although muted: the breaker is asked to act";
        case Reason::inactive:
            return within_limit(evaluation, rule);
        case Reason::few_requests:
            return fmt::format("{} requests < min_requests {}", group_digits(evaluation.requests),
                               group_digits(rule.min_requests));
        case Reason::usual_range:
            return "over the limit, but within what is usual at this time of the week";
        case Reason::short_history:
            return "over the limit, but there is less than one window of history";
        case Reason::pending:
            return fmt::format("over the limit, but not yet for {} (`for`)",
                               base::format_duration(rule.hold));
        case Reason::firing:
            return "it fires, was told, and no reminder is due";
        case Reason::clearing:
            return clearing(rule);
        case Reason::cooldown:
            return fmt::format(
                "muted: a notice of it went out less than {} (`cooldown`) ago, or "
                "that it comes and goes",
                base::format_duration(rule.cooldown));
        case Reason::outside_hours:
            return "held until the active hours begin";
        case Reason::silenced:
            return "held by a silence: `quotafuse silence list`";
        case Reason::inhibited:
            return fmt::format("held while one of these fires or warms up: {}",
                               fmt::join(rule.inhibited_by, ", "));
        case Reason::max_series:
            return fmt::format("{} series fire and were told already (`max_series`)",
                               rule.max_series);
        case Reason::not_told:
            return "over, and nobody was told that it fired";
        case Reason::resolved_off:
            return "over, and the rule does not say so (`resolved: false`)";
        case Reason::new_period:
            return "over, because its calendar period or fixed window is";
        case Reason::no_value:
            return rule.compare_to == alerts::Comparison::none
                       ? "there is nothing to measure"
                       : "there is nothing to measure, or too little to compare it with";
    }
    std::abort();
}

std::string report_json(const alerts::Engine& engine, const std::string& request,
                        const std::vector<alerts::Overview::Error>& blind) {
    const auto json = nlohmann::json::parse(request);
    const auto name = json.value("rule", std::string{});
    const auto& rules = engine.rules();
    const auto rule = std::ranges::find(rules, name, &Rule::name);
    auto report = engine.report(name);
    if (rule == rules.end() || !report) refuse_unknown(name, rules);
    const auto error = std::ranges::find(blind, name, &alerts::Overview::Error::rule);
    if (report->error.empty() && error != blind.end()) report->error = error->text;
    auto evaluations = Json::array();
    for (const auto& one : report->evaluations) evaluations.push_back(to_json(one, *rule));
    const Json answer{{"rule", report->rule},
                      {"enabled", report->enabled},
                      {"error", report->error.empty() ? Json(nullptr) : Json(report->error)},
                      {"warmed_up_percent", std::floor(report->warmed_up * 100)},
                      {"series", report->series},
                      {"firing", report->firing},
                      {"pending", report->pending},
                      {"limit", rule->limit},
                      {"limit_shown",
                       fmt::format("{} {}", rule->below ? "<" : ">", value_of(*rule, rule->limit))},
                      {"evaluations", evaluations}};
    return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace quotafuse::daemon
