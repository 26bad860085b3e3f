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
        /// shadow: from before the period, in which it would still have been off. What that would
        /// have saved in the period counts, the trip itself does not: it is of the time before.
        bool earlier = false;
        /// shadow: a person would have taken it back, since the value cleared by itself within
        /// kSoonClear. live: a person did within kSoon, at the gateway or by an order.
        bool undone = false;
        /// So many more times it was asked for while it would still have been off, whatever a guard
        /// said to that (or the same guard still held).
        std::int64_t repeats = 0;

        /// live: at its pace before the trip.
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
        std::int64_t live = 0;
        double live_quota = 0;        // that was saved, about
        std::int64_t taken_back = 0;  // of the live ones
        std::int64_t refused = 0;
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
    /// So far back shadow trips are looked for that go on in the period: none has a longer time to
    /// come back than the next month, but an alert may fire for longer.
    static constexpr base::Seconds kEarlier{31 * 86'400};
};

struct BreakerReportPlan {
    base::Second from{};
    base::Second until{};
    std::string rule;      // only of this one; empty: of all
    base::Seconds lag{0};  // what the gateway's cache takes, see circuit_breaker::cache_lag()
    const Config* config = nullptr;  // its rules
};
/// Reads the store, of which the rooms must be of this version. Throws SQLite::Exception.
BreakerReport read_breaker_report(sync::History& history, const BreakerReportPlan& plan);

}  // namespace quotafuse::daemon
