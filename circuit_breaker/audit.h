#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/circuits.h"
#include "circuit_breaker/policy.h"

namespace quotafuse::circuit_breaker {

/// The breaker's memory in the store: intents (asked for, not answered yet), what became of each,
/// and the circuits that are open. Used by the pipeline thread only. What is written here comes
/// before what is done at the gateway, so that a crash leaves an intent, never an unknown deed.
class Audit {
public:
    static base::Schema schema();
    explicit Audit(base::Database& database) : Audit(database.handle()) {}
    /// For whoever only reads.
    explicit Audit(SQLite::Database& db) : db_(db), circuits_(db) {}

    /// Within the caller's transaction; a trip id that is on record already changes nothing.
    /// `notifiers` are the names of those who are to hear what becomes of it.
    void intend(const TripRequest& request, const std::vector<std::string>& notifiers,
                base::Second now);
    /// Answers the intent, if there is one, and opens the circuit of what is off (or may be:
    /// unknown) by our hand. A repeat of the same answer changes nothing. A trip ends the circuit
    /// that was open for the target before: it could not have been tripped unless somebody had
    /// enabled it. An unknown one keeps its intent: it is asked again.
    void record(const TripResult& result, base::Second now);

    /// A return is asked for: the circuit's `pending`. False when the circuit is gone, or another
    /// return is pending. A dry_run leaves no trace, and so does its result.
    bool intend_return(const ReturnRequest& request, base::Second now);
    /// Answers it. done: the circuit is closed (whole, settle), on trial, or open again
    /// (after_failed_trial). theirs: closed. refused and failed: as before, asked for again by the
    /// next plan. unknown: stays pending. ranks_read: `intended`, and stays pending.
    /// False, and nothing happens, when nobody waits for it (any more): a later trip ended its
    /// circuit.
    bool record(const ReturnResult& result, base::Second now);
    /// What a look at the gateway saw: closes the circuits that are not ours any more and returns
    /// them as they were. Circuits that were opened or changed at `began` or later, or have a
    /// return pending, are left for the next look. gateway_disabled is no end.
    struct Released {
        Circuit circuit;
        Change change = Change::none;
    };
    std::vector<Released> observe(const std::vector<Sighting>& sightings, base::Second began,
                                  base::Second now);

    struct Pending {
        TripRequest request;  // marked as resumed where it was live
        base::Second asked_at;
        std::vector<std::string> notifiers;
    };
    /// After a restart: hand each to the Breaker, which expires the old ones and knows a trip by
    /// its mark.
    std::vector<Pending> pending_intents();

    Circuits& circuits() { return circuits_; }

    /// For the limits: what was done, would have been, or may have been (unknown). What is asked
    /// for and waits does not count: it is judged again when it is its turn.
    Counts counts(base::Second now);
    /// Those of the last hour, newest first.
    std::vector<RecentTrip> recent(base::Second now);

    struct Entry {
        std::int64_t id = 0;
        base::Second at;
        std::string trip_id;
        Target target;
        std::string name;
        std::string mode;  // "shadow", "live"; of a pause that of the breaker, also "off"
        /// A kind_name() of a TripResult; "intent"; "released"; "whole", "trial", "settle", "again"
        /// for returns that were done, with "_asked" behind where one was asked for (by whom stands
        /// in `why`), with "_failed", "_refused", "_unknown" for others; "still_serving", "mended";
        /// "paused" and "resumed", which have no trip and no target.
        std::string step;
        std::string rule;  // whose alert it was; empty: a person, or before version 3
        std::string series;
        std::string reason;
        std::string why;
        Change change = Change::none;  // of a release
        std::string cause;   // cause_name() of what was refused or failed; empty before version 3
        std::string before;  // as it stood before the step; of a release: as we had left it
        std::string after;   // what the step wrote; empty where it wrote nothing
        base::Recovery recover{};  // of its circuit; manual before version 4
    };
    /// The newest n, newest first.
    std::vector<Entry> last(std::size_t n);
    /// The same without what was only asked for; those with an id below `before` only.
    std::vector<Entry> last_outcomes(std::size_t n, std::int64_t before = INT64_MAX);
    /// Those from ≤ at < until, the newest n of them, oldest first.
    std::vector<Entry> between(base::Second from, base::Second until, std::size_t n);
    /// The trips since `from` by which a target was off at t, the newest n of them, oldest first.
    std::vector<Entry> off_at(base::Second t, base::Second from, std::size_t n);
    /// The newest since `from` that tells of a target whether it was tripped or is not ours any
    /// more ("released"); empty where none does.
    std::optional<Entry> tripped_or_released(const Target& target, base::Second from);
    /// All of one trip, oldest first.
    std::vector<Entry> of_trip(const std::string& trip_id);
    /// Who asked for the return that an entry tells of ("a person", "its time has come", …); empty
    /// where that is not on record.
    std::string return_asked_by(const Entry& entry);
    /// A remark of its own: "still_serving", "mended".
    void note(const Circuit& circuit, const std::string& step, const std::string& why,
              base::Second now);

    /// A person held every write, or let it go: "paused" or "resumed". Within the caller's
    /// transaction. `reason` is theirs, `why` tells who, and until when.
    void note_pause(const std::string& step, const std::string& reason, const std::string& why,
                    Mode mode, base::Second now);

    /// Forgets the entries from before that time, which must be an hour back at least (see counts),
    /// but never those of an open circuit, or of an intent that nobody answered.
    void prune(base::Second before);

private:
    SQLite::Database& db_;
    Circuits circuits_;
};

/// Whether it is certain by this step of an entry how its trip ended.
bool is_trip_end(std::string_view step);

}  // namespace quotafuse::circuit_breaker
