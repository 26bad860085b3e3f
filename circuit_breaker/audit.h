#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "circuit_breaker/action.h"

namespace quotafuse::circuit_breaker {

/// The breaker's memory in the store: intents (asked for, not answered yet) and what became of
/// each. Used by the pipeline thread only. What is written here comes before what is done at the
/// gateway, so that a crash leaves an intent, never an unknown deed.
class Audit {
public:
    static base::Schema schema();
    explicit Audit(base::Database& database) : database_(database) {}

    /// Within the caller's transaction; a trip id that is on record already changes nothing.
    /// `notifiers` are the names of those who are to hear what becomes of it.
    void intend(const TripRequest& request, const std::vector<std::string>& notifiers,
                base::Second now);
    /// Answers the intent, if there is one. A repeat of the same answer changes nothing. A trip
    /// ends what was open for the channel before: it could not have been tripped unless somebody
    /// had enabled it.
    void record(const TripResult& result, base::Second now);

    struct Pending {
        TripRequest request;  // marked as resumed where it was live
        base::Second asked_at;
        std::vector<std::string> notifiers;
    };
    /// After a restart: hand each to the Breaker, which expires the old ones and knows a trip by
    /// its mark.
    std::vector<Pending> pending_intents();

    /// A channel that we disabled and nobody has touched since; also one where we may have
    /// (unknown).
    struct OpenTrip {
        std::string trip_id;
        std::int64_t channel;
        std::string channel_name;
        base::Second at;
        int status_written;
        std::string reason;
    };
    std::vector<OpenTrip> open_trips();

    /// Why a trip is over. Only `enabled` undoes it: in the other cases the channel stays off.
    enum class Cause { none, enabled, disabled_by_hand, deleted };
    struct Released {
        OpenTrip trip;
        Cause cause = Cause::none;
        std::string why;  // for people
    };
    /// Looks at the channels' states (id → status) as read at `read_at`: what somebody changed is
    /// theirs from now on. A trip is looked at once it is kSettled old: what a replica shows may be
    /// older.
    static constexpr base::Seconds kSettled{60};
    std::vector<Released> observe(const std::map<std::int64_t, int>& states, base::Second read_at);

    /// For the limits. What is asked for and not answered counts as if it had been done.
    Counts counts(base::Second now);

    struct Entry {
        base::Second at;
        std::string trip_id;
        std::int64_t channel;
        std::string channel_name;
        std::string mode;  // "shadow", "live"
        std::string step;  // a kind_name(), or "released"
        std::string reason;
        std::string why;
        Cause cause = Cause::none;  // of a release
    };
    /// The newest n, newest first.
    std::vector<Entry> last(std::size_t n);
    /// Those from ≤ at < until, the newest n of them, oldest first.
    std::vector<Entry> between(base::Second from, base::Second until, std::size_t n);
    /// The trips since `from` by which a channel was off at t, the newest n of them, oldest first.
    std::vector<Entry> off_at(base::Second t, base::Second from, std::size_t n);

    /// Forgets the entries from before that time, which must be an hour back at least (see counts),
    /// but never an open trip.
    void prune(base::Second before);

private:
    void release(const OpenTrip& trip, Cause cause, const std::string& why, base::Second now);
    base::Database& database_;
};

}  // namespace quotafuse::circuit_breaker
