#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "alerts/decide.h"
#include "alerts/evaluation.h"
#include "alerts/explain.h"
#include "alerts/inhibition.h"
#include "alerts/meter.h"
#include "alerts/names.h"
#include "alerts/notice_maker.h"
#include "alerts/rule.h"
#include "alerts/silence.h"
#include "alerts/step.h"

namespace quotafuse::alerts {

/// A series that keeps its key is no more after so long without a row.
inline constexpr std::chrono::hours kGoneAfter{7 * 24};
/// A fixed window stands still at its end; so long after it what fires is over, and nothing begins.
inline constexpr std::chrono::hours kFixedLasts{24};

/// One rule at work: its series, and which of them have to be looked at. A series is looked at when
/// its value may have changed, while it is not at rest, or when one of its times is due. Pipeline
/// thread only.
class RuleWatch {
public:
    /// Takes note of a notice that is to be explained.
    using Explain = std::function<void(const Question&)>;

    /// Everything by reference must outlive it.
    RuleWatch(const Rule& rule, std::unique_ptr<Meter> meter, const Names& names);

    const Rule& rule() const { return rule_; }
    const Meter& meter() const { return *meter_; }
    /// Why the rule is not evaluated; empty when it is, or only warms up.
    std::string error() const;

    /// `other` is evaluated before this one.
    void inhibit_by(const RuleWatch& other);
    void set_silences(const std::vector<Silence>& silences);

    /// Takes over what is stored. False for a series whose texts no row has any more.
    bool restore(const SeriesRecord& record);
    void restore(const DigestRecord& digest) { digests_[digest.key] = digest; }
    void restore_looked() { looked_ = true; }

    struct Moment {
        base::Second at{};
        bool late = false;            // see kLate
        bool inhibited = false;       // all of the rule, by a built-in alert
        std::int64_t kept_since = 0;  // see sync::RowReader
        const Explain& explain;       // may be empty
    };
    /// Decides about a second that the meter can tell of, and adds to `step` what came of it.
    /// Nothing happens while the meter warms up or is in error.
    void evaluate(const Moment& moment, Step& step);
    /// The window that alone says when there is something to evaluate (see
    /// Meter::decisive_window()), while nothing is kept of any series; else null.
    const Window* rests_on() const;
    /// It is not evaluated after t until wake(), because it rests.
    void sleep(base::Second t) { asleep_since_ = t; }
    /// Nothing was to be evaluated up to t.
    void wake(base::Second t);
    /// The gateway's objects have changed: every series is due, those at rest too.
    void look_at_all();

    /// The action of the episode that fires was not asked for in time: it is to be asked for again.
    /// `untold`: nor was anybody told.
    void take_back_action(const std::string& stored_key, bool untold);

    /// Adds every series that is not as stored.
    void collect_unsaved(Step& step);

    struct Alert {
        std::vector<KeyName> key;
        AlertState state;
        std::optional<double> value;  // at the last evaluation
        bool silenced = false;
        bool inhibited = false;
        std::string stored_key;
    };
    struct Alerts {
        std::vector<Alert> shown;
        std::size_t more = 0;     // that are not
        std::size_t pending = 0;  // shown or not
    };
    /// Series that are pending or firing, at most max_series of them: the largest, and firing ones
    /// before others. By phase, firing ones first, then by when they began.
    Alerts alerts() const;
    Phase phase_of(const SeriesKey& key) const;
    /// `now`: the last evaluated second of the engine.
    RuleReport report(base::Second now) const;
    /// See Engine::nearest().
    std::optional<double> nearest(base::Second now) const;
    /// See Engine::standing().
    RuleStanding standing(base::Second now, std::size_t most) const;

