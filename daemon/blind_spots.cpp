#include "daemon/blind_spots.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/row_meter.h"
#include "base/duration.h"
#include "daemon/info_needs.h"

namespace quotafuse::daemon {
namespace {

using alerts::Rule;

/// "rule a", "rules a, b and 3 more".
std::string named(const std::vector<std::string>& rules) {
    constexpr std::size_t kMost = 5;
    const auto shown = std::min(rules.size(), kMost);
    auto text = fmt::format(
        "rule{} {}", rules.size() == 1 ? "" : "s",
        fmt::join(rules.begin(), rules.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (rules.size() > shown) text += fmt::format(" and {} more", rules.size() - shown);
    return text;
}

template <class Chosen>
std::vector<std::string> choose(const Config& config, const Chosen& chosen) {
    std::vector<std::string> names;
    for (const auto& rule : config.rules) {
        if (rule.enabled && chosen(rule)) names.push_back(rule.name);
    }
    return names;
}

bool nobody_hears(const Config& config, const Rule& rule) {
    return !config.notifiers.empty() &&
           std::ranges::none_of(config.notifiers, [&](const auto& notifier) {
               return rule.notify.empty() ? notifier.min_severity <= rule.severity
                                          : std::ranges::count(rule.notify, notifier.name) > 0;
           });
}

bool needs_failed_requests(const Rule& rule) {
    using alerts::Metric;
    return rule.metric == Metric::errors || rule.metric == Metric::error_rate ||
           rule.metric == Metric::final_error_rate || rule.metric == Metric::client_errors;
}

base::Seconds reach(const Rule& rule) {
    if (alerts::is_gauge(rule.metric)) return base::Seconds{0};
    // `usual` takes what there is, from three weeks on.
    return alerts::reach_of(rule.window, rule.compare_to, alerts::kLeastWeeks,
                            alerts::delay_of(rule));
}

bool needs_kind(const Rule& rule, const std::string& kind) {
    if (kind == kChannelsKind) return alerts::is_gauge(rule.metric);
    if (kind == kNamesKind) return !alerts::is_gauge(rule.metric) && alerts::needs_directory(rule);
    const auto needs = needs_of({rule});
    return (kind == "balances" && needs.balances) || (kind == "keys" && needs.keys) ||
           (kind == "abilities" && needs.abilities) || (kind == "tokens" && needs.tokens) ||
           (kind == "users" && needs.users);
}

/// Why a rule can say nothing here; empty also for one that is for another gateway: that is left
/// alone, as if it were switched off.
std::string cannot_give_here(const Rule& rule, sync::Gateway gateway) {
    if (rule.gateway && *rule.gateway != gateway) return {};
    const auto why = alerts::cannot_give(rule, gateway);
    return why.empty() ? why : why + ": the rule has nothing to go by";
}

/// Takes the rule out of the count that it is in: it is in error instead.
void uncount(alerts::Overview& overview, const std::string& rule) {
    // It may wait for what does not come.
    if (std::erase_if(overview.warming, [&](const auto& one) { return one.rule == rule; }) > 0)
        return;
    auto phase = alerts::Phase::inactive;
    for (const auto& alert : overview.alerts) {
        if (alert.rule == rule) phase = std::max(phase, alert.phase);
    }
    auto& count = phase == alerts::Phase::firing    ? overview.firing
                  : phase == alerts::Phase::pending ? overview.pending
                                                    : overview.inactive;
    if (count > 0) --count;
}

void add_error(alerts::Overview& overview, const std::string& rule, const std::string& text) {
    if (std::ranges::count(overview.errors, rule, &alerts::Overview::Error::rule) > 0) return;
    uncount(overview, rule);
    overview.errors.push_back({rule, text});
}

}  // namespace

void add_unreadable(alerts::Overview& overview, const std::vector<Rule>& rules,
                    const std::map<std::string, std::string>& troubles) {
    for (const auto& [kind, why] : troubles) {
        for (const auto& rule : rules) {
            // A rule on rows goes on; it only cannot tell a silent key from a deleted one.
            const bool stands = alerts::is_gauge(rule.metric) || kind == kNamesKind;
            if (rule.enabled && stands && needs_kind(rule, kind))
                add_error(overview, rule.name, fmt::format("{} cannot be read: {}", kind, why));
        }
    }
}

void add_unlogged(alerts::Overview& overview, const std::vector<Rule>& rules,
                  std::optional<sync::Gateway> gateway) {
    if (!gateway) return;
    for (const auto& rule : rules) {
        if (!rule.enabled) continue;
        if (const auto why = cannot_give_here(rule, *gateway); !why.empty())
            add_error(overview, rule.name, why);
    }
}

std::vector<alerts::Overview::Error> blind_rules(const std::vector<Rule>& rules,
                                                 const std::map<std::string, std::string>& troubles,
                                                 std::optional<sync::Gateway> gateway) {
    alerts::Overview overview;
    add_unreadable(overview, rules, troubles);
    add_unlogged(overview, rules, gateway);
    return overview.errors;
}

std::vector<std::string> blind_spots(const Config& config) {
    std::vector<std::string> found;
    if (const auto rules = choose(config, [&](const Rule& r) { return nobody_hears(config, r); });
        !rules.empty()) {
        found.push_back(fmt::format(
            "{}: no notifier takes notices of this severity, or none that `notify` names is "
            "configured: nobody is told",
            named(rules)));
    }
    if (const auto rules =
            choose(config, [&](const Rule& r) { return reach(r) > config.source.since; });
        !rules.empty()) {
        found.push_back(fmt::format(
            "{}: looks back further than the first sync reads (source.since: {}); until "
            "so much has been mirrored it sees less",
            named(rules), base::format_duration(config.source.since)));
    }
    return found;
}

std::vector<std::string> blind_spots(const Config& config, const GatewaySight& sight) {
    std::vector<std::string> found;
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const auto& rule : config.rules) {
        if (!rule.enabled || !sight.gateway) continue;
        if (const auto why = cannot_give_here(rule, *sight.gateway); !why.empty())
            by_reason[why].push_back(rule.name);
    }
    for (const auto& [why, rules] : by_reason)
        found.push_back(fmt::format("{}: {}", named(rules), why));
    const auto on_errors = choose(config, needs_failed_requests);
    const bool logs_errors = sight.gateway != sync::Gateway::one_api;
    if (!on_errors.empty() && logs_errors && sight.rows > 0 && sight.errors == 0) {
        found.push_back(fmt::format(
            "{}: none of the newest {} rows is a failed request: New API logs them only with "
            "ERROR_LOG_ENABLED=true in its environment",
            named(on_errors), sight.rows));
    }
    for (const auto& [kind, why] : sight.troubles) {
        const auto rules =
            choose(config, [&, &kind = kind](const Rule& r) { return needs_kind(r, kind); });
        found.push_back(fmt::format("{}: {} cannot be read: {}",
                                    rules.empty() ? "status page" : named(rules), kind, why));
    }
    return found;
}

std::vector<std::string> blind_spots(const Config& config, std::optional<base::Second> first_row,
                                     base::Second now) {
    if (!first_row) return {};
    const auto held = std::max(now - *first_row, base::Seconds{0});
    const auto rules = choose(config, [&](const Rule& r) { return reach(r) > held; });
    if (rules.empty()) return {};
    return {fmt::format("{}: looks back further than the store does, which begins {}", named(rules),
                        config.timezone.format(*first_row))};
}

}  // namespace quotafuse::daemon
