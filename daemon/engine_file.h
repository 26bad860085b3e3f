#pragma once

#include <optional>
#include <vector>

#include "alerts/engine.h"
#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "sync/gauges.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// How far `usual` looks back: as far as rows are kept, each rule for itself.
alerts::Engine::Options engine_options(const sync::Keep& keep);

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
    /// Every kSaveInterval.
    bool is_save_due() const;
    /// Puts full windows on record. To be called directly after Engine::advance() and a checkpoint.
    void save_windows();
    /// Of a start also where the last run had come to, if that is not where this one goes on.
    void note(alerts::EngineEvent::Kind kind);
    /// Before the first look at the gateway's objects, and after restore(): what is stored of them
    /// is of the last run, and rules wait until what they need has been read again. May be
    /// repeated.
    void expect_objects();

    static constexpr base::Seconds kSaveInterval{600};

private:
    void say(const alerts::VoidRule& rule) const;

    Rooms rooms_;
    const base::Clock& clock_;
    const base::Log& log_;
    base::MonoTime next_save_;
    std::optional<base::Second>
        left_off_;  // by the last run, where this one does not go on from there
};

}  // namespace quotafuse::daemon