    std::size_t firing() const { return firing_; }
    std::size_t pending() const;
    /// Another number whenever another set of series fires; never 0.
    std::uint64_t firing_version() const { return firing_version_; }
    std::vector<SeriesKey> firing_keys() const;

private:
    struct Series {
        AlertState state;
        base::Second first_seen{};
        std::optional<base::Second> last_row;  // of one without rows in its window
        std::optional<base::Second> newest;    // since_last: the row that its value counts from
        std::optional<base::Second> gone_due;  // in due_: when it may be gone
        std::optional<base::Second> period;
        std::vector<std::string> names;
        std::optional<double> value;
        std::uint64_t objects = 0;  // version of the gateway's objects that the next two are of
        bool chosen = true;
        bool deleted = false;
        bool silenced = false;
        bool inhibited = false;
        bool stored = false;
    };
    using Look = Meter::Sighting;

    void gather(base::Second t);
    void gather_unseen(base::Second t);
    Series* find_or_begin(const Look& look, base::Second t);
    void judge(const Look& look, const Moment& moment, Step& step, std::vector<Notice>& notices);
    Facts facts_of(const Look& look, Series& series, const Moment& moment);
    void note_objects(const SeriesKey& key, Series& series);
    void note_rows(const Look& look, Series& series, base::Second t);
    void note_muting(const SeriesKey& key, Series& series, Facts& facts);
    bool is_inhibited(const SeriesKey& key);
    bool is_past(base::Second t) const;
    void note_kept(const Moment& moment);
    void note_unheard(const SeriesKey& key, const Series& series, base::Second t);
    void tell_digest(const Moment& moment, Step& step);
    bool waits_for_endings() const;
    bool is_muted(const DigestRecord& digest, base::Second t);
    std::vector<KeyName> names_of(const DigestRecord& digest) const;
    bool is_worse(const DigestRecord& a, const DigestRecord& b) const;
    void note_size(base::Second t);
    void let_go_of_resting();
    bool has_history(const Series& series, base::Second t) const;
    bool is_gone(const Series& series, const Reading& reading, base::Second t) const;
    void keep_track(const Look& look, const AlertState& former, Reason reason, base::Second t);
    void rest(const Look& look, Series& series, Reason reason, base::Second t);
    void forget(const SeriesKey& key, const Series& series);
    void note(const SeriesKey& key, const Facts& facts, const AlertState& former,
              const Decision& decision, Step& step) const;
    void hand_over(std::vector<Notice> notices, Step& step) const;
    using Entry = std::pair<const SeriesKey*, const Series*>;
    bool is_larger(const Entry& a, const Entry& b) const;
    void show_nearest(std::vector<Evaluation>& evaluations) const;
    SeriesStanding standing_of(const Look& look) const;

    const Rule& rule_;
    const std::unique_ptr<Meter> meter_;
    const Names& names_;
    const NoticeMaker maker_;
    const bool keeps_;         // see keeps_keys()
    const bool always_hours_;  // the rule has no active hours
    const std::chrono::seconds delay_;
    const Meter::Known known_;
    bool looked_ = false;
    std::optional<base::Second> asleep_since_;
    std::unordered_map<SeriesKey, Series, SeriesKeyHash> series_;
    std::set<SeriesKey> restless_;                      // not at rest: looked at in every second
    std::set<std::pair<base::Second, SeriesKey>> due_;  // to be looked at then
    std::unordered_set<SeriesKey, SeriesKeyHash> unsaved_;
    std::size_t told_ = 0;  // series that are firing and told
    std::size_t firing_ = 0;
    std::uint64_t firing_version_ = 1;
    std::uint64_t objects_ = 1;
    std::vector<Silence> silences_;  // that concern the rule
    std::vector<Inhibition> inhibitions_;
    bool held_ = false;  // by a built-in alert, or until an inhibitor has warmed up
    /// What came and went, while it is not told, by stored key; what is over kMostDigested series
    /// counts with one of them.
    static constexpr std::size_t kMostDigested = 1000;
    std::map<std::string, DigestRecord> digests_;
    std::set<std::string> digests_unsaved_;
    /// Over kMostSeries were to be remembered: until then the rule is in error.
    std::optional<base::Second> too_many_until_;
    std::optional<base::Second> lost_before_;  // rows of its fixed window that are not kept
    EvaluationLog log_;
    EvaluationLog::Entry nearest_;  // of the second that is evaluated
    std::vector<Look> looks_;       // of that second, kept for its memory
};

}  // namespace quotafuse::alerts
