#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alerts/decide.h"
#include "alerts/notice.h"
#include "base/clock.h"

namespace quotafuse::alerts {

/// A series as it is stored.
struct SeriesRecord {
    std::string rule;
    std::string key;  // see to_json(SeriesKey)
    bool forgotten = false;
    AlertState state;
    base::Second first_seen{};  // when history of it begins; counts for `below`
    /// When its last row was: of a series that keeps its key and has no rows in its window, and of
    /// a since_last series that is over its limit.
    std::optional<base::Second> last_row;
    std::vector<std::string> names;      // what the parts of the key were called
    std::optional<base::Second> period;  // of a calendar window: when the period of the state began
};

/// That a rule with this fingerprint has had its first look.
struct RuleRecord {
    std::string rule;
    std::uint64_t fingerprint = 0;
    base::Second looked_at{};
};

/// What came and went of a series outside its rule's active hours, and is told when they begin.
struct DigestRecord {
    std::string rule;
    std::int64_t episodes = 0;  // none: nothing is to be told any more
    std::string key;
    // The worst of them:
    std::vector<std::string> names;
    double peak = 0;
    base::Second began{};
    base::Second over{};
};

/// A line of the history: an episode began or ended, or somebody was told.
struct Event {
    std::string id;  // of the notice, or of the episode
    std::string rule;
    std::string key;
    base::Second at{};
    std::string what;    // "firing", "over" or "told"
    std::string reason;  // of the notice, how it ended, or why nobody was told
    std::optional<double> value;
};

/// The engine did not go on with the next second: an outage was longer than what it makes up for,
/// or the clock was set back.
struct Jump {
    base::Second from{};  // the last second that was evaluated
    base::Second to{};    // it goes on with the one after this
};

/// What the evaluation of one or more seconds changed: to be saved whole and in one transaction
/// with what follows from its notices. Can be saved again after a failure.
struct Step {
    /// The engine time it leads to. The epoch's first second in a step of built-in alerts, which
    /// have none: the stored one stays.
    base::Second time{};
    bool changes_state = false;
    std::vector<Jump> jumps;
    std::vector<std::string> dropped_rules;  // no longer there, or changed: their state is void
    std::vector<SeriesRecord> series;
    std::vector<RuleRecord> rules;
    std::vector<DigestRecord> digests;
    std::vector<Event> events;
    std::vector<Notice> notices;

    /// Nothing to be written.
    bool empty() const { return !changes_state; }
};

}  // namespace quotafuse::alerts
