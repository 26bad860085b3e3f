#include <algorithm>

#include "alerts/engine.h"
#include "alerts/rule_watch.h"

// What is decided on time, but put on record too late to be acted on.
namespace quotafuse::alerts {

void RuleWatch::take_back_action(const std::string& stored_key) {
    const auto key = key_from_json(stored_key, rule_.by, names_.texts());
    const auto known = key ? series_.find(*key) : series_.end();
    if (known == series_.end() || known->second.state.phase != Phase::firing) return;
    known->second.state.acted = false;
    unsaved_.insert(*key);
}

void Engine::take_back_actions(Step& step, base::Second before) {
    for (auto& notice : step.notices) {
        if (notice.late || notice.at >= before) continue;
        notice.late = true;
        if (!notice.action) continue;
        notice.action.reset();
        const auto told = std::ranges::find_if(step.events, [&](const Event& event) {
            return event.id == notice.event_id && event.what == "told";
        });
        if (told == step.events.end()) continue;
        for (auto& record : step.series) {
            if (record.rule == told->rule && record.key == told->key) record.state.acted = false;
        }
        if (auto* const watch = watch_of(told->rule)) watch->take_back_action(told->key);
    }
}

}  // namespace quotafuse::alerts
