#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alerts/decide.h"
#include "alerts/names.h"
#include "alerts/rule.h"
#include "base/clock.h"
#include "base/severity.h"
#include "base/time_zone.h"

namespace quotafuse::alerts {

/// What the breaker is asked for, once in an episode: one object.
struct Action {
    RuleAction::What what = RuleAction::What::channel;
    std::int64_t channel = 0;  // of a channel and a model
    std::string model{};
    std::int64_t token = 0;  // 0 on One API: then the key goes by its owner and its name
    std::int64_t user = 0;
    std::string token_name{};
    ActionMode mode = ActionMode::shadow;  // as the rule wants it, before any ceiling
    bool even_if_last = false;
    base::Recovery recover{};
    bool operator==(const Action&) const = default;
};

/// One series of a summary.
struct SeriesValue {
    std::vector<KeyName> key;
    std::optional<double> value;
    bool operator==(const SeriesValue&) const = default;
};

/// What makes up the value of an alert: the largest parts by one dimension that it is not grouped
/// by.
struct Contribution {
    struct Part {
        KeyName name;
        double share = 0;  // of the value, percent
        /// With a comparison and a rise: of what was added since, percent.
        std::optional<double> share_of_rise;
        bool operator==(const Part&) const = default;
    };
    Dimension dimension = Dimension::channel;
    std::vector<Part> parts;  // at most 3, largest first
    /// The shares are those of so many rows only, the newest of the window: there are too many.
    std::optional<std::int64_t> newest_rows;
    bool operator==(const Contribution&) const = default;
};

/// Something that people are to be told: all that a message and the breaker need.
struct Notice {
    std::string event_id;  // 13 characters, unique for rule, key, episode and notice of the episode
    /// Like event_id, and the same for all notices of one episode; empty for one about several.
    std::string episode;
    Reason reason = Reason::first;
    std::string rule;
    base::Severity severity = base::Severity::warning;
    Metric metric = Metric::requests;
    std::string unit;
    std::vector<KeyName>
        key;  // empty for a rule without `by`, and for a first look at several series
    /// What a built-in alert is about where that is no dimension: a notifier, a rule.
    std::string about;
    std::optional<double> value;
    double threshold = 0;
    double clear = 0;
    bool below = false;
    Frame window;
    Comparison compare_to = Comparison::none;
    std::optional<double> now;         // with a comparison: the metric's own value,
    std::optional<double> base;        // and what it is compared with
    base::Second since{};              // over the limit since
    base::Second at{};                 // the engine second of this notice
    std::chrono::seconds duration{0};  // from `since` to now, or to its end
    double peak = 0;
    std::optional<Ending> ended;         // of a resolved one
    std::int64_t requests = 0;           // that stand behind the value
    std::string summary;                 // the rule's own text, rendered; may be empty
    std::vector<std::string> notifiers;  // empty: all
    base::TimeZone zone;                 // for its times
    /// Several where the rule names several channels in `where`.
    std::vector<Action> actions;
    /// Of the series, as it is stored: see Engine::is_firing().
    std::string stored_key;
    bool action_goes_on = false;  // it is silenced for notices only: the breaker still acts
    std::vector<Contribution> contributions;  // while it fires; of one series, and on time
    int flaps = 0;  // of a flapping series: at least so many episodes within the last hour
    /// Of what came and went: how many episodes. The numbers and times are those of the worst, the
    /// key too where there was but one; else that stands in `series`.
    std::int64_t episodes = 0;
    std::vector<SeriesValue> series;  // of a first look: the largest, at most max_series
    std::size_t more = 0;             // further series of the rule that fire and are not told
    bool late = false;  // decided over kLate after `at`: history, and without an action
};

}  // namespace quotafuse::alerts
