#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/silence.h"
#include "alerts/step.h"
#include "base/database.h"

namespace quotafuse::alerts {

/// What the room keeps in the one file.
base::Schema schema();

struct SavedState {
    std::optional<base::Second> time;
    std::vector<SeriesRecord> series;
    std::map<std::string, std::uint64_t> looked;  // rule → fingerprint at its first look
};

SavedState load_state(SQLite::Database& database);
/// Writes a step within the transaction that the caller has open. Writing it twice is harmless.
/// Throws SQLite::Exception; the caller then rolls back.
void save_state(base::Database& database, const Step& step);

/// A full window as it was at an engine second: derived, dropped when it does not fit.
struct WindowRecord {
    std::uint64_t spec =
        0;  // hash of its WindowSpec, with what it keeps and what its filter chooses
    base::Second head{};
    base::Second seen{};  // rows seen after this second are not in it (see Row::seen_at)
    std::string bytes;
};
std::vector<WindowRecord> load_windows(SQLite::Database& database);
/// Replaces all that is stored, within the caller's transaction.
void save_windows(base::Database& database, const std::vector<WindowRecord>& windows);

/// What a person or the daemon did that replay must know of.
struct EngineEvent {
    enum class Kind { started, stopped, reloaded, silenced, silence_ended };
    Kind kind = Kind::started;
    base::Second at{};   // engine time
    std::string detail;  // silenced: to_json() of the silence; silence_ended: its id as a number
};
void save_event(base::Database& database, const EngineEvent& event);
/// Those at t ≥ since, oldest first, in a second in the order in which they were saved.
std::vector<EngineEvent> load_events(SQLite::Database& database, base::Second since);

/// Silences that have not ended at `now`. add_silence gives the id; end_silence is false for one
/// that there is not. Each within the caller's transaction.
std::vector<Silence> load_silences(SQLite::Database& database, base::Second now);
std::int64_t add_silence(base::Database& database, const Silence& silence);
bool end_silence(base::Database& database, std::int64_t id, base::Second now);

/// The history of alerts at from ≤ t ≤ until, oldest first, in a second by rule, key and what.
std::vector<Event> load_history(SQLite::Database& database, base::Second from, base::Second until);
/// Deletes alert events, engine events and ended silences from before `before`, at most `most` of
/// each; true when there may be more.
bool prune_history(base::Database& database, base::Second before, int most);

}  // namespace quotafuse::alerts
