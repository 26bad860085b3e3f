#include "alerts/replay.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/engine_file.h"
#include "daemon/number_format.h"
#include "daemon/progress_line.h"
#include "daemon/replay_report.h"
#include "sync/history.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;

/// "2026-10-01" or "2026-10-01 08:00", in the zone.
std::optional<base::Second> parse_local_time(const std::string& text, const base::TimeZone& zone) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    int used = 0;
    const auto* const start = text.c_str();
    if (std::sscanf(start, "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3) return std::nullopt;
    if (const std::string rest = start + used; !rest.empty()) {
        int more = 0;
        if (std::sscanf(rest.c_str(), " %2u:%2u%n", &hour, &minute, &more) != 2 ||
            static_cast<std::size_t>(more) != rest.size()) {
            return std::nullopt;
        }
    }
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                           std::chrono::day{day}};
    if (!date.ok() || hour > 23 || minute > 59) return std::nullopt;
    // Noon of that day in UTC may be the day before or after in the zone.
    const base::Second noon = std::chrono::sys_days{date} + std::chrono::hours{12};
    const auto there = zone.local(noon);
    const std::chrono::year_month_day local{std::chrono::year{there.year},
                                            std::chrono::month{there.month},
                                            std::chrono::day{there.day}};
    const auto days = std::chrono::sys_days{date} - std::chrono::sys_days{local};
    return zone.at(noon, static_cast<int>(days.count()),
                   std::chrono::hours{hour} + std::chrono::minutes{minute});
}

base::Second parse_since(const std::string& text, base::Second now, const base::TimeZone& zone) {
    if (const auto ago = base::parse_duration(text)) return now - *ago;
    if (const auto time = parse_local_time(text, zone)) return *time;
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("--since: '{}' is neither a duration (30d, 12h) nor a local time (2026-10-01, "
                    "\"2026-10-01 08:00\")",
                    text));
}

base::Second parse_until(const std::string& text, base::Second now, const base::TimeZone& zone) {
    if (text.empty()) return now;
    if (const auto time = parse_local_time(text, zone)) return std::min(*time, now);
    throw base::Failure(base::ExitCode::usage,
                        fmt::format("--until: '{}' is no local time; write it as 2026-10-31 or "
                                    "\"2026-10-31 08:00\"",
                                    text));
}

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

int suggest(const Arguments& arguments, const Config& config,
            const std::vector<alerts::Rule>& rules, sync::History& history,
            alerts::ReplayOptions options) {
    const auto& rule = rule_or_fail(rules, arguments.replay.suggest);
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
    std::cout << fmt::format("rule {}, which has {}: {}; by rows since {}\n", rule.name,
                             rule.below ? "below" : "above", limit_text(rule, rule.limit),
                             config.timezone.format(options.from));
    for (const auto& one : suggestions) {
        std::cout << fmt::format("  about {:2} a month   ", one.per_month);
        if (!one.limit) {
            std::cout << "no limit fires as often\n";
            continue;
        }
        std::cout << fmt::format("{}: {}   (fired {} time{}{})\n", rule.below ? "below" : "above",
                                 plain_number(*one.limit), one.firings, one.firings == 1 ? "" : "s",
                                 alerts::metric_unit(rule.metric).empty()
                                     ? ""
                                     : fmt::format("; {}", limit_text(rule, *one.limit)));
    }
    return 0;
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
