#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/engine.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "daemon/source_reader.h"
#include "daemon/unlogged.h"
#include "sync/gateway_info.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// How the gateway's log can be read at the moment.
struct SourceState {
    enum class Phase {
        starting,
        catching_up,
        ok,
        unreachable,  // this one and the next five: as GatewayError has them
        stalled,
        locked,
        denied,
        schema,
        rejected,
        unproven,  // our own store could not be read to compare the gateway with it
        behind,    // its table ends before what is stored
        lagging,   // its newest row is older than source.max_lag
    };
    Phase phase = Phase::starting;
    std::string detail;  // of a phase in which T stands, for people
    base::Second since{};
    std::optional<sync::Gateway> gateway;
    /// The second in which the last drained poll was sent: everything before it has been seen.
    std::optional<base::Second> synced_through;
    std::optional<base::Second> epoch_since;  // when the epoch was noticed; none in the first one
    std::int64_t broken_others = 0;           // rows since the start whose `other` is unreadable
    bool no_rows = false;                     // the gateway is used, but logs nothing where we look
    std::string info_trouble;   // why names and options cannot be read; empty when they can
    bool info_missing = false;  // for an account that may read them: then it is no choice
    bool read_only = false;     // the server of source.dsn takes no writes
    /// What rules need of the gateway's objects and cannot be had, by kind: why, and what to do.
    std::map<std::string, std::string> kind_troubles;
    std::map<std::string, std::string> kind_limits;  // see sync::GatewayInfo::limits
    /// Seconds by which the clock of the gateway is ahead of ours; empty before rows tell.
    std::optional<std::int64_t> clock_ahead;
};
std::string_view phase_name(SourceState::Phase phase);
/// Why nothing is evaluated, as one sentence; empty in the phases in which all is well.
std::string standstill_of(const SourceState& state);

/// Takes what the reader sends into the store and the windows, and keeps what is known of the
/// source. Says a change of state in one line, not one a second. Pipeline thread only.
class Intake {
public:
    /// `source` is what messages call it. With `max_lag`, a source whose newest row is older counts
    /// as stale.
    Intake(base::Database& database, sync::Store& store, alerts::Engine& engine, std::string source,
           const base::Clock& clock, const base::Log& log,
           std::optional<base::Seconds> max_lag = {});

    /// What is read until the first catch-up has come to its end was there before: see
    /// Row::seen_at. Once, before the first poll.
    void expect_backfill() { backfill_ = true; }

    /// Returns the new rows. Throws SQLite::Exception when the store cannot take it; the same poll
    /// may then be taken again.
    std::vector<sync::Row> take(const sync::Poll& poll);
    void take(const SourceTrouble& trouble);
    void take(const MirrorTrouble& trouble);
    /// What was read of the gateway's objects before stands for kInfoLasts. Then, or at once where
    /// an account was never allowed to read any, SourceState::kind_troubles has kChannelsKind, and
    /// kNamesKind where no run ever knew names.
    void take(const InfoTrouble& trouble);
    static constexpr std::chrono::minutes kInfoLasts{5};
    void take(const sync::GatewayInfo& info);

    const SourceState& state() const { return state_; }
    /// Nothing is known of the gateway's objects, or what is known is too old.
    bool is_blind() const;
    /// The engine may go on to here: T stands while the source is behind or out of reach.
    std::optional<base::Second> horizon() const;
    /// Seconds between now and what has been seen; empty before the first row.
    std::optional<std::int64_t> lag() const;

private:
    void enter(SourceState::Phase phase, const std::string& detail);
    void say_change(SourceState::Phase phase, const std::string& detail);
    void enter_phase_of(const sync::Poll& poll);
    void note_gateway(sync::Gateway gateway);
    void note_epoch(std::int64_t before);
    void note_rows(const std::vector<sync::Row>& added);
    void note_broken_others(std::int64_t rows);
    void note_clock(const sync::Poll& poll);
    void note_kinds(const std::map<std::string, std::string>& troubles);
    void note_limits(const std::map<std::string, std::string>& limits);

    base::Database& database_;
    sync::Store& store_;
    alerts::Engine& engine_;
    std::string source_;
    const base::Clock& clock_;
    const base::Log& log_;
    std::optional<base::Seconds> max_lag_;
    SourceState state_;
    bool durable_ = true;
    bool backfill_ = false;
    bool live_ = false;               // the former poll had left nothing behind
    std::deque<std::int64_t> ahead_;  // of the newest row of each of the last polls that had one
    bool told_caught_up_ = false;
    base::MonoTime info_at_;  // when objects were read last, or the start
    bool info_came_ = false;  // since the start
    Unlogged unlogged_;
    std::optional<base::MonoTime> told_broken_;  // when the log last heard of broken_others
};

}  // namespace quotafuse::daemon
