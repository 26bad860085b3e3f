#include "daemon/engine_file.h"

#include <algorithm>

#include "alerts/rule_loader.h"

namespace quotafuse::daemon {

using alerts::EngineEvent;

alerts::Engine::Options engine_options(const std::vector<alerts::Rule>& rules,
                                       const sync::Keep& keep) {
    alerts::Engine::Options options;
    options.weeks = alerts::kMostWeeks;
    for (const auto& rule : rules) {
        if (!rule.enabled || rule.compare_to != alerts::Comparison::usual) continue;
        options.weeks =
            std::min(options.weeks, alerts::weeks_kept(alerts::longest(rule.window), keep.rows));
    }
    options.weeks = std::max(options.weeks, alerts::kLeastWeeks);
    return options;
}

EngineFile::EngineFile(Rooms rooms, const base::Clock& clock)
    : rooms_(rooms), clock_(clock), next_save_(clock.mono() + kSaveInterval) {}

bool EngineFile::restore() {
    auto& file = rooms_.database.handle();
    const auto saved = alerts::load_state(file);
    const auto windows = alerts::load_windows(file);
    // As the last run knew them, and first: which rows a window holds may depend on names, and a
    // stored one is of use only where it is known that they are the same.
    const auto& directory = rooms_.gauges.directory();
    if (directory.known) rooms_.engine.use(directory);
    rooms_.engine.restore(saved, clock_.now(), windows);
    if (directory.known) rooms_.engine.observe(rooms_.gauges.current());
    rooms_.self_alerts.restore(saved);
    rooms_.engine.use_self_alerts(
        [&own = rooms_.self_alerts](std::string_view name) { return own.fires(name); });
    return saved.time.has_value();
}

void EngineFile::note(EngineEvent::Kind kind) {
    base::WriteTransaction transaction{rooms_.database};
    alerts::save_event(rooms_.database, {kind, rooms_.engine.time(), {}});
    transaction.commit();
}

void EngineFile::save_windows_if_due() {
    if (clock_.mono() >= next_save_) save_windows();
}

void EngineFile::save_windows() {
    next_save_ = clock_.mono() + kSaveInterval;
    const auto windows = rooms_.engine.window_records();
    // None is full yet, or too much came in at once: what is stored is better than nothing.
    if (windows.empty()) return;
    base::WriteTransaction transaction{rooms_.database};
    alerts::save_windows(rooms_.database, windows);
    transaction.commit();
}

}  // namespace quotafuse::daemon
