#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/rule_watch.h"

// What came and went outside a rule's active hours, and is told in one notice when they begin.
namespace quotafuse::alerts {

void RuleWatch::note_unheard(const SeriesKey& key, const Series& series, base::Second t) {
    const auto& state = series.state;
    const bool worst = digest_.episodes == 0 ||
                       (rule_.below ? state.peak < digest_.peak : state.peak > digest_.peak);
    const auto episodes = digest_.episodes + 1;
    if (worst) {
        digest_ = {rule_.name,  episodes, maker_.stored_key(key), series.names, state.peak,
                   state.began, t};
    }
    digest_.episodes = episodes;
    digest_unsaved_ = true;
}

void RuleWatch::tell_digest(const Moment& moment, Step& step) {
    if (!always_hours_ && !active(moment.at, rule_.hours, rule_.zone)) return;
    auto names = names_of_digest();
    if (digest_waits(names, moment.at)) return;
    auto notice = maker_.digest(digest_, std::move(names), moment.at);
    notice.late = moment.late;
    step.events.push_back({notice.event_id, rule_.name, digest_.key, moment.at, "told",
                           std::string{reason_name(notice.reason)}, notice.value});
    step.notices.push_back(std::move(notice));
    step.changes_state = true;
    digest_ = {};
    digest_.rule = rule_.name;
    digest_unsaved_ = true;
}

/// For what is about to be over and was so before the hours, so that one notice has it all; and
/// while what it would name is muted.
bool RuleWatch::digest_waits(const std::vector<KeyName>& names, base::Second t) {
    const bool clearing = std::ranges::any_of(restless_, [&](const SeriesKey& key) {
        const auto& state = series_.at(key).state;
        return state.phase == Phase::firing && state.held && !state.told && state.clear_since &&
               !active(*state.clear_since - std::chrono::seconds{1}, rule_.hours, rule_.zone);
    });
    const bool silenced = std::ranges::any_of(
        silences_, [&](const Silence& silence) { return silences(silence, rule_.name, names, t); });
    if (clearing || silenced || held_) return true;
    const auto key = key_from_json(digest_.key, rule_.by, names_.texts());
    return key && is_inhibited(*key);
}

std::vector<KeyName> RuleWatch::names_of_digest() const {
    if (const auto key = key_from_json(digest_.key, rule_.by, names_.texts())) {
        return names_.name(*key, rule_.by, digest_.names);
    }
    // No row has its texts any more.
    std::vector<KeyName> names;
    for (std::size_t i = 0; i < rule_.by.size() && i < digest_.names.size(); ++i) {
        names.push_back({rule_.by[i], std::nullopt, digest_.names[i], digest_.names[i]});
    }
    return names;
}

}  // namespace quotafuse::alerts
