#pragma once

#include "alerts/engine.h"
#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "sync/gauges.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// How far `usual` looks back: as far as every rule that compares with it can read.
alerts::Engine::Options engine_options(const std::vector<alerts::Rule>& rules,
                                       const sync::Keep& keep);

/// What the engine takes up from the store at a start, and leaves there for the next one. Pipeline
/// thread only; throws SQLite::Exception.
class EngineFile {
public:
    struct Rooms {
        base::Database& database;
        alerts::Engine& engine;
        alerts::SelfAlerts& self_alerts;
        sync::Gauges& gauges;
    };
    EngineFile(Rooms rooms, const base::Clock& clock, const base::Log& log);

    /// Restores both from the store, once, and logs what no longer fires because its rule is gone
    /// or another. False when no rule has ever been evaluated on it: what is read first was there
    /// before.
    bool restore();
    /// Puts full windows on record, every kSaveInterval, or at once at the end. To be called
    /// directly after Engine::advance().
    void save_windows_if_due();
    void save_windows();
    void note(alerts::EngineEvent::Kind kind);

    static constexpr base::Seconds kSaveInterval{600};

private:
    void say(const alerts::VoidRule& rule) const;

    Rooms rooms_;
    const base::Clock& clock_;
    const base::Log& log_;
    base::MonoTime next_save_;
};

}  // namespace quotafuse::daemon
