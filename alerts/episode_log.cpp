#include "alerts/episode_log.h"

#include <algorithm>
#include <cstdlib>

namespace quotafuse::alerts {

EpisodeLog::EpisodeLog(const std::vector<Rule>& rules, const sync::Texts& texts) : texts_(texts) {
    for (const auto& rule : rules) rules_.emplace(rule.name, rule);
}

void EpisodeLog::take(const Step& step, const Names& names) {
    if (step.empty()) return;
    for (const auto& event : step.events) take(event, names);
    for (const auto& record : step.series) take(record);
    for (const auto& notice : step.notices) take(notice);
    told_.clear();
}

void EpisodeLog::take(const Event& event, const Names& names) {
    const Series series{event.rule, event.key};
    if (event.what == "firing") {
        const auto& rule = rules_.at(event.rule);
        Episode episode;
        episode.rule = event.rule;
        if (const auto key = key_from_json(event.key, rule.by, texts_)) {
            episode.key = names.name(*key, rule.by);
        }
        episode.began = episode.fired = event.at;
        episode.peak = event.value.value_or(0);
        newest_[series] = episodes_.size();
        episodes_.push_back(std::move(episode));
        untold_.insert(series);
        return;
    }
    auto* const episode = newest_of(series);
    if (episode == nullptr) return;
    // A digest is about many episodes; its key is that of the worst.
    if (event.what == "told" && event.reason == reason_name(Reason::came_and_went)) return;
    if (event.what == "told") {
        ++episode->notices;
        untold_.erase(series);
        told_[event.id] = series;
    } else if (event.what == "over") {
        episode->over = event.at;
        episode->ending = event.reason;
        untold_.erase(series);
        const auto at = newest_.at(series);
        const auto is_of = [&](const auto& open) { return open.second.episode == at; };
        std::erase_if(channels_, is_of);
        std::erase_if(tokens_, is_of);
    }
}

/// What is saved of a series has the worst value so far, and since when it was over the limit.
void EpisodeLog::take(const SeriesRecord& record) {
    auto* const episode = newest_of({record.rule, record.key});
    const auto& state = record.state;
    if (episode == nullptr || state.began == base::Second{} || state.began > episode->fired) return;
    episode->began = state.began;
    note_value(*episode, state.peak);
}

void EpisodeLog::take(const Notice& notice) {
    const auto told = told_.find(notice.event_id);
    if (told == told_.end()) return;  // a summary of several series
    auto* const episode = newest_of(told->second);
    if (notice.ended) note_value(*episode, notice.peak);
    if (!episode->trips.empty()) return;
    for (const auto& action : notice.actions) {
        if (action.mode == ActionMode::off) continue;
        const OpenTrip open{newest_.at(told->second), episode->trips.size()};
        episode->trips.push_back({action, notice.at, 0});
        if (action.what != RuleAction::What::token) {
            channels_.emplace(action.channel, open);
        } else {
            tokens_.emplace(action.token != 0 ? action.token : -action.user, open);
        }
    }
}

Episode* EpisodeLog::newest_of(const Series& series) {
    const auto at = newest_.find(series);
    return at == newest_.end() ? nullptr : &episodes_[at->second];
}

void EpisodeLog::note_value(Episode& episode, double value) const {
    const bool below = rules_.at(episode.rule).below;
    episode.peak = below ? std::min(episode.peak, value) : std::max(episode.peak, value);
}

void EpisodeLog::add(const sync::Row& row) {
    if (!channels_.empty()) add_cost(row, channels_, row.channel);
    if (!tokens_.empty()) add_cost(row, tokens_, row.token != 0 ? row.token : -row.user);
}

/// Of those with the same id.
bool EpisodeLog::concerns(const Action& action, const sync::Row& row) const {
    switch (action.what) {
        case RuleAction::What::channel:
            return true;
        case RuleAction::What::model:
            return texts_.text(row.model) == action.model;
        case RuleAction::What::token:
            return action.token != 0 || texts_.text(row.token_name) == action.token_name;
    }
    std::abort();
}

void EpisodeLog::add_cost(const sync::Row& row, const std::multimap<std::int64_t, OpenTrip>& trips,
                          std::int64_t id) {
    const auto [begin, end] = trips.equal_range(id);
    for (auto at = begin; at != end; ++at) {
        auto& trip = episodes_[at->second.episode].trips[at->second.trip];
        if (row.created_at <= base::unix_seconds(trip.at) || !concerns(trip.action, row)) continue;
        if (row.kind == sync::Kind::consume) trip.quota += row.quota;
        if (row.kind == sync::Kind::refund) trip.quota -= row.quota;
    }
}

std::vector<Episode> EpisodeLog::episodes(base::Second from) const {
    std::vector<Episode> wanted;
    std::copy_if(
        episodes_.begin(), episodes_.end(), std::back_inserter(wanted),
        [&](const Episode& one) { return one.fired >= from || !one.over || *one.over >= from; });
    std::stable_sort(wanted.begin(), wanted.end(),
                     [](const Episode& a, const Episode& b) { return a.fired < b.fired; });
    return wanted;
}

}  // namespace quotafuse::alerts
