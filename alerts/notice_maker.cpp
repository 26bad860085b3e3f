#include "alerts/notice_maker.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/rule_action.h"
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
    notice.stored_key = stored_key(key);
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
    if (decision.act) notice.actions = actions_for(key);
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
    notice.stored_key.clear();
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
    if (record.episodes == 1) {
        notice.key = std::move(names);
        notice.stored_key = record.key;
    } else {
        notice.series.push_back({std::move(names), record.peak});
    }
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

std::vector<Action> NoticeMaker::actions_for(const SeriesKey& key) const {
    if (!rule_.action) return {};
    const auto& asked = *rule_.action;
    Action action;
    action.what = asked.what;
    action.mode = asked.mode;
    action.even_if_last = asked.even_if_last;
    action.recover = asked.recover;
    if (asked.what == RuleAction::What::model) action.model = model_of(key);
    const auto dimension =
        asked.what == RuleAction::What::token ? Dimension::token : Dimension::channel;
    std::vector<Action> actions;
    if (const auto* const part = key_part(key, dimension)) {
        actions.push_back(about(action, *part));
    } else {
        for (const auto id : ids_in_where(rule_, dimension))
            actions.push_back(about(action, {id, 0}));
    }
    return actions;
}

/// Null where the rule does not group by it.
const KeyPart* NoticeMaker::key_part(const SeriesKey& key, Dimension dimension) const {
    const auto at = std::ranges::find(rule_.by, dimension) - rule_.by.begin();
    if (at == std::ssize(rule_.by)) return nullptr;
    return &key.parts[static_cast<std::size_t>(at)];
}

std::string NoticeMaker::model_of(const SeriesKey& key) const {
    if (const auto* const part = key_part(key, Dimension::model)) return texts_.text(part->text);
    return name_in_where(rule_, Dimension::model).value_or("");
}

Action NoticeMaker::about(Action action, const KeyPart& part) const {
    if (action.what != RuleAction::What::token) {
        action.channel = part.number;
    } else if (part.number > 0) {
        action.token = part.number;
    } else {
        action.user = -part.number;
        action.token_name = texts_.text(part.text);
    }
    return action;
}

}  // namespace quotafuse::alerts
