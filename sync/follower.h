#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "sync/continuity.h"
#include "sync/log_source.h"
#include "sync/mirror.h"
#include "sync/row_decoder.h"
#include "sync/stepped_ids.h"
#include "sync/store.h"

namespace quotafuse::sync {

struct FollowOptions {
    std::size_t batch = 5000;              // rows of one statement
    base::Seconds gap_timeout{60};         // how long every poll asks for a missing id
    std::optional<base::Seconds> since{};  // on a first start: how far back; empty = everything
};

/// One look at the source.
struct Poll {
    Batch batch;
    base::Second sent;  // when the statement for new rows was sent
    bool drained =
        false;  // it was not full: everything committed before `sent` has been seen, but for gaps
    /// The table does not continue what was read: nothing was read now, and the next call compares
    /// it with the mirror. Make that call only when everything returned before has been stored.
    bool suspect = false;
    /// The table ends before what is stored and differs in nothing: a replica that is behind, or a
    /// dump that was restored and has no new row yet. Nothing was read; `drained` is set, because
    /// there is nothing more to read for now, but nothing is known of what was committed.
    bool behind = false;
    Gateway gateway = Gateway::new_api;
    std::int64_t broken_others = 0;  // rows whose `other` could not be read; the rows count
};

/// Follows a source from a position: open gaps first, then what is above the cursor. The row at the
/// cursor comes along with each poll and proves that the table is still the one that was read; if
/// it is not, a new epoch begins at the first row that differs (docs/decisions). It runs ahead of
/// the store; what it returned must be stored in order. Used by one thread.
class Follower {
public:
    /// All references outlive it. `mirror` is of the store that gets what this one reads.
    Follower(LogSource& source, Mirror& mirror, Position position, FollowOptions options,
             const base::Clock& clock);

    /// Throws GatewayError or SQLite::Exception; then nothing was skipped and next() may simply be
    /// called again.
    Poll next();

private:
    /// What one poll read, before anything of it counts.
    struct Read {
        std::vector<LogEntry> entries;         // above the cursor
        std::optional<Fingerprint> at_cursor;  // of the row there, if it was asked for
        bool full = false;
        std::vector<Gap> asked;
        std::vector<LogEntry> late;  // of the gaps
        std::vector<std::int64_t> appeared;
        std::optional<std::int64_t> again_from;  // rows since this id were read again
        std::vector<LogEntry> again;             // new ones among them
    };
    void decode_as(Gateway gateway);
    Position beginning();
    void begin_epoch();
    bool settle();
    Read read_above();
    bool continues(const Read& read, bool settled);
    void read_gaps(Read& read);
    std::size_t read_late(const std::vector<Gap>& gaps, Read& read);
    void read_again(Read& read);
    std::int64_t lowest_of_late();
    void advance(const Read& read, base::Second now);
    void note_steps(std::int64_t former, const std::vector<LogEntry>& entries);
    std::int64_t unwatched(base::MonoTime now) const;
    void remember(std::int64_t former, const std::vector<LogEntry>& entries, std::int64_t oldest,
                  base::MonoTime now);

    LogSource& source_;
    Mirror& mirror_;
    Position position_;
    FollowOptions options_;
    const base::Clock& clock_;
    std::optional<RowDecoder> decoder_;
    Continuity continuity_;
    IdSteps steps_;
    RecentIds recent_;
    bool stepped_ = false;  // holes mean nothing: see RecentIds
    bool walked_ = false;   // the last rows from before the start were read again
    std::optional<base::MonoTime> drained_at_{};  // the last poll that left nothing behind
    bool begun_;
    bool suspect_ = false;
};

}  // namespace quotafuse::sync
