#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/rule_watch.h"

// What came and went outside a rule's active hours, and is told in one notice when they begin.
namespace quotafuse::alerts {

bool RuleWatch::is_worse(const DigestRecord& a, const DigestRecord& b) const {
    return rule_.below ? a.peak < b.peak : a.peak > b.peak;
}

void RuleWatch::note_unheard(const SeriesKey& key, const Series& series, base::Second t) {
    const auto& state = series.state;
    DigestRecord found{rule_.name,  1, maker_.stored_key(key), series.names, state.peak,
                       state.began, t};
    const auto known = digests_.find(found.key);
    if (known == digests_.end() && digests_.size() < kMostDigested) {
        digests_unsaved_.insert(found.key);
        digests_.emplace(found.key, std::move(found));
        return;
    }
    auto& digest = known != digests_.end() ? known->second : digests_.begin()->second;
    found.episodes = digest.episodes + 1;
    if (known != digests_.end() && is_worse(found, digest)) digest = found;
    digest.episodes = found.episodes;
    digests_unsaved_.insert(digest.key);
}

/// Of the series that nothing mutes; the others wait for that to end.
void RuleWatch::tell_digest(const Moment& moment, Step& step) {
    if (!always_hours_ && !active(moment.at, rule_.hours, rule_.zone)) return;
    if (held_ || waits_for_endings()) return;
    DigestRecord whole;
    for (auto at = digests_.begin(); at != digests_.end();) {
        const auto& digest = at->second;
        if (is_muted(digest, moment.at)) {
            ++at;
            continue;
        }
        const auto episodes = whole.episodes + digest.episodes;
        if (whole.episodes == 0 || is_worse(digest, whole)) whole = digest;
        whole.episodes = episodes;
        digests_unsaved_.insert(digest.key);
        at = digests_.erase(at);
    }
    if (whole.episodes == 0) return;
    auto notice = maker_.digest(whole, names_of(whole), moment.at);
    notice.late = moment.late;
    step.events.push_back({notice.event_id, rule_.name, whole.key, moment.at, "told",
                           std::string{reason_name(notice.reason)}, notice.value});
    step.notices.push_back(std::move(notice));
    step.changes_state = true;
}

/// What is about to be over and was so before the hours: one notice has it all.
bool RuleWatch::waits_for_endings() const {
    return std::ranges::any_of(restless_, [&](const SeriesKey& key) {
        const auto& state = series_.at(key).state;
        return state.phase == Phase::firing && state.held && !state.told && state.clear_since &&
               !active(*state.clear_since - std::chrono::seconds{1}, rule_.hours, rule_.zone);
    });
}

bool RuleWatch::is_muted(const DigestRecord& digest, base::Second t) {
    if (!silences_.empty()) {
        const auto names = names_of(digest);
        const bool silenced = std::ranges::any_of(silences_, [&](const Silence& silence) {
            return silences(silence, rule_.name, names, t);
        });
        if (silenced) return true;
    }
    if (inhibitions_.empty()) return false;
    const auto key = key_from_json(digest.key, rule_.by, names_.texts());
    return key && is_inhibited(*key);
}

std::vector<KeyName> RuleWatch::names_of(const DigestRecord& digest) const {
    if (const auto key = key_from_json(digest.key, rule_.by, names_.texts())) {
        return names_.name(*key, rule_.by, digest.names);
    }
    // No row has its texts any more.
    std::vector<KeyName> names;
    for (std::size_t i = 0; i < rule_.by.size() && i < digest.names.size(); ++i) {
        names.push_back({rule_.by[i], std::nullopt, digest.names[i], digest.names[i]});
    }
    return names;
}

}  // namespace quotafuse::alerts
