#include "alerts/replay.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "base/duration.h"
#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/commands/time_span.h"
#include "daemon/engine_file.h"
#include "daemon/number_format.h"
#include "daemon/progress_line.h"
#include "daemon/replay_report.h"
#include "daemon/tuned_rules.h"
#include "sync/history.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;

/// The rule, and what may inhibit it.
std::vector<alerts::Rule> alone(const std::vector<alerts::Rule>& rules, const std::string& name) {
    std::vector<alerts::Rule> chosen;
    std::vector<std::string> open{rule_or_fail(rules, name).name};
    std::set<std::string> met{name};
    while (!open.empty()) {
        const auto at = std::find_if(rules.begin(), rules.end(), [&](const alerts::Rule& rule) {
            return rule.name == open.back();
        });
        open.pop_back();
        if (at == rules.end()) continue;
        chosen.push_back(*at);
        for (const auto& other : at->inhibited_by) {
            if (met.insert(other).second) open.push_back(other);
        }
    }
    chosen.front().enabled = true;
    return chosen;
}

/// A metric that is 0 or 1 fires equally often at each limit between.
void refuse_switch(const alerts::Rule& rule) {
    if (rule.metric != alerts::Metric::channel_down) return;
    throw base::Failure(base::ExitCode::usage,
                        fmt::format("rule {}: {} is 0 or 1, so that every limit between fires "
                                    "equally often; `for` decides how patient the rule is",
                                    rule.name, alerts::metric_name(rule.metric)));
}

void print_suggestions(const alerts::Rule& rule, const std::vector<alerts::Suggestion>& suggestions,
                       const alerts::ReplayOptions& span, const base::TimeZone& zone) {
    const std::string sense = rule.below ? "below" : "above";
    std::cout << fmt::format("rule {}, which has {}: {}; by rows since {}\n", rule.name, sense,
                             written_limit(rule, rule.limit), zone.format(span.from));
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : suggestions) {
        rows.push_back({fmt::format("  about {:2} a month", one.per_month)});
        if (one.limit) {
            rows.back().push_back(fmt::format("{}: {}", sense, written_limit(rule, *one.limit)));
            rows.back().push_back(fmt::format("{}; fired {} time{}", limit_text(rule, *one.limit),
                                              one.firings, one.firings == 1 ? "" : "s"));
        } else {
            rows.back().insert(rows.back().end(), {"-", "no limit fires that often"});
        }
    }
    std::cout << in_columns(rows);
}

int suggest(const Arguments& arguments, const Config& config,
            const std::vector<alerts::Rule>& rules, sync::History& history,
            alerts::ReplayOptions options) {
    const auto& rule = rule_or_fail(rules, arguments.replay.suggest);
    refuse_switch(rule);
    if (const auto range = history.range()) options.from = std::max(options.from, range->first);
    const base::SystemClock clock;
    ProgressLine line{clock};
    int pass = 1;
    double last = 0;
    options.progress = [&](double share) {
        if (share < last) ++pass;
        last = share;
        line.show([&] { return fmt::format("{} pass {} of 2", progress_bar(share), pass); });
    };
    const auto suggestions = alerts::suggest_limits(rule, history, options, {1, 5, 20});
    line.clear();
    if (arguments.json) {
        Json all = Json::array();
        for (const auto& one : suggestions) {
            all.push_back({{"per_month", one.per_month},
                           {"limit", one.limit ? Json(*one.limit) : Json()},
                           {"firings", one.firings}});
        }
        std::cout << Json{{"rule", rule.name},
                          {"limit", rule.limit},
                          {"from", base::unix_seconds(options.from)},
                          {"until", base::unix_seconds(options.until)},
                          {"suggestions", all}}
                  << '\n';
        return 0;
    }
    print_suggestions(rule, suggestions, options, config.timezone);
    return 0;
}

/// Rules say nothing about a time of which nothing is stored, and that is no finding.
void require_history(sync::History& history, const alerts::ReplayOptions& options,
                     const Config& config) {
    const auto range = history.range();
    if (!range || options.until > range->first) return;
    throw base::Failure(
        base::ExitCode::no_input,
        fmt::format("{} has rows from {} to {}: --until {} is before them all", config.store,
                    config.timezone.format(range->first), config.timezone.format(range->second),
                    config.timezone.format(options.until)));
}

void require_daemon_ran(sync::History& history, const Config& config) {
    if (alerts::load_state(history.handle()).time) return;
    throw base::Failure(base::ExitCode::unavailable,
                        fmt::format("no daemon has watched rules on {} yet, so there is nothing to "
                                    "compare with",
                                    config.store));
}

int print(const alerts::HistoryComparison& comparison, bool json, const base::TimeZone& zone) {
    std::cout << (json ? comparison_json(comparison) : comparison_text(comparison, zone)) << '\n';
    return comparison.differences.empty() ? 0 : 1;
}

}  // namespace

int replay_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    auto rules = load_rules_or_fail(config, arguments.rule_files).rules;
    if (!arguments.rule.empty()) rules = alone(rules, arguments.rule);
    const base::SystemClock clock;
    alerts::ReplayOptions options;
    options.zone = config.timezone;
    options.from = parse_since(arguments.replay.since, clock.now(), config.timezone);
    options.until = parse_until(arguments.replay.until, clock.now(), config.timezone);
    const auto usual = engine_options(config.keep);
    options.weeks = usual.weeks;
    options.kept = usual.kept;
    if (options.from >= options.until) {
        throw base::Failure(base::ExitCode::usage, "--since must be before --until and before now");
    }
    sync::History history{config.store};
    require_history(history, options, config);
    if (!arguments.replay.suggest.empty()) {
        return suggest(arguments, config, rules, history, options);
    }
    ProgressLine line{clock};
    options.progress = [&](double share) {
        line.show([&] {
            return fmt::format("{}  {} left", progress_bar(share),
                               time_left(share, line.seconds()));
        });
    };
    if (arguments.replay.compare) {
        require_daemon_ran(history, config);
        const auto comparison = alerts::compare_with_history(rules, history, options);
        line.clear();
        return print(comparison, arguments.json, config.timezone);
    }
    const auto result = alerts::replay(rules, history, options);
    const auto seconds = line.seconds();
    line.clear();
    if (!arguments.rule.empty()) rules.resize(1);
    const ReplayReport report{rules, result, config.timezone};
    std::cout << (arguments.json ? report.json(seconds) : report.text(seconds)) << '\n';
    return 0;
}

}  // namespace quotafuse::daemon
