#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "alerts/self_alerts.h"
#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/policy.h"
#include "circuit_breaker/settings.h"
#include "daemon/bundle_text.h"
#include "daemon/messages.h"
#include "daemon/report_text.h"

// One message of every kind, as the daemon writes it.
namespace quotafuse::tests {

struct Sample {
    std::string name;
    notifiers::Message message;
};

/// All of one language. What they are about is always the same: a channel that burns tokens.
class Samples {
public:
    explicit Samples(daemon::Language language)
        : config_(config_of(language)), messages_(config_), bundles_(config_), reports_(config_) {}

    std::vector<Sample> all() const {
        auto samples = alert_samples();
        for (auto& sample : value_samples()) samples.push_back(std::move(sample));
        for (auto& sample : breaker_samples()) samples.push_back(std::move(sample));
        for (auto& sample : target_samples()) samples.push_back(std::move(sample));
        for (auto& sample : return_samples()) samples.push_back(std::move(sample));
        for (auto& sample : bundle_samples()) samples.push_back(std::move(sample));
        for (auto& sample : report_samples()) samples.push_back(std::move(sample));
        samples.push_back({"test", messages_.test("", at(0), "test-1767625260000")});
        return samples;
    }

    static alerts::Notice notice(std::int64_t channel = 3) {
        using alerts::Dimension;
        alerts::Notice n;
        n.event_id = fmt::format("k3v9x2m7qa0{:02}", channel);
        n.rule = "channel-token-burn";
        n.severity = base::Severity::critical;
        n.metric = alerts::Metric::tokens;
        n.unit = "tokens";
        n.key = {{Dimension::channel, channel, "", fmt::format("{} (azure-eu)", channel)}};
        n.value = 2'534'120;
        n.threshold = 2'000'000;
        n.window = alerts::Frame::rolling(base::Seconds{3600});
        n.since = at(-120);
        n.at = at(0);
        n.duration = base::Seconds{120};
        n.peak = 2'534'120;
        n.requests = 1'204;
        n.zone = *base::TimeZone::find("Asia/Shanghai");
        n.contributions = {{Dimension::token,
                            {{{Dimension::token, 17, "", "batch-job (alice)"}, 94.2, {}},
                             {{Dimension::token, 4, "", "web (bob)"}, 3.1, {}}},
                            {}},
                           {Dimension::model,
                            {{{Dimension::model, {}, "gpt-4o", "gpt-4o"}, 81, {}},
                             {{Dimension::model, {}, "o1", "o1"}, 12, {}}},
                            {}}};
        return n;
    }

private:
    static base::Second at(std::int64_t seconds) {
        return base::from_unix(1'767'625'260 + seconds);  // 2026-01-05 23:01 in Shanghai
    }
    static daemon::Config config_of(daemon::Language language) {
        daemon::Config config;
        config.site = "prod";
        config.language = language;
        config.timezone = *base::TimeZone::find("Asia/Shanghai");
        config.public_url = "https://fuse.example.com";
        return config;
    }
    static daemon::Spending spending() {
        daemon::Spending spending;
        spending.until = at(0);
        spending.from = at(-3600);
        spending.dollars = 51.8;
        spending.usual = 4.1;
        spending.channel = 3;
        return spending;
    }
    circuit_breaker::TripResult trip(circuit_breaker::TripResult::Kind kind) const {
        circuit_breaker::TripResult result;
        result.kind = kind;
        result.request.target = circuit_breaker::Target::of_channel(3);
        result.request.rule = "channel-token-burn";
        result.request.trip_id = "k3v9x2m7qa003";
        result.request.mode = circuit_breaker::Mode::live;
        result.request.reason = daemon::Wording{config_.language}.reason(notice());
        result.request.leading = circuit_breaker::LeadingKey{"t17", "batch-job (alice)", 94};
        result.name = "azure-eu";
        result.status_written = 3;
        return result;
    }
    static alerts::Notice over(alerts::Notice n, alerts::Ending ending) {
        n.event_id += "-2";
        n.reason = alerts::Reason::resolved;
        n.ended = ending;
        n.value = 812'000;
        n.at = at(1500);
        n.duration = base::Seconds{1620};
        n.contributions.clear();
        return n;
    }

    std::vector<Sample> alert_samples() const {
        using alerts::Ending;
        using Kind = circuit_breaker::TripResult::Kind;
        const auto tripped = trip(Kind::tripped);
        auto would = trip(Kind::would_trip);
        would.request.mode = circuit_breaker::Mode::shadow;
        const auto money = spending();
        auto reminder = notice();
        reminder.reason = alerts::Reason::reminder;
        reminder.at = at(3600);
        reminder.duration = base::Seconds{3720};
        auto first = notice();
        first.reason = alerts::Reason::first_look;
        first.contributions.clear();
        first.series = {{std::exchange(first.key, {}), 2'534'120.0}, {notice(5).key, 2'100'000.0}};
        first.more = 4;
        alerts::SelfAlerts self{{}, config_.timezone};
        self.set(alerts::SelfAlert::notifier_dead, "ops", true, "",
                 config_.language == daemon::Language::chinese
                     ? "无法送达，12 条消息在等待：HTTP 502"
                     : "ops cannot be reached: 12 messages wait: HTTP 502");
        const auto own = self.evaluate(at(0)).notices.front();
        const std::vector<alerts::Notice> late{notice(3), notice(5)};
        return {{"firing", messages_.alert(notice(), {tripped}, &money)},
                {"firing-shadow", messages_.alert(notice(), {would}, &money)},
                {"reminder", messages_.alert(reminder, {}, &money)},
                {"resolved", messages_.alert(over(notice(), Ending::recovered))},
                {"no-traffic", messages_.alert(over(notice(), Ending::no_traffic))},
                {"gone", messages_.alert(over(notice(), Ending::gone))},
                {"first-look", messages_.alert(first)},
                {"notifier-dead", messages_.alert(own)},
                {"late", messages_.late(late, at(7200))}};
    }

    std::vector<Sample> value_samples() const {
        using alerts::Reason;
        auto share = notice();
        share.rule = "error-burst";
        share.metric = alerts::Metric::error_rate;
        share.value = 35.24;
        share.threshold = 20;
        auto rise = notice();
        rise.metric = alerts::Metric::cost;
        rise.compare_to = alerts::Comparison::previous;
        rise.value = 230;
        rise.threshold = 200;
        rise.now = 46.2;
        rise.base = 14;
        auto flapping = notice();
        flapping.reason = Reason::flapping;
        flapping.flaps = 4;
        auto past = notice();
        past.reason = Reason::came_and_went;
        past.contributions.clear();
        past.episodes = 3;
        past.series = {{std::exchange(past.key, {}), past.value}};
        return {{"percent", messages_.alert(share)},
                {"comparison", messages_.alert(rise)},
                {"flapping", messages_.alert(flapping)},
                {"came-and-went", messages_.alert(past)}};
    }

    /// Refused as the real guard does it.
    circuit_breaker::TripResult last_usable() const {
        auto refused = trip(circuit_breaker::TripResult::Kind::refused);
        const std::vector<circuit_breaker::Ability> lit{{"default", "gpt-4o", 3, true, true},
                                                        {"vip", "o1", 3, true, true}};
        const auto dark = circuit_breaker::find_dark(
            3, lit, lit, {.served = {{"default", "gpt-4o", 1204}, {"vip", "o1", 7}}});
        explain(refused,
                {.kind = circuit_breaker::TripCause::Kind::last_usable, .pairs = dark.used});
        return refused;
    }
    circuit_breaker::TripResult guarded(std::int64_t channel) const {
        auto refused = trip(circuit_breaker::TripResult::Kind::refused);
        refused.request.target.channel = channel;
        circuit_breaker::Settings settings;
        settings.mode = circuit_breaker::Mode::live;
        settings.protected_channels = {3, 4, 5, 6};
        circuit_breaker::Situation situation;
        situation.rows_age = 1;
        explain(refused, *guard_policy(settings, situation, refused.request));
        return refused;
    }
    std::vector<Sample> breaker_samples() const {
        using Kind = circuit_breaker::TripResult::Kind;
        using Cause = circuit_breaker::TripCause::Kind;
        const auto asked = notice();
        const auto refused = last_usable();
        auto dark = trip(Kind::tripped);
        dark.dark_models = {"default/gpt-4o", "vip/o1"};
        dark.unused_dark = {"vip/old"};
        auto failed = trip(Kind::failed);
        explain(failed, {.kind = Cause::no_grant, .detail = "UPDATE command denied to user 'ro'"});
        auto unknown = trip(Kind::unknown);
        explain(unknown, {.kind = Cause::lost_commit,
                          .detail = "the server has gone away",
                          .unread = "connection refused"});
        return {{"breaker-refused", messages_.breaker(refused, at(12), &asked)},
                {"breaker-tripped", messages_.breaker(trip(Kind::tripped), at(12), &asked)},
                {"breaker-dark", messages_.breaker(dark, at(12), &asked)},
                {"breaker-failed", messages_.breaker(failed, at(12), &asked)},
                {"breaker-unknown", messages_.breaker(unknown, at(12))}};
    }

    circuit_breaker::TripResult trip_of(circuit_breaker::Target target, std::string name) const {
        auto result = trip(circuit_breaker::TripResult::Kind::tripped);
        result.request.target = std::move(target);
        result.name = std::move(name);
        result.status_written = 2;
        return result;
    }
    /// Models, keys, several channels, and the pause.
    std::vector<Sample> target_samples() const {
        using circuit_breaker::Target;
        using Kind = circuit_breaker::TripResult::Kind;
        using Cause = circuit_breaker::TripCause::Kind;
        const auto asked = notice();
        auto model = trip_of(Target::of_model(3, "gpt-4o"), "azure-eu");
        model.status_written = 0;
        model.request.recover = {.kind = base::Recovery::Kind::after, .wait = base::Seconds{1800}};
        model.request.back_at = at(1812);
        auto same_key = trip(Kind::refused);
        same_key.request.leading = circuit_breaker::LeadingKey{"t17", "batch-job (alice)", 94};
        explain(same_key, {.kind = Cause::same_key, .count = 94, .detail = "batch-job (alice)"});
        auto first = trip(Kind::tripped);
        first.request.recover.kind = base::Recovery::Kind::half_open;
        first.request.back_at = at(300);
        auto second = trip(Kind::refused);
        second.request.target.channel = 5;
        second.name = "openai";
        explain(second, {.kind = Cause::settling, .count = 3});
        auto paused = trip(Kind::refused);
        explain(paused, {.kind = Cause::paused, .limit = base::unix_seconds(at(7200))});
        auto spread = notice();
        spread.key.clear();
        spread.contributions.erase(spread.contributions.begin());
        return {{"breaker-key",
                 messages_.breaker(trip_of(Target::of_token(17), "batch-job"), at(12), &asked)},
                {"breaker-model", messages_.breaker(model, at(12), &asked)},
                {"same-key", messages_.alert(notice(), {same_key})},
                {"several-channels", messages_.alert(spread, {first, second})},
                {"paused", messages_.alert(spread, {paused})}};
    }

    circuit_breaker::Circuit circuit(base::Recovery::Kind recover) const {
        circuit_breaker::Circuit circuit;
        const auto tripped = trip(circuit_breaker::TripResult::Kind::tripped);
        circuit.trip_id = tripped.request.trip_id;
        circuit.target = tripped.request.target;
        circuit.name = tripped.name;
        circuit.reason = tripped.request.reason;
        circuit.status_written = 3;
        circuit.rule = tripped.request.rule;
        circuit.opened_at = at(0);
        circuit.recover.kind = recover;
        return circuit;
    }
    static circuit_breaker::ReturnResult done(circuit_breaker::Way way,
                                              const circuit_breaker::Circuit& circuit) {
        circuit_breaker::ReturnResult result;
        result.kind = circuit_breaker::ReturnResult::Kind::done;
        result.request.circuit = circuit;
        result.request.way = way;
        return result;
    }
    /// What comes back, and what people change.
    std::vector<Sample> return_samples() const {
        using circuit_breaker::Change;
        using circuit_breaker::Way;
        using Recover = base::Recovery::Kind;
        auto on_trial = circuit(Recover::half_open);
        on_trial.state = circuit_breaker::Circuit::State::trial;
        on_trial.trial_at = at(300);
        auto off_again = on_trial;
        off_again.state = circuit_breaker::Circuit::State::open;
        off_again.failed_trials = 1;
        off_again.back_at = at(960);
        auto dark = done(Way::again, on_trial);
        dark.kind = circuit_breaker::ReturnResult::Kind::refused;
        dark.cause = {.kind = circuit_breaker::TripCause::Kind::again_dark,
                      .pairs = {{"default/gpt-4o", 1204}}};
        auto key = circuit(Recover::manual);
        key.target = circuit_breaker::Target::of_token(17);
        key.name = "batch-job";
        const std::string_view errors = config_.language == daemon::Language::chinese
                                            ? "5 次请求中 3 次失败"
                                            : "3 of 5 attempts failed";
        return {
            {"trial-begun", messages_.returned(done(Way::trial, on_trial), at(300))},
            {"trial-failed", messages_.returned(done(Way::again, off_again), at(360), errors)},
            {"trial-dark", messages_.returned(dark, at(360), errors)},
            {"restored-after-trial", messages_.returned(done(Way::settle, on_trial), at(420))},
            {"restored-after-time",
             messages_.returned(done(Way::whole, circuit(Recover::after)), at(1812))},
            {"released", messages_.released(circuit(Recover::manual), Change::enabled, at(600))},
            {"released-key", messages_.released(key, Change::enabled, at(600))}};
    }

    std::vector<Sample> bundle_samples() const {
        using Why = notifiers::Bundle::Why;
        notifiers::Bundle many{Why::batch, {}};
        notifiers::Bundle refused{Why::batch, {}};
        for (int channel = 3; channel < 7; ++channel) {
            many.items.push_back({messages_.alert(notice(channel)), at(channel)});
            auto held = channel < 6 ? guarded(channel) : last_usable();
            held.request.target.channel = channel;
            refused.items.push_back({messages_.alert(notice(channel), {held}), at(channel)});
        }
        auto queue = many;
        queue.why = Why::queue;
        auto expired = many;
        expired.why = Why::expired;
        const notifiers::Bundle both{
            Why::both,
            {{messages_.alert(notice()), at(0)},
             {messages_.alert(over(notice(), alerts::Ending::recovered)), at(1500)}}};
        return {{"bundle-batch", bundles_(many)},
                {"bundle-refused", bundles_(refused)},
                {"bundle-queue", bundles_(queue)},
                {"bundle-both", bundles_(both)},
                {"bundle-expired", bundles_(expired)}};
    }

    static daemon::ReportFacts facts() {
        daemon::ReportFacts facts;
        const auto object = [](std::string name, double dollars, double before) {
            daemon::ReportFacts::Object one;
            one.name = std::move(name);
            one.dollars = dollars;
            one.now = {100, 2, 0, 1'000, static_cast<std::int64_t>(dollars * 500'000)};
            one.before = {90, 1, 0, 900, static_cast<std::int64_t>(before * 500'000)};
            return one;
        };
        facts.now = {12'000, 250, 40, 45'300'120, 60'000'000};
        facts.before = {11'000, 110, 35, 41'000'000, 50'000'000};
        facts.dollars = 120;
        facts.channels = {object("3 (azure-eu)", 80, 52), object("5 (openai)", 40, 48)};
        facts.models = {object("gpt-4o", 90, 90), object("o1", 30, 0)};
        facts.keys = {object("batch-job (alice)", 70.5, 12), object("web (bob)", 49.5, 50)};
        facts.alerts = {{"channel-token-burn", 3}, {"source-stale", 1}};
        facts.trips = {{at(-40'000), circuit_breaker::Target::of_channel(3), "3 (azure-eu)", true,
                        false, false, 310.0},
                       {at(-30'000), circuit_breaker::Target::of_channel(5), "5 (openai)", false,
                        false, false, 12.5},
                       {at(-20'000),
                        circuit_breaker::Target::of_channel(3),
                        "3 (azure-eu)",
                        true,
                        true,
                        false,
                        {}}};
        facts.refused = 1;
        return facts;
    }
    std::vector<Sample> report_samples() const {
        std::vector<Sample> samples;
        for (const bool weekly : {false, true}) {
            const notifiers::ReportPlan plan{weekly, std::chrono::Tuesday, std::chrono::hours{9}};
            const auto due = daemon::last_due(plan, config_.timezone, at(36'000));
            const auto id = fmt::format("report-ops-{}", due.date);
            samples.push_back({weekly ? "report-weekly" : "report-daily",
                               reports_(facts(), plan, due, id, {"¥", 7.3})});
        }
        return samples;
    }

    daemon::Config config_;
    daemon::Messages messages_;
    daemon::BundleText bundles_;
    daemon::ReportText reports_;
};

}  // namespace quotafuse::tests
