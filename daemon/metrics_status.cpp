#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <SQLiteCpp/Statement.h>

#include "alerts/self_alerts.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/target.h"
#include "daemon/intake.h"
#include "daemon/metrics.h"

namespace quotafuse::daemon {
namespace {

using api::Json;
using Type = MetricsText::Type;

constexpr std::int64_t kDay = 86'400;
constexpr std::array<std::string_view, 6> kRuleStates{"inactive", "pending", "firing",
                                                      "warming",  "error",   "disabled"};

/// The number at that place; nothing where it is absent or null.
void add_number(MetricsText& metrics, const char* name, const char* help, const Json& parent,
                const char* key) {
    const auto value = parent.value(key, Json(nullptr));
    if (value.is_number()) metrics.one(name, Type::gauge, help, value.get<std::int64_t>());
}

void add_source(MetricsText& metrics, const Json& status) {
    add_number(metrics, "quotafuse_sync_lag_seconds", "How far behind the gateway's log is read",
               status, "lag_seconds");
    add_number(metrics, "quotafuse_sync_open_gaps",
               "Ranges of ids that are missing between others, and may still appear", status,
               "gaps");
    add_number(metrics, "quotafuse_engine_time_seconds",
               "Up to when rules are evaluated, unix seconds", status, "engine_time");
    const auto& source = status.at("source");
    add_number(metrics, "quotafuse_sync_last_poll_timestamp_seconds",
               "When the last poll was sent that read the gateway's log to its end, unix seconds",
               source, "synced_through");
    add_number(metrics, "quotafuse_sync_audited_gaps",
               "Ranges of ids that are looked at again for a day", source, "gaps_audited");
    add_number(metrics, "quotafuse_sync_epoch",
               "How often the gateway's log was found to have begun anew", source, "epoch");
    add_number(metrics, "quotafuse_gateway_clock_ahead_seconds",
               "By how much the gateway's clock is ahead of this host's", source, "clock_ahead");
    metrics.begin("quotafuse_source_state", Type::gauge,
                  "1 for the state in which the reading of the gateway is");
    for (auto phase = 0; phase <= static_cast<int>(SourceState::Phase::lagging); ++phase) {
        const auto name = phase_name(static_cast<SourceState::Phase>(phase));
        metrics.add({{"state", std::string{name}}}, std::int64_t{source.at("state") == name});
    }
}

void add_alerts(MetricsText& metrics, const Json& status) {
    metrics.begin("quotafuse_builtin_alerts_firing", Type::gauge,
                  "Built-in alerts that fire: what quotafuse tells about itself");
    for (const auto name : alerts::self_alert_names()) {
        std::int64_t firing = 0;
        for (const auto& alert : status.at("alerts"))
            if (alert.at("rule") == name && alert.at("state") == "firing") ++firing;
        metrics.add({{"alert", std::string{name}}}, firing);
    }
    metrics.begin("quotafuse_rules", Type::gauge, "Rules by the state in which they are");
    const auto& rules = status.at("rules");
    for (const auto state : kRuleStates)
        metrics.add({{"state", std::string{state}}}, rules.at(state).get<std::int64_t>());
    metrics.one("quotafuse_silences", Type::gauge, "Silences that have not ended",
                static_cast<std::int64_t>(status.at("silences").size()));
}

void add_outbox(MetricsText& metrics, const Json& outbox) {
    struct Family {
        const char* name;
        const char* help;
        const char* key;
    };
    for (const auto& [name, help, key] :
         {Family{"quotafuse_outbox_pending", "Letters that wait to be sent", "pending"},
          Family{"quotafuse_outbox_dead_letters",
                 "Letters that were refused for good, and are kept", "failed"},
          Family{"quotafuse_outbox_last_success_timestamp_seconds",
                 "When a message was delivered last, unix seconds", "last_ok"},
          Family{"quotafuse_outbox_last_failure_timestamp_seconds",
                 "When an attempt failed last, unix seconds", "last_failure"}}) {
        metrics.begin(name, Type::gauge, help);
        for (const auto& notifier : outbox.at("notifiers"))
            if (notifier.at(key).is_number())
                metrics.add({{"notifier", notifier.at("name").get<std::string>()}},
                            notifier.at(key).get<std::int64_t>());
    }
}

void add_breaker(MetricsText& metrics, const Json& breaker) {
    using circuit_breaker::Mode;
    metrics.begin("quotafuse_breaker_mode", Type::gauge, "1 for the mode of the breaker");
    for (const auto mode : {Mode::off, Mode::shadow, Mode::live}) {
        const auto name = circuit_breaker::mode_name(mode);
        metrics.add({{"mode", std::string{name}}}, std::int64_t{breaker.at("mode") == name});
    }
    metrics.one("quotafuse_breaker_paused", Type::gauge, "1 while nothing is switched off or on",
                std::int64_t{!breaker.at("paused").is_null()});
    std::map<std::string, std::int64_t> open;
    for (const auto& circuit : breaker.at("open")) ++open[circuit.at("kind").get<std::string>()];
    using Kind = circuit_breaker::Target::Kind;
    metrics.begin("quotafuse_breaker_open_circuits", Type::gauge,
                  "What is off, or on trial, by the breaker's hand");
    for (const auto kind : {Kind::channel, Kind::model, Kind::token}) {
        const std::string name = circuit_breaker::kind_name(kind);
        metrics.add({{"kind", name}}, open[name]);
    }
}

}  // namespace

void add_status(MetricsText& metrics, const Json& status) {
    if (!status.contains("source")) return;
    metrics.one("quotafuse_ready", Type::gauge, "1 while /readyz says that all is well",
                std::int64_t{status.at("readiness").at("ready").get<bool>()});
    add_source(metrics, status);
    add_alerts(metrics, status);
    add_outbox(metrics, status.at("outbox"));
    add_breaker(metrics, status.at("breaker"));
}

void add_breaker_steps(MetricsText& metrics, const api::Inquiry& inquiry) {
    SQLite::Statement query{inquiry.database(),
                            "SELECT step, count(*) FROM breaker_audit WHERE at > ? GROUP BY step"};
    query.bind(1, base::unix_seconds(inquiry.now()) - kDay);
    // What people set alarms on is there before it happens for the first time.
    std::map<std::string, std::int64_t> steps{
        {"tripped", 0}, {"would_trip", 0}, {"refused", 0}, {"failed", 0}, {"still_serving", 0}};
    while (query.executeStep())
        steps[query.getColumn(0).getString()] = query.getColumn(1).getInt64();
    metrics.begin("quotafuse_breaker_steps_last_day", Type::gauge,
                  "Entries of the breaker's audit in the last 24 hours, by their step");
    for (const auto& [step, count] : steps) metrics.add({{"step", step}}, count);
}

void add_rules(MetricsText& metrics, const Json& answer) {
    const auto& rules = answer.at("rules");
    const auto name_of = [](const Json& rule) { return rule.at("name").get<std::string>(); };
    metrics.begin("quotafuse_rule_state", Type::gauge,
                  "1 for the state in which a rule is; error: it cannot be evaluated");
    for (const auto& rule : rules)
        for (const auto state : kRuleStates)
            metrics.add({{"rule", name_of(rule)}, {"state", std::string{state}}},
                        std::int64_t{rule.at("state") == state});
    metrics.begin("quotafuse_rule_alerts_firing", Type::gauge,
                  "Keys of a rule that fire, of those that are shown");
    for (const auto& rule : rules)
        metrics.add({{"rule", name_of(rule)}}, rule.at("firing").get<std::int64_t>());
    metrics.begin("quotafuse_rule_value", Type::gauge,
                  "The value that is furthest over the limit of a rule, or nearest to it, in the "
                  "rule's unit; absent while nothing is measured");
    for (const auto& rule : rules)
        if (rule.at("value").is_number())
            metrics.add({{"rule", name_of(rule)}}, rule.at("value").get<double>());
    metrics.begin("quotafuse_rule_threshold", Type::gauge, "The limit of a rule, in its unit");
    for (const auto& rule : rules)
        if (rule.at("threshold").is_number())
            metrics.add({{"rule", name_of(rule)}}, rule.at("threshold").get<double>());
}

}  // namespace quotafuse::daemon
