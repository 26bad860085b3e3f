#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/names.h"
#include "alerts/notice.h"
#include "alerts/rule.h"
#include "alerts/step.h"
#include "base/clock.h"
#include "base/time_zone.h"
#include "sync/history.h"

namespace quotafuse::alerts {

/// One episode of one series, as it would have been.
struct Episode {
    std::string rule;
    std::vector<KeyName> key;
    base::Second began{};  // over the limit since
    base::Second fired{};
    std::optional<base::Second> over;  // empty: it still fires at the end
    std::string ending;
    double peak = 0;
    int notices = 0;
    /// Of an episode whose rule has an action: what would have been disabled if no guard had
    /// refused it, when, and what it cost (quota) from then on until the value had cleared.
    struct Trip {
        Action action;
        base::Second at{};
        std::int64_t quota = 0;
    };
    std::vector<Trip> trips;  // several where the rule names several in `where`
};

struct ReplayResult {
    base::Second from{};
    base::Second until{};
    std::int64_t rows = 0;  // that appeared between the two
    double quota_per_unit = 500'000;
    std::vector<Event> events;           // exactly those that a daemon would have written
    std::vector<Episode> episodes;       // by when they fired
    std::map<std::string, int> notices;  // that each rule would have sent; none: not in here
    std::vector<std::string> notes;      // what could not be replayed, and why
    /// Rules that were not evaluated to the end: rows, names or gauges that they need are missing.
    std::vector<std::string> silent;
};

struct ReplayOptions {
    base::Second from{};
    base::Second until{};     // not after now; cut at the end of the mirror
    int weeks = kLeastWeeks;  // see Engine::Options
    std::optional<std::chrono::seconds> kept = std::nullopt;
    /// A rule begins with its recorded first look, as the daemon ran it. Else it counts as looked
    /// at long before, as if it had been there all the time.
    bool as_it_was = false;
    base::TimeZone zone{};  // of times in the notes
    /// Told now and then how far it is, 0 … 1; may stay empty.
    std::function<void(double)> progress{};
};

/// Runs the rules over the history with the production engine: rows appear when the daemon saw them
/// where a daemon ran, and by created_at elsewhere; gauges, silences, starts and stops as they are
/// stored. It begins a day before `from`, so that windows are full and what went on then is known.
/// Names are those of now. Disabled rules are left out. Throws Failure(no_input) when there are no
/// rows, and SQLite::Exception.
ReplayResult replay(const std::vector<Rule>& rules, sync::History& history,
                    const ReplayOptions& options);

/// Limits at which the rule would have fired about `per_month` times in 30 d, for each of the
/// wanted numbers; empty where no limit does. `clear` moves along with the limit.
struct Suggestion {
    double per_month = 0;
    std::optional<double> limit;
    int firings = 0;  // in the time that was looked at, at that limit
};
/// Where limits are looked for: from this share of the rule's own to this multiple of it.
struct LimitRange {
    double least = 1e-5;
    double most = 1e5;
};
std::vector<Suggestion> suggest_limits(const Rule& rule, sync::History& history,
                                       const ReplayOptions& options,
                                       const std::vector<double>& per_month, LimitRange range = {});
/// The same for several rules in one go; in their order.
std::vector<std::vector<Suggestion>> suggest_limits(const std::vector<Rule>& rules,
                                                    sync::History& history,
                                                    const ReplayOptions& options,
                                                    const std::vector<double>& per_month,
                                                    LimitRange range = {});

/// The rule with another limit, and `clear` as far from it as before, in proportion.
Rule with_limit(Rule rule, double limit);

}  // namespace quotafuse::alerts
