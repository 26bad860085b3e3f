#include "daemon/engine_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/player.h"
#include "daemon/info_needs.h"

namespace quotafuse::daemon {

using alerts::EngineEvent;

alerts::Engine::Options engine_options(const sync::Keep& keep) {
    alerts::Engine::Options options;
    options.weeks = alerts::kMostWeeks;
    options.kept = keep.rows;
    return options;
}

EngineFile::EngineFile(Rooms rooms, const base::Clock& clock, const base::Log& log)
    : rooms_(rooms), clock_(clock), log_(log), next_save_(clock.mono() + kSaveInterval) {}

bool EngineFile::restore() {
    auto& file = rooms_.database.handle();
    const auto saved = alerts::load_state(file);
    const auto windows = alerts::load_windows(file);
    // As the last run knew them, and first: which rows a window holds may depend on names, and a
    // stored one is of use only where it is known that they are the same.
    const auto& directory = rooms_.gauges.directory();
    if (directory.known) rooms_.engine.use(directory);
    for (const auto& rule : rooms_.engine.restore(saved, clock_.now(), windows)) say(rule);
    if (saved.time && *saved.time != rooms_.engine.time()) left_off_ = saved.time;
    if (!saved.unreadable.empty()) {
        log_.error(fmt::format(
            "store: the states of {} series (the first: rule {}, {}) cannot be read, and they "
            "begin "
            "anew: is the file damaged?",
            saved.unreadable.size(), saved.unreadable.front().rule, saved.unreadable.front().key));
    }
    // A kill comes between a snapshot and the second that judges it.
    rooms_.engine.observe(rooms_.gauges.current(rooms_.engine.time()));
    rooms_.self_alerts.restore(saved);
    // Missed seconds are evaluated by what fired in them, before the restart too.
    const alerts::SelfAlertTimes former{file, rooms_.engine.time() - alerts::kGoneAfter,
                                        clock_.now()};
    rooms_.engine.use_self_alerts(
        [&own = rooms_.self_alerts, former](std::string_view name, base::Second t) {
            return own.fired(name, t) || former.fires(name, t);
        });
    return saved.time.has_value();
}

/// Who was told that it fires hears no more of it: people changed the rule, and know why.
void EngineFile::say(const alerts::VoidRule& rule) const {
    if (rule.firing.empty()) return;
    constexpr std::size_t kMost = 5;
    const auto shown = std::min(rule.firing.size(), kMost);
    std::string series;
    for (std::size_t i = 0; i < shown; ++i) {
        if (rule.firing[i].empty()) continue;  // the whole of a rule without `by`
        series += fmt::format("{}{}", series.empty() ? " for " : "; ", rule.firing[i]);
    }
    if (rule.firing.size() > shown)
        series += fmt::format(" and {} more", rule.firing.size() - shown);
    log_.warning(
        fmt::format("rule {}: was {} while it fired{}: that alert is over, and no notice says so",
                    rule.rule, rule.changed ? "changed" : "removed or disabled", series));
}

void EngineFile::note(EngineEvent::Kind kind) {
    const bool begins = kind == EngineEvent::Kind::started || kind == EngineEvent::Kind::reloaded;
    const auto detail = begins && left_off_ ? std::to_string(base::unix_seconds(*left_off_)) : "";
    base::WriteTransaction transaction{rooms_.database};
    alerts::save_event(rooms_.database, {kind, rooms_.engine.time(), detail});
    transaction.commit();
}

void EngineFile::expect_objects() {
    const auto needs = needs_of(rooms_.engine.rules());
    rooms_.engine.observe(rooms_.gauges.begin(needs, rooms_.engine.time()));
}

bool EngineFile::is_save_due() const {
    return clock_.mono() >= next_save_;
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
