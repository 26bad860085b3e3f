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
    std::vector<DigestRecord> digests;
    std::vector<SeriesRecord> unreadable;  // of a damaged file: no version wrote such a state
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

/// What the daemon did that replay must know of; silences tell it themselves.
struct EngineEvent {
    /// `late`: seconds that were evaluated late, or put on record late: they asked for no action.
    /// `jumped`: see Jump; save_state() writes it.
    enum class Kind { started = 0, stopped = 1, reloaded = 2, late = 5, jumped = 6 };
    Kind kind = Kind::started;
    base::Second at{};   // engine time; late: the first of the seconds
    std::string detail;  // late: the last of the seconds. jumped: the engine time of before, in
                         // unix seconds. started, reloaded: the same, where the engine did not go
                         // on from there; else empty
};
void save_event(base::Database& database, const EngineEvent& event);
/// The other second that `detail` names; empty where it names none.
std::optional<base::Second> second_of(const EngineEvent& event);
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
