#include "alerts/notice_maker.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/stable_hash.h"
#include "alerts/summary.h"

namespace quotafuse::alerts {
int flaps_of(const AlertState& state, base::Second t) {
    const auto recent = std::ranges::count_if(
        state.former_begins, [&](base::Second begin) { return t - begin < kFlapSpan; });
    return 1 + static_cast<int>(recent);
}

std::string unit_of(const Rule& rule) {
    return std::string{rule.compare_to == Comparison::none ? metric_unit(rule.metric) : "percent"};
}

std::string event_id_of(const std::string& rule, const std::string& key, base::Second began,
                        int sequence) {
    return base32(
        stable_hash(fmt::format("{}\n{}\n{}\n{}", rule, key, base::unix_seconds(began), sequence)));
}

/// All that does not depend on the series.
Notice NoticeMaker::of_rule(Reason reason, base::Second at) const {
    Notice notice;
    notice.reason = reason;
    notice.rule = rule_.name;
    notice.severity = rule_.severity;
    notice.metric = rule_.metric;
    notice.unit = unit_of(rule_);
    notice.threshold = rule_.limit;
    notice.clear = rule_.clear;
    notice.below = rule_.below;
    notice.window = rule_.window;
    notice.compare_to = rule_.compare_to;
    notice.at = at;
    notice.notifiers = rule_.notify;
    notice.zone = rule_.zone;
    return notice;
}

Notice NoticeMaker::make(const SeriesKey& key, std::vector<KeyName> names, const Facts& facts,
                         const Reading& reading, const AlertState& former,
                         const Decision& decision) const {
    const auto& state = decision.state;
    const bool over = decision.reason == Reason::resolved;
    auto notice = of_rule(decision.reason, facts.at);
    notice.event_id = event_id(key, state, state.sequence);
    notice.episode = event_id(key, state, 0);
    notice.key = std::move(names);
    notice.value = facts.value;
    notice.now = reading.now;
    notice.base = reading.base;
    notice.since = state.began;
    // A resolution that waited for the active hours tells how long it fired, not how long it
    // waited.
    notice.duration = (over ? former.over_at.value_or(facts.at) : facts.at) - state.began;
    notice.peak = state.peak;
    if (over) notice.ended = state.ending;
    notice.requests = facts.requests;
    notice.summary = summary_of(notice);
    if (decision.act) notice.action = action_for(key);
    notice.action_goes_on = decision.act && facts.silenced;
    if (decision.reason == Reason::flapping) notice.flaps = flaps_of(state, facts.at);
    notice.late = facts.late;
    return notice;
}

Notice NoticeMaker::summarise(std::vector<Notice> found) const {
    if (found.size() == 1) return std::move(found.front());
    auto notice = found.front();
    notice.event_id = base32(
        stable_hash(fmt::format("{}\nfirst look\n{}", rule_.name, base::unix_seconds(notice.at))));
    notice.episode.clear();
    notice.key.clear();
    notice.summary.clear();
    for (auto& one : found) notice.series.push_back({std::move(one.key), one.value});
    return notice;
}

Notice NoticeMaker::digest(const DigestRecord& record, std::vector<KeyName> names,
                           base::Second at) const {
    auto notice = of_rule(Reason::came_and_went, at);
    notice.event_id = base32(
        stable_hash(fmt::format("{}\ncame and went\n{}", rule_.name, base::unix_seconds(at))));
    notice.value = notice.peak = record.peak;
    notice.since = record.began;
    notice.duration = record.over - record.began;
    notice.episodes = record.episodes;
    if (record.episodes == 1)
        notice.key = std::move(names);
    else
        notice.series.push_back({std::move(names), record.peak});
    return notice;
}

std::string NoticeMaker::event_id(const SeriesKey& key, const AlertState& state,
                                  int sequence) const {
    return event_id_of(rule_.name, stored_key(key), state.began, sequence);
}

std::string NoticeMaker::stored_key(const SeriesKey& key) const {
    return to_json(key, rule_.by, texts_);
}

std::string NoticeMaker::summary_of(const Notice& notice) const {
    return render(rule_.summary, [&](std::string_view variable) -> std::string {
        // A change against something is in percent, whatever changed.
        const auto metric =
            rule_.compare_to == Comparison::none ? rule_.metric : Metric::error_rate;
        if (variable == "value") return format_value(notice.value, metric);
        if (variable == "threshold") return format_value(rule_.limit, metric);
        if (variable == "now") return format_value(notice.now, rule_.metric);
        if (variable == "base") return format_value(notice.base, rule_.metric);
        if (variable == "window") return describe(rule_.window, rule_.zone);
        if (variable == "rule") return rule_.name;
        for (const auto& part : notice.key) {
            if (variable == dimension_name(part.dimension)) return part.display;
        }
        return {};  // the loader has refused every other name
    });
}

std::optional<Action> NoticeMaker::action_for(const SeriesKey& key) const {
    if (!rule_.action) return std::nullopt;
    const auto ask = [&](std::int64_t channel) {
        return Action{channel, rule_.action->mode, rule_.action->even_if_last};
    };
    for (std::size_t i = 0; i < rule_.by.size(); ++i) {
        if (rule_.by[i] == Dimension::channel) return ask(key.parts[i].number);
    }
    for (const auto& condition : rule_.where) {
        // Without grouping by channel the loader has seen to it that there is exactly one id.
        if (condition.dimension == Dimension::channel) return ask(*condition.terms.front().id);
    }
    return std::nullopt;
}

}  // namespace quotafuse::alerts
