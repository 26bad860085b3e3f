#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "alerts/decide.h"
#include "alerts/names.h"
#include "alerts/series_key.h"
#include "base/clock.h"

namespace quotafuse::alerts {

/// What came of looking at a rule: of the series that came nearest to firing, or fires. Neighbours
/// that say the same (key, phase, reason) are one, with the newest value.
struct Evaluation {
    base::Second first{};
    base::Second last{};
    std::int64_t times = 0;
    std::vector<KeyName> key;
    Phase phase = Phase::inactive;
    Reason reason = Reason::inactive;
    std::optional<double> value;
    std::int64_t requests = 0;  // that stand behind it
    std::size_t series = 0;     // that were looked at
};
inline constexpr std::size_t kEvaluationsKept = 20;

/// One rule and how it stands: the answer to "why did it not fire?".
struct RuleReport {
    std::string rule;
    bool enabled = true;
    std::string error;       // empty when there is none
    double warmed_up = 1;    // less than 1: neither fires nor resolves
    std::size_t series = 0;  // remembered
    std::size_t firing = 0;
    std::size_t pending = 0;
    std::vector<Evaluation> evaluations;  // newest first, at most kEvaluationsKept
};

/// One series of a rule, and how it stands.
struct SeriesStanding {
    std::vector<KeyName> key;
    Phase phase = Phase::inactive;
    std::optional<double> value;
    std::optional<double> now;   // with a comparison: the metric's own value,
    std::optional<double> base;  // and what it is compared with
    std::int64_t requests = 0;   // that stand behind it
    base::Second since{};        // of one that is pending or fires: over the limit since
    bool told = false;           // a notice of its episode went out
    bool silenced = false;
    bool inhibited = false;
};

/// The series of one rule at one second.
struct RuleStanding {
    std::vector<SeriesStanding> series;
    std::size_t more = 0;   // that are not among them
    bool too_many = false;  // over kMostStanding: only alerts are told
};
/// To measure more series than these takes the pipeline too long to do it for a page.
inline constexpr std::size_t kMostStanding = 20'000;

/// The last evaluations of one rule. A second in which nothing changed costs next to nothing.
class EvaluationLog {
public:
    struct Entry {
        base::Second at{};
        SeriesKey key;
        Phase phase = Phase::inactive;
        Reason reason = Reason::inactive;
        std::optional<double> value;
        std::int64_t requests = 0;
        std::size_t series = 0;
    };
    void add(const Entry& entry);
    /// Nothing was looked at in so many seconds up to t: all is as it was.
    void add_quiet(base::Second t, std::int64_t seconds = 1);
    /// Newest first.
    std::vector<Evaluation> read(const Names& names, const std::vector<Dimension>& by) const;

private:
    struct Kept {
        Entry newest;
        base::Second first{};
        std::int64_t times = 1;
        bool quiet = false;  // about no series
    };
    void push(Kept kept);

    std::deque<Kept> kept_;  // oldest first
};

}  // namespace quotafuse::alerts
