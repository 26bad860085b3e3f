#include "daemon/breaker_report.h"

#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "base/failure.h"
#include "daemon/breaker_report_text.h"
#include "daemon/commands/commands.h"
#include "daemon/commands/time_span.h"

namespace quotafuse::daemon {
namespace {

/// Which program is behind the tables is not in the store: where neither the configuration nor a
/// running daemon says it, New API.
sync::Gateway gateway_of(const Config& config) {
    if (config.source.gateway) return *config.source.gateway;
    const auto answer = ask_if_running(config, R"({"command":"status"})");
    const auto status =
        nlohmann::json::parse(answer.value_or("{}"), nullptr, /*allow_exceptions=*/false);
    const auto found = status.is_object() ? status.find("gateway") : status.end();
    const bool one_api =
        found != status.end() && *found == sync::gateway_name(sync::Gateway::one_api);
    return one_api ? sync::Gateway::one_api : sync::Gateway::new_api;
}

/// Of a rule that is gone there may still be trips, so its name is wrong only if there are none.
void require_rule(const BreakerReport& report, const Config& config, const std::string& name) {
    if (name.empty() || !report.rules.empty()) return;
    rule_or_fail(config.rules, name);
    throw base::Failure(base::ExitCode::usage, "rule " + name + " has no action");
}

}  // namespace

int breaker_report(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    const base::SystemClock clock;
    BreakerReportPlan plan;
    plan.now = clock.now();
    plan.from = parse_since(arguments.breaker.since, plan.now, config.timezone);
    plan.until = parse_until(arguments.breaker.until, plan.now, config.timezone);
    if (plan.from >= plan.until) {
        throw base::Failure(base::ExitCode::usage, "--since must be before --until and before now");
    }
    plan.rule = arguments.rule;
    plan.lag = circuit_breaker::cache_lag(config.breaker, gateway_of(config));
    plan.config = &config;
    sync::History history{config.store};
    base::require_version(history.handle(), config.store, circuit_breaker::Audit::schema());
    base::require_version(history.handle(), config.store, alerts::schema());
    const auto report = read_breaker_report(history, plan);
    require_rule(report, config, plan.rule);
    const BreakerReportText text{report, config};
    std::cout << (arguments.json ? text.json() : text.text()) << '\n';
    return 0;
}

}  // namespace quotafuse::daemon
