// What follows from a configuration; config.cpp reads it.

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "daemon/config.h"

namespace quotafuse::daemon {
namespace {

/// The two rooms do not know each other, so each has modes of its own.
circuit_breaker::Mode mode_of(alerts::ActionMode mode) {
    switch (mode) {
        case alerts::ActionMode::off:
            return circuit_breaker::Mode::off;
        case alerts::ActionMode::shadow:
            return circuit_breaker::Mode::shadow;
        case alerts::ActionMode::live:
            return circuit_breaker::Mode::live;
    }
    std::abort();
}

/// The most that a rule may ask for.
alerts::ActionMode ceiling_of(circuit_breaker::Mode mode) {
    switch (mode) {
        case circuit_breaker::Mode::off:
            return alerts::ActionMode::off;
        case circuit_breaker::Mode::shadow:
            return alerts::ActionMode::shadow;
        case circuit_breaker::Mode::live:
            return alerts::ActionMode::live;
    }
    std::abort();
}

void add_secret(std::vector<std::string>& secrets, const std::optional<sync::Dsn>& dsn) {
    if (dsn && !dsn->password.empty()) secrets.push_back(dsn->password.reveal());
}

}  // namespace

alerts::LoadContext rule_context(const Config& config, std::vector<std::string> notifiers) {
    return {std::move(notifiers), config.timezone, ceiling_of(config.breaker.mode),
            config.keep.rows, config.source.gateway};
}

circuit_breaker::Mode effective_mode(alerts::ActionMode wanted, const Config& config) {
    return stricter(mode_of(wanted), config.breaker.mode);
}

const alerts::Rule* find_rule(const std::string& name, const Config& config) {
    const auto rule = std::ranges::find(config.rules, name, &alerts::Rule::name);
    return rule == config.rules.end() ? nullptr : &*rule;
}

circuit_breaker::Mode rule_mode(const std::string& name, const Config& config) {
    const auto* const rule = find_rule(name, config);
    if (rule == nullptr || !rule->enabled || !rule->action) return circuit_breaker::Mode::off;
    return effective_mode(rule->action->mode, config);
}

bool trips_channels(const Config& config) {
    return std::ranges::any_of(config.rules, [&](const alerts::Rule& rule) {
        return rule.action && rule.action->what != alerts::RuleAction::What::token &&
               rule_mode(rule.name, config) != circuit_breaker::Mode::off;
    });
}

bool trips_write_to_source(const Config& config) {
    const auto& source = config.source.main;
    const auto& breaker = config.breaker.dsn ? config.breaker.dsn : source;
    if (!source || std::tie(source->kind, source->host, source->port, source->socket) !=
                       std::tie(breaker->kind, breaker->host, breaker->port, breaker->socket)) {
        return false;
    }
    return std::any_of(config.rules.begin(), config.rules.end(), [&](const alerts::Rule& rule) {
        return rule.enabled && rule.action &&
               effective_mode(rule.action->mode, config) == circuit_breaker::Mode::live;
    });
}

std::vector<std::string> Config::notifier_names() const {
    std::vector<std::string> names;
    for (const auto& notifier : notifiers) names.push_back(notifier.name);
    return names;
}

std::vector<std::string> Config::secrets() const {
    std::vector<std::string> secrets;
    add_secret(secrets, source.main);
    add_secret(secrets, source.logs);
    add_secret(secrets, breaker.dsn);
    for (const auto* const secret : {&access.password, &access.metrics_token}) {
        if (!secret->empty()) secrets.push_back(secret->reveal());
    }
    for (const auto& notifier : notifiers) {
        const auto more = notifier.recipe->secrets();
        secrets.insert(secrets.end(), more.begin(), more.end());
    }
    if (heartbeat) {
        const auto more = heartbeat->secrets();
        secrets.insert(secrets.end(), more.begin(), more.end());
    }
    return secrets;
}

}  // namespace quotafuse::daemon
