#include "alerts/engine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "alerts/state_store.h"

namespace quotafuse::alerts {

Engine::Engine(std::vector<Rule> rules, sync::Store& store, base::Database& database)
    : rules_(std::move(rules)), database_(database), names_(store.texts()), windows_(store) {
    for (const auto& rule : rules_) {
        if (!rule.enabled) continue;
        auto& window = windows_.share(window_of(rule));
        watches_.push_back(std::make_unique<RuleWatch>(rule, window, names_, store.texts()));
    }
}

void Engine::restore(base::Second start) {
    const auto saved = load_state(database_);
    const bool resumes =
        saved.time && *saved.time <= start + kPatience && *saved.time >= start - kLongestCatchUp;
    time_ = resumes ? *saved.time : start;

    std::set<std::string> dropped;
    for (const auto& [name, former] : saved.looked) {
        auto* const watch = watch_of(name);
        if (watch != nullptr && fingerprint(watch->rule()) == former) {
            watch->restore_looked();
        } else {
            dropped.insert(name);
        }
    }
    for (const auto& record : saved.series) {
        auto* const watch = watch_of(record.rule);
        if (watch == nullptr || !saved.looked.contains(record.rule)) dropped.insert(record.rule);
        if (dropped.contains(record.rule) || watch->restore(record)) continue;
        SeriesRecord forgotten;
        forgotten.rule = record.rule;
        forgotten.key = record.key;
        forgotten.forgotten = true;
        unsaved_.series.push_back(std::move(forgotten));
    }
    unsaved_.dropped_rules.assign(dropped.begin(), dropped.end());
    warm_up();
}

void Engine::feed(const std::vector<sync::Row>& rows) {
    for (const auto& row : rows) {
        names_.learn(row);
        windows_.feed(row);
    }
}

void Engine::forget(const std::vector<sync::Row>& rows) {
    for (const auto& row : rows) windows_.forget(row);
}

void Engine::set_gateway_info(const sync::GatewayInfo& info) {
    const bool first = !std::exchange(knows_names_, true);
    names_.use_channels(info.channels);
    if (info.quota_per_unit > 0 && info.quota_per_unit != quota_per_unit_) {
        quota_per_unit_ = info.quota_per_unit;
        for (const auto& window : windows_.windows()) window->touch_all();
    }
    // Should the store fail here, the windows stay void and are all filled anew.
    const bool were_void = std::exchange(windows_void_, true);
    for (const auto& window : windows_.windows()) {
        const bool stale = window->filter().use_names(info.channels);
        if (stale && !were_void) windows_.rebuild(*window);
        if (first) window->touch_all();  // nobody has looked at what changed so far
        if (!stale || first) continue;
        for (const auto& watch : watches_) {
            if (&watch->window() == window.get()) watch->look_at_all();
        }
    }
    windows_void_ = were_void;
}

Step Engine::advance(base::Second t, base::Second now) {
    if (t + kPatience < time_) jump_to(t);
    if (t - time_ > kLongestCatchUp) jump_to(t - kLongestCatchUp);
    const auto until = std::min(t, time_ + kMostSecondsOfStep);
    while (time_ < until) {
        const auto next = time_ + std::chrono::seconds{1};
        step_to(next, now - next > kLate);
    }
    if (time_ < t) unsaved_.changes_state = true;
    if (unsaved_.changes_state) return take_step();
    Step nothing;
    nothing.time = time_;
    return nothing;
}

Step Engine::checkpoint() {
    unsaved_.changes_state = true;
    return take_step();
}

Step Engine::take_step() {
    for (const auto& watch : watches_) watch->collect_unsaved(unsaved_);
    unsaved_.time = time_;
    return std::exchange(unsaved_, {});
}

void Engine::save(const Step& step) {
    save_state(database_, step);
}

void Engine::step_to(base::Second t, bool late) {
    if (windows_void_) warm_up();
    windows_void_ = true;  // until they have all moved: the store may fail half-way
    windows_.advance(t, [&](const sync::Row& row) { names_.learn(row); });
    windows_void_ = false;
    time_ = t;
    for (const auto& watch : watches_) {
        if (!is_warming(*watch)) watch->evaluate(t, late, quota_per_unit_, unsaved_);
    }
    for (const auto& window : windows_.windows()) window->settle();
}

void Engine::jump_to(base::Second t) {
    time_ = t;
    windows_void_ = true;
}

void Engine::warm_up() {
    windows_.warm_up(time_, [&](const sync::Row& row) { names_.learn(row); });
    windows_void_ = false;
}

bool Engine::is_warming(const RuleWatch& watch) const {
    return !knows_names_ && watch.window().filter().needs_names();
}

RuleWatch* Engine::watch_of(const std::string& rule) {
    for (const auto& watch : watches_) {
        if (watch->rule().name == rule) return watch.get();
    }
    return nullptr;
}

Overview Engine::overview() const {
    Overview view;
    view.time = time_;
    view.total = rules_.size();
    view.disabled = rules_.size() - watches_.size();
    for (const auto& watch : watches_) {
        const auto& rule = watch->rule();
        const auto alerts = watch->alerts();
        for (const auto& alert : alerts) {
            const auto& state = alert.state;
            view.alerts.push_back({rule.name, rule.severity, alert.key, state.phase, alert.value,
                                   rule.limit, rule.below, std::string{metric_unit(rule.metric)},
                                   state.since, state.told});
        }
        if (watch->window().overflowed()) {
            ++view.error;
            view.errors.push_back(rule.name);
        } else if (is_warming(*watch)) {
            ++view.warming;
        } else if (alerts.empty()) {
            ++view.inactive;
        } else {
            // Firing ones stand first.
            ++(alerts.front().state.phase == Phase::firing ? view.firing : view.pending);
        }
    }
    return view;
}

}  // namespace quotafuse::alerts
