#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rule.h"
#include "base/clock.h"
#include "circuit_breaker/audit.h"
#include "daemon/config.h"
#include "sync/history.h"

namespace quotafuse::daemon {

/// What the breaker did, would have done and was held back from in a period, and what that is
/// worth. Quota is the gateway's, of rows: charged − given back.
struct BreakerReport {
    struct Trip {
        enum class Kind { shadow, live, refused };
        Kind kind = Kind::shadow;
        circuit_breaker::Audit::Entry entry;
        /// When the episode of the alert that asked for it was over; empty: it goes on, or no alert
        /// asked.
        std::optional<base::Second> over;
        std::string ending;  // alerts::ending_name(), with `over`
        /// shadow: what the target cost after entry.at + lag and until the end of the episode or of
        /// the period, and in the episodes of its repeats as far as it would still have been off.
        /// refused: the same without its repeats, and without what a shadow trip would have held
        /// up. live: what it cost in the hour before the trip.
        std::int64_t quota = 0;
        base::Second counted_until{};  // the end of the last of these times
        base::Seconds off{0};          // live: so long of the period it was off by this trip
        bool still_off = false;        // live: at the end of the period
        /// From before the period, in which it was or would have been off, or its guard still held.
        /// What that is worth in the period counts, the trip itself does not: it is of the time
        /// before.
        bool earlier = false;
        /// shadow: a person would have taken it back, since the value cleared by itself within
        /// kSoonClear. live: a person did within kSoon, at the gateway or by an order.
        bool undone = false;
        bool by_order = false;  // live, undone: `quotafuse breaker restore` or `undo`
        /// It was too early to tell whether it is undone.
        bool undecided = false;
        /// So many more times it was asked for while it would still have been off, whatever a guard
        /// said to that (or the same guard still held).
        std::int64_t repeats = 0;

        /// live: what it would have cost at its pace before the trip, while it was off.
        double pace_quota() const;
        /// live: the same; 0 where a person took it back, who says that it had better stayed on.
        double saved_quota() const;
    };
    /// What one rule asked for; "" stands for people.
    struct RuleSum {
        std::string rule;
        const alerts::Rule* now = nullptr;  // as configured; null: no such rule any more
        std::int64_t shadow = 0;
        std::int64_t earlier = 0;       // shadow trips from before the period
        std::int64_t shadow_quota = 0;  // that would have been saved, by those, too
        std::int64_t undone = 0;        // of the shadow ones
        std::int64_t undecided = 0;     // the same, those of which it is too early to tell
        std::int64_t live = 0;
        std::int64_t earlier_live = 0;    // live trips from before the period
        double live_quota = 0;            // that was saved, about, by those, too
        std::int64_t taken_back = 0;      // of the live ones
        std::int64_t live_undecided = 0;  // the same, those of which it is too early to tell
        std::int64_t refused = 0;
        std::int64_t earlier_refused = 0;  // from before the period, which let through in it
        std::map<std::string, std::int64_t> refused_by;  // TripCause, see cause_name()
        std::int64_t refused_quota = 0;  // that the targets went on to cost, each row once
        std::int64_t repeats = 0;
        std::int64_t failed = 0;  // or nobody knows
    };
    base::Second from{};
    base::Second until{};
    base::Seconds lag{0};
    double quota_per_dollar = 500'000;
    std::vector<Trip> trips;      // oldest first: the newest kMostTrips
    std::int64_t more_trips = 0;  // older ones, which no number here counts
    bool all_read = true;         // false: there was more on record than is read
    std::vector<RuleSum> rules;   // by name; those with an action that asked for nothing, too
    /// Of the rows of all shadow trips, each row once (a key and its channel have rows in common).
    std::int64_t shadow_quota = 0;

    static constexpr std::size_t kMostTrips = 1000;
    static constexpr std::size_t kMostEntries = 20'000;
    static constexpr base::Seconds kSoonClear{600};
    /// So far back shadow trips and refusals are looked for that go on in the period: none has a
    /// longer time to come back than the next month, but an alert may fire for longer. What is off
    /// indeed is found however old it is.
    static constexpr base::Seconds kEarlier{31 * 86'400};
};

struct BreakerReportPlan {
    base::Second from{};
    base::Second until{};  // at most `now`
    base::Second now{};    // when it is read: what came of younger trips is not known yet
    std::string rule;      // only of this one; empty: of all
    base::Seconds lag{0};  // what the gateway's cache takes, see circuit_breaker::cache_lag()
    const Config* config = nullptr;  // its rules
};
/// Reads the store, of which the rooms must be of this version. Throws SQLite::Exception.
BreakerReport read_breaker_report(sync::History& history, const BreakerReportPlan& plan);

}  // namespace quotafuse::daemon
