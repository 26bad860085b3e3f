#pragma once

#include <optional>

#include "alerts/engine.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "base/time_zone.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// What the store has to do by and by (retention, the bound on its size, the history of alerts), a
/// short step at a time, and what windows and people must know of it. Pipeline thread only.
class Upkeep {
public:
    /// `zone` is that of times in the log.
    Upkeep(base::Database& database, sync::Store& store, alerts::Engine& engine,
           base::TimeZone zone, const base::Clock& clock, const base::Log& log);

    /// One step, some ms; true when there is more to do at once. After Engine::restore() only.
    /// Throws SQLite::Exception.
    bool step();

    /// Within the last day rows had to go before their time, because of store.max_size.
    bool out_of_room() const { return out_of_room_; }

    /// So long it is known what alerts did.
    static constexpr std::chrono::hours kHistory{400 * 24};

private:
    bool prune_history();
    void note_room(bool gone_for_room, bool more);

    base::Database& database_;
    sync::Store& store_;
    alerts::Engine& engine_;
    base::TimeZone zone_;
    const base::Clock& clock_;
    const base::Log& log_;
    base::MonoTime next_prune_;
    bool out_of_room_ = false;
    base::MonoTime last_gone_;  // for room
    base::MonoTime told_;
    bool to_tell_ = false;  // when this round of deletions has come to its end
};

}  // namespace quotafuse::daemon
