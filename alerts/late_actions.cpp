#include <algorithm>
#include <set>
#include <string>

#include "alerts/engine.h"
#include "alerts/rule_watch.h"

// What is decided on time, but put on record too late to be acted on.
namespace quotafuse::alerts {

namespace {

/// As if the notice had never been: replay, which knows that its second was late, makes none.
void take_back(AlertState& state, bool untold) {
    state.acted = false;
    if (untold && state.sequence > 0) --state.sequence;
}

/// The event of the second in which the alert began, or went on: nothing but the silence is left to
/// say why nobody was told.
void call_silenced(Step& step, const Event& told) {
    for (auto& event : step.events) {
        const bool same = event.rule == told.rule && event.key == told.key && event.at == told.at;
        if (same && event.what == "firing") event.reason = reason_name(Reason::silenced);
    }
}

}  // namespace

void RuleWatch::take_back_action(const std::string& stored_key, bool untold) {
    const auto key = key_from_json(stored_key, rule_.by, names_.texts());
    const auto known = key ? series_.find(*key) : series_.end();
    if (known == series_.end() || known->second.state.phase != Phase::firing) return;
    take_back(known->second.state, untold);
    unsaved_.insert(*key);
}

void Engine::take_back_actions(Step& step, base::Second before) {
    std::set<std::string> silenced;
    for (auto& notice : step.notices) {
        if (notice.late || notice.at >= before) continue;
        notice.late = true;
        if (notice.actions.empty()) continue;
        notice.actions.clear();
        const auto told = std::ranges::find_if(step.events, [&](const Event& event) {
            return event.id == notice.event_id && event.what == "told";
        });
        if (told == step.events.end()) continue;
        for (auto& record : step.series) {
            if (record.rule == told->rule && record.key == told->key)
                take_back(record.state, notice.action_goes_on);
        }
        if (auto* const watch = watch_of(told->rule))
            watch->take_back_action(told->key, notice.action_goes_on);
        if (!notice.action_goes_on) continue;
        silenced.insert(notice.event_id);
        call_silenced(step, *told);
    }
    // People asked not to hear of these alerts, and the action was all that there was to tell.
    std::erase_if(step.notices,
                  [&](const Notice& notice) { return silenced.contains(notice.event_id); });
    std::erase_if(step.events, [&](const Event& event) {
        return event.what == "told" && silenced.contains(event.id);
    });
}

}  // namespace quotafuse::alerts
