#include "alerts/self_alerts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "alerts/notice_maker.h"

namespace quotafuse::alerts {
namespace {

struct Kind {
    SelfAlert alert;
    std::string_view name;
    base::Severity severity;
    bool resolved;
};

/// In the order of SelfAlert. That a log began anew is an event: there is no end of it to tell.
constexpr std::array<Kind, 8> kKinds{{
    {SelfAlert::source_stale, "source-stale", base::Severity::critical, true},
    {SelfAlert::new_epoch, "new-epoch", base::Severity::warning, false},
    {SelfAlert::clock_skew, "clock-skew", base::Severity::warning, true},
    {SelfAlert::store_full, "store-full", base::Severity::critical, true},
    {SelfAlert::notifier_dead, "notifier-dead", base::Severity::critical, true},
    {SelfAlert::still_serving, "still-serving", base::Severity::critical, true},
    {SelfAlert::rule_error, "rule-error", base::Severity::warning, true},
    {SelfAlert::breaker_blind, "breaker-blind", base::Severity::warning, true},
}};

std::string stored_key(const std::string& about) {
    return nlohmann::json::array({nlohmann::json::array({0, about})})
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::string> about_of(const std::string& key) {
    const auto json = nlohmann::json::parse(key, nullptr, false);
    if (!json.is_array() || json.size() != 1 || !json[0].is_array() || json[0].size() != 2 ||
        !json[0][1].is_string()) {
        return std::nullopt;
    }
    return json[0][1].get<std::string>();
}

/// A channel by its id, so that a silence can name it; other things have no dimension.
std::vector<KeyName> key_of(std::string_view rule, const std::string& about) {
    std::int64_t id = 0;
    const auto* const end = about.data() + about.size();
    const auto parsed = std::from_chars(about.data(), end, id);
    if (rule != "still-serving" || parsed.ec != std::errc{} || parsed.ptr != end) return {};
    return {{Dimension::channel, id, {}, about}};
}

Facts facts_at(base::Second now, bool holds) {
    Facts facts;
    facts.at = now;
    facts.value = holds ? 1 : 0;
    facts.requests = 1;
    return facts;
}

}  // namespace

const std::vector<std::string_view>& self_alert_names() {
    static const auto kNames = [] {
        std::vector<std::string_view> names;
        for (const auto& kind : kKinds) names.push_back(kind.name);
        return names;
    }();
    return kNames;
}

SelfAlerts::SelfAlerts(std::vector<std::string> notify, base::TimeZone zone) {
    for (const auto& kind : kKinds) {
        Rule rule;  // fires at 1 > 0
        rule.name = kind.name;
        rule.severity = kind.severity;
        rule.resolved = kind.resolved;
        rule.notify = notify;
        rule.zone = zone;
        watched_.push_back({std::move(rule), {}});
    }
}

void SelfAlerts::restore(const SavedState& saved) {
    for (const auto& record : saved.series) {
        const auto watched = std::ranges::find(watched_, record.rule,
                                               [](const Watched& one) { return one.rule.name; });
        if (watched == watched_.end()) continue;
        const auto about = about_of(record.key);
        if (!about) continue;
        const bool held = record.state.phase != Phase::inactive;
        const auto& texts = record.names;  // as evaluate() writes them
        const auto text = texts.size() > 1 ? texts[1] : std::string{};
        const auto told = texts.size() > 2 ? texts[2] : text;
        watched->series[*about] = {record.state, held, text, told};
    }
}

void SelfAlerts::set_silences(std::vector<Silence> silences) {
    silences_ = std::move(silences);
}

void SelfAlerts::set(SelfAlert alert, const std::string& about, bool holds, const std::string& text,
                     const std::string& told) {
    auto& series = watched_.at(static_cast<std::size_t>(alert)).series;
    const auto known = series.find(about);
    if (known != series.end()) {
        known->second.holds = holds;
        if (!holds) return;
        known->second.text = text;
        known->second.told = told.empty() ? text : told;
    } else if (holds) {
        series[about] = {{}, true, text, told.empty() ? text : told};
    }
}

void SelfAlerts::keep_only(SelfAlert alert, const std::vector<std::string>& about) {
    for (auto& [name, series] : watched_.at(static_cast<std::size_t>(alert)).series) {
        if (std::ranges::count(about, name) == 0) series.holds = false;
    }
}

Step SelfAlerts::evaluate(base::Second now) {
    Step step;
    if (std::exchange(evaluated_, now) == now) return step;
    for (auto& watched : watched_) {
        while (!watched.spans.empty() && watched.spans.front().over + kRemembered < now)
            watched.spans.pop_front();
        for (auto at = watched.series.begin(); at != watched.series.end();) {
            const auto former = at->second.state;
            const bool forgotten = evaluate(watched.rule, at->first, at->second, now, step);
            if (former.phase == Phase::firing && at->second.state.phase != Phase::firing)
                watched.spans.push_back({former.began, now});
            at = forgotten ? watched.series.erase(at) : std::next(at);
        }
    }
    return step;
}

/// True for a series that there is nothing to remember of.
bool SelfAlerts::evaluate(const Rule& rule, const std::string& about, Series& series,
                          base::Second now, Step& step) const {
    auto facts = facts_at(now, series.holds);
    const auto names = key_of(rule.name, about);
    facts.silenced = std::ranges::any_of(silences_, [&](const Silence& silence) {
        return silences(silence, rule.name, names, now);
    });
    const auto former = series.state;
    const auto decision = decide(former, facts, rule);
    const auto& state = series.state = decision.state;
    const bool forgotten = state.phase == Phase::inactive && !state.over_at &&
                           state.mute_until.value_or(now) <= now && state.began + kFlapSpan <= now;
    if (state == former && !forgotten) return false;
    step.changes_state = true;
    SeriesRecord record;
    record.rule = rule.name;
    record.key = stored_key(about);
    record.forgotten = forgotten;
    record.state = state;
    record.names = {about, series.text, series.told};
    step.series.push_back(std::move(record));
    note(rule, about, series, facts, former, decision, step);
    return forgotten;
}

void SelfAlerts::note(const Rule& rule, const std::string& about, const Series& series,
                      const Facts& facts, const AlertState& former, const Decision& decision,
                      Step& step) const {
    const auto& state = decision.state;
    const auto key = stored_key(about);
    const auto add = [&](int sequence, std::string what, std::string_view reason) {
        step.events.push_back({event_id_of(rule.name, key, state.began, sequence), rule.name, key,
                               facts.at, std::move(what), std::string{reason}, facts.value});
    };
    if (state.phase == Phase::firing && former.phase != Phase::firing) {
        add(0, "firing", reason_name(decision.reason));
    }
    if (decision.ended) add(0, "over", ending_name(*decision.ended));
    if (!is_told(decision.reason)) return;
    add(state.sequence, "told", reason_name(decision.reason));
    Notice notice;
    notice.event_id = event_id_of(rule.name, key, state.began, state.sequence);
    notice.episode = event_id_of(rule.name, key, state.began, 0);
    notice.reason = decision.reason;
    notice.rule = rule.name;
    notice.severity = rule.severity;
    notice.key = key_of(rule.name, about);
    if (notice.key.empty()) notice.about = about;
    notice.since = state.began;
    notice.at = facts.at;
    const bool over = decision.reason == Reason::resolved;
    notice.duration = (over ? former.over_at.value_or(facts.at) : facts.at) - state.began;
    if (over) notice.ended = state.ending;
    if (decision.reason == Reason::flapping) notice.flaps = flaps_of(state, facts.at);
    notice.summary = series.told;
    notice.notifiers = rule.notify;
    notice.zone = rule.zone;
    step.notices.push_back(std::move(notice));
}

bool SelfAlerts::fires(std::string_view name) const {
    const auto watched = std::ranges::find(
        watched_, name, [](const Watched& one) -> std::string_view { return one.rule.name; });
    if (watched == watched_.end()) return false;
    return std::ranges::any_of(
        watched->series, [](const auto& one) { return one.second.state.phase == Phase::firing; });
}

bool SelfAlerts::fired(std::string_view name, base::Second t) const {
    const auto watched = std::ranges::find(
        watched_, name, [](const Watched& one) -> std::string_view { return one.rule.name; });
    if (watched == watched_.end()) return false;
    const auto held = [&](const Span& span) { return span.fired < t && t <= span.over; };
    const auto holds = [&](const auto& one) {
        return one.second.state.phase == Phase::firing && one.second.state.began < t;
    };
    return std::ranges::any_of(watched->spans, held) || std::ranges::any_of(watched->series, holds);
}

std::vector<SelfAlerts::Alert> SelfAlerts::alerts() const {
    std::vector<Alert> alerts;
    for (const auto& watched : watched_) {
        for (const auto& [about, series] : watched.series) {
            if (series.state.phase == Phase::inactive) continue;
            alerts.push_back(
                {watched.rule.name, watched.rule.severity, about, series.text, series.state});
        }
    }
    return alerts;
}

}  // namespace quotafuse::alerts
