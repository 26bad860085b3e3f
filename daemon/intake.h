#pragma once

#include <optional>
#include <string>

#include "alerts/engine.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "daemon/source_reader.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// How the gateway's log can be read at the moment.
struct SourceState {
    enum class Phase { starting, catching_up, ok, unreachable, denied, schema, rejected };
    Phase phase = Phase::starting;
    std::string detail;  // of a trouble, for people
    base::Second since{};
    std::optional<sync::Gateway> gateway;
    /// The second in which the last drained poll was sent: everything before it has been seen.
    std::optional<base::Second> synced_through;
};
std::string_view phase_name(SourceState::Phase phase);

/// Takes what the reader sends into the store and the windows, and keeps what is known of the
/// source. Says a change of state in one line, not one a second. Pipeline thread only.
class Intake {
public:
    Intake(base::Database& database, sync::Store& store, alerts::Engine& engine, std::string source,
           const base::Clock& clock, const base::Log& log);

    /// Throws SQLite::Exception when the store cannot take it; the same poll may then be taken
    /// again.
    void take(const sync::Poll& poll);
    void take(const SourceTrouble& trouble);
    void take(const InfoTrouble& trouble);
    void note_info_read();

    const SourceState& state() const { return state_; }
    /// The engine may go on to here: T stands while the source is behind or out of reach.
    std::optional<base::Second> horizon() const;
    /// Seconds between now and what has been seen; empty before the first row.
    std::optional<std::int64_t> lag() const;

private:
    void enter(SourceState::Phase phase, const std::string& detail);

    base::Database& database_;
    sync::Store& store_;
    alerts::Engine& engine_;
    std::string source_;
    const base::Clock& clock_;
    const base::Log& log_;
    SourceState state_;
    bool durable_ = true;
    std::string info_trouble_;
};

}  // namespace quotafuse::daemon
