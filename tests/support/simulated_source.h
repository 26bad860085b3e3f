#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "base/clock.h"
#include "sync/fingerprint.h"
#include "sync/log_source.h"

namespace quotafuse::tests {

/// A row of a simulated gateway's `logs`.
struct SimulatedRow {
    std::int64_t id = 0;
    sync::Fingerprint values;
    std::int64_t type = 2;
    std::int64_t use_time = 0;  // seconds
    int model = 0;              // one of a few
    /// Unix seconds of its COMMIT: it is read from then on, though its id was given long before.
    std::int64_t visible_at = 0;
    bool operator==(const SimulatedRow&) const = default;
};

/// How a simulated gateway writes. Shares are 0 … 1 of all transactions; what is left commits
/// within the second or the five after it.
struct SimulatedHabits {
    std::int64_t id_step = 1;
    bool cluster = false;  // the server says that it steps its ids
    double rolled_back = 0.05;
    double minutes_late = 0.01;  // 1 to 20 minutes
    double hours_late = 0.003;   // 1 to 20 hours
    double faults = 0.01;        // share of the reads that break off after some rows
};

/// A gateway's `logs` table on a clock that does not run by itself, with what real ones do to their
/// readers: ids given at INSERT and rows seen at COMMIT, holes, old rows deleted, the table
/// truncated, restored or replaced, a replica that lags, connections that break. The same seed and
/// calls give the same table. Used by one thread.
class SimulatedGateway {
public:
    /// `clock` outlives it and never goes back.
    SimulatedGateway(const base::Clock& clock, std::uint64_t seed, SimulatedHabits habits);

    /// So many transactions begin now. Returns the highest id given so far.
    std::int64_t write(int transactions);
    /// So many ids are given to nobody.
    void skip_ids(std::int64_t ids) { next_id_ += ids; }
    /// DELETE … WHERE created_at < before (unix seconds).
    void prune(std::int64_t before);

    // Each of these but dump() is another table from here on; transactions under way are lost with
    // the old one, and so are dumps of a table that is no more.
    void truncate();                             // ids from 1 again
    void dump();                                 // remembers what is there now
    void restore();                              // back to the last dump, and on from its last id
    void replace(std::int64_t first, int rows);  // another installation's, ids from `first`
    /// The highest id of the last dump; 0 when it was empty.
    std::int64_t dumped_up_to() const { return dump_.empty() ? 0 : dump_.rbegin()->first; }

    /// Reads show the table as it was so many seconds ago; 0 is the table itself.
    void lag(std::int64_t seconds) { lag_ = seconds; }
    void set_down(bool down) { down_ = down; }
    /// From now on every transaction commits at once or in seconds, and no read breaks off by
    /// chance.
    void calm() { habits_ = {habits_.id_step, habits_.cluster, 0, 0, 0, 0}; }

    /// Whether anything is still uncommitted that will be committed.
    bool quiet() const;
    /// What a reader can see now, by id.
    std::map<std::int64_t, SimulatedRow> visible() const;
    /// Rows of the present table that could be read once and were deleted since, by id.
    const std::map<std::int64_t, SimulatedRow>& deleted() const { return deleted_; }
    /// The first id that the present table does not share with the one before it.
    std::int64_t own_since() const { return own_since_; }

    /// What all sources asked of it so far.
    struct Work {
        std::int64_t statements = 0;
        std::int64_t rows = 0;    // read and handed over
        std::int64_t ranges = 0;  // of gaps
    };
    const Work& work() const { return work_; }

    /// A connection of a reader; this outlives it.
    std::unique_ptr<sync::LogSource> connect();

private:
    class Source;
    bool shows(const SimulatedRow& row) const;
    SimulatedRow make(std::int64_t id);
    std::int64_t delay();
    void replaced(std::int64_t since);
    void begin_statement();
    /// Counts a row; throws when this is the one where the read breaks off.
    void hand_over(const SimulatedRow& row, const sync::LogSource::Visit& visit);
    std::int64_t whole(std::int64_t least, std::int64_t most);
    bool chance(double share);

    const base::Clock& clock_;
    std::mt19937_64 random_;
    SimulatedHabits habits_;
    sync::Dialect dialect_;
    std::map<std::int64_t, SimulatedRow> rows_;  // transactions under way are rows of the future
    std::map<std::int64_t, SimulatedRow> deleted_;
    std::map<std::int64_t, SimulatedRow> dump_;
    std::int64_t next_id_ = 1;
    std::int64_t own_since_ = 1;
    std::int64_t lag_ = 0;
    bool down_ = false;
    Work work_;
    std::optional<std::int64_t> breaks_after_;  // rows of the statement under way
};

}  // namespace quotafuse::tests
