#include "daemon/info_needs.h"

#include <algorithm>
#include <cstdlib>

#include "alerts/gauge_meter.h"

namespace quotafuse::daemon {
namespace {

using alerts::Dimension;
using alerts::Metric;
using alerts::Rule;

bool groups_by(const Rule& rule, Dimension dimension) {
    return std::ranges::count(rule.by, dimension) > 0;
}

void add(sync::InfoNeeds& needs, const Rule& rule) {
    const auto is = [&](auto... metric) { return ((rule.metric == metric) || ...); };
    if (is(Metric::channel_balance, Metric::channel_balance_age)) needs.balances = true;
    if (is(Metric::dead_keys)) needs.keys = true;
    if (is(Metric::healthy_channels)) needs.abilities = true;
    if (is(Metric::token_remaining, Metric::token_used_percent, Metric::token_expires_in))
        needs.tokens = true;
    if (is(Metric::user_remaining, Metric::user_used_percent)) needs.users = true;
    if (alerts::needs_owners(rule)) needs.users = true;
    // A silent key is an alert only while it exists.
    if (!alerts::keeps_keys(rule)) return;
    if (groups_by(rule, Dimension::token)) needs.tokens = true;
    if (groups_by(rule, Dimension::user)) needs.users = true;
}

bool looks_at(const Rule& rule, Dimension dimension) {
    return groups_by(rule, dimension) ||
           std::ranges::count(rule.where, dimension, &alerts::Condition::dimension) > 0;
}

void add(circuit_breaker::RuleGrants& grants, const alerts::RuleAction& action) {
    switch (action.what) {
        case alerts::RuleAction::What::channel:
            grants.channels = true;
            if (action.recover.kind == base::Recovery::Kind::half_open) grants.half_open = true;
            return;
        case alerts::RuleAction::What::model:
            grants.channels = grants.models = true;
            return;
        case alerts::RuleAction::What::token:
            grants.tokens = true;
            return;
    }
    std::abort();
}

}  // namespace

sync::InfoNeeds needs_of(const std::vector<Rule>& rules) {
    sync::InfoNeeds needs;
    for (const auto& rule : rules) {
        if (rule.enabled) add(needs, rule);
    }
    return needs;
}

circuit_breaker::RuleGrants grants_of(const std::vector<Rule>& rules) {
    circuit_breaker::RuleGrants grants;
    for (const auto& rule : rules) {
        if (!rule.enabled) continue;
        if (looks_at(rule, Dimension::tag)) grants.tags = true;
        if (rule.action) add(grants, *rule.action);
    }
    return grants;
}

}  // namespace quotafuse::daemon
