#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/evaluation.h"
#include "alerts/explain.h"
#include "alerts/gauge_board.h"
#include "alerts/names.h"
#include "alerts/resting_rules.h"
#include "alerts/rule.h"
#include "alerts/rule_watch.h"
#include "alerts/silence.h"
#include "alerts/state_store.h"
#include "alerts/step.h"
#include "alerts/window.h"
#include "base/clock.h"
#include "sync/directory.h"
#include "sync/gauges.h"
#include "sync/row_reader.h"

namespace quotafuse::alerts {

/// Rules by what they are doing, and the alerts of now: for pages and commands.
struct Overview {
    struct Alert {
        std::string rule;
        base::Severity severity;
        std::vector<KeyName> key;
        Phase phase;
        std::optional<double> value;
        double peak;
        double threshold;
        double clear;  // it goes on until here
        bool below;
        std::string unit;
        base::Second since;  // over the limit since
        bool told;
        bool silenced;
        bool inhibited;
        std::string stored_key;  // as Notice::stored_key
    };
    struct Warming {
        std::string rule;
        double part;  // 0 … 1
    };
    struct Error {
        std::string rule;
        std::string text;
    };
    base::Second time{};
    std::size_t total = 0;
    std::size_t disabled = 0;
    std::size_t inactive = 0;
    std::size_t pending = 0;
    std::size_t firing = 0;
    std::vector<Warming> warming;  // wait for their windows, or for names
    std::vector<Error> errors;     // are not evaluated
    /// Of each rule at most its max_series, the largest.
    std::vector<Alert> alerts;
    struct More {
        std::string rule;
        std::size_t series;
    };
    std::vector<More> more;  // how many alerts of a rule are not among them
};

/// A rule whose stored states are void: it is no more, or switched off, or it asks something else.
struct VoidRule {
    std::string rule;
    bool changed = false;             // it is still there
    std::vector<std::string> firing;  // series that fired, as people know them; "" without `by`
};

/// After an outage so much of what was missed is evaluated second by second.
inline constexpr std::chrono::hours kLongestCatchUp{24};
/// So much of it in one call, so that the caller stays responsive.
inline constexpr std::chrono::seconds kMostSecondsOfStep{300};
/// A clock set back by less is waited for; by more, evaluation goes on from where the clock is now.
inline constexpr std::chrono::seconds kPatience{60};

/// See Engine::window_records().
inline constexpr std::size_t kMostFedKept = 20'000;

/// All rules over one store: a function of rows, gauges, silences and time, without a clock or a
/// file of its own; the daemon, `replay` and `test-rules` drive it alike. Pipeline thread only.
///
/// One tick: store.append (with time() as the second in which rows were seen), feed, observe,
/// advance; then, unless the step is empty, one transaction with save_state() and what follows from
/// the notices. A step that could not be saved is kept and saved before the next advance. feed()
/// comes directly after the append and forget() directly after keep_up(): nothing else may be
/// called between the two.
///
/// A kill repeats the seconds after the last saved one, with the rows that are stored by then. What
/// was told was saved with its second and is not told again. In those seconds nothing had changed,
/// and nothing does now, but for late rows: one that had come after its second was evaluated counts
/// there from the first repeated second on. So a `pending`, or the beginning of an alert that had
/// not been decided yet, may come out earlier, by less than the time since the last saved second;
/// and a value that rose and fell within it, which nobody saw, may be seen. `replay` shows these
/// seconds as the first life saw them.
class Engine {
public:
    struct Options {
        int weeks = kLeastWeeks;  // that `usual` looks back at most
        /// Explains first notices (see explain()); off where nobody reads them.
        bool explains = true;
        /// So long rows are kept: fewer weeks for a window that does not fit (see weeks_of()).
        std::optional<std::chrono::seconds> kept = std::nullopt;
    };
    /// `reader` must outlive it.
    Engine(std::vector<Rule> rules, sync::RowReader& reader, Options options);
    Engine(std::vector<Rule> rules, sync::RowReader& reader);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Once, before all but use(), observe() and set_silences(): takes over the stored states, and
    /// of the windows those that `windows` still fits; the others begin to warm up. The engine time
    /// goes on from the stored one, or, as after an outage, from kLongestCatchUp before `start` if
    /// that is later; it is `start` where nothing is stored, or the clock was set back. use()
    /// should come before it where names are known: which rows a window holds may go by them, and a
    /// record of such a window fits only if they are the same. Returns what is void now, for the
    /// log; that it is over is in the history with the next step. Throws SQLite::Exception.
    std::vector<VoidRule> restore(const SavedState& saved, base::Second start,
                                  const std::vector<WindowRecord>& windows = {});
    /// Reads rows for windows that warm up, for about `budget` of CPU; true when there is more to
    /// do. Nothing of it changes what is evaluated but for when a rule begins to be. Throws
    /// SQLite::Exception.
    bool warm_up(std::chrono::milliseconds budget);

    /// Rows that append() returned.
    void feed(const std::vector<sync::Row>& rows);
    /// Rows that keep_up() deleted: windows that still hold them let go of them.
    void forget(const std::vector<sync::Row>& rows);
    /// Names, tags, providers, and the quota of a dollar. Until its first call rules that need them
    /// are not evaluated; a window whose choice of rows they change is filled anew.
    void use(const sync::Directory& directory);
    /// Gauges from the next second on.
    void observe(const std::vector<sync::GaugeChange>& changes);
    /// Every silence that has not ended.
    void set_silences(std::vector<Silence> silences);
    /// Whether a built-in alert fires, as of an engine second: asked for rules that are
    /// inhibited_by one.
    using SelfAlertFires = std::function<bool(std::string_view name, base::Second t)>;
    void use_self_alerts(SelfAlertFires fires);

    /// Evaluates every second after the last one up to t, each once and in order, at most
    /// kMostSecondsOfStep of them: where the step's time is before t there is more to do, and the
    /// step is to be saved, so that a kill does not start over. Nothing happens where t has been
    /// reached. `now` is the caller's wall clock: seconds over kLate before it ask for no action
    /// (see Notice::late). Throws SQLite::Exception when the store cannot be read; what was
    /// decided until then is in the step of the next call, which goes on from there.
    Step advance(base::Second t, base::Second now);
    /// The same for a driver whose clock stands at t.
    Step advance(base::Second t) { return advance(t, t); }
    /// Of the last step, which could not be saved for so long that its notices from before `before`
    /// are history by now: takes back what they ask the breaker for, in the step and in what is
    /// remembered. What still fires asks again in its first second that is on time.
    void take_back_actions(Step& step, base::Second before);
    /// All that is not saved yet, the engine time included: for a clean stop, a reload, or now and
    /// then, so that a restart has less to evaluate again.
    Step checkpoint();
    /// The windows that are full, as they are at time(): derived data, for save_windows(). Empty
    /// where so much was fed since the last advance() that there is nothing worth saving yet.
    std::vector<WindowRecord> window_records();

    base::Second time() const { return time_; }
    /// From which time it went on when it did not go on with the next second: restore(), or the
    /// last jump.
    base::Second began() const { return began_; }
    const std::vector<Rule>& rules() const { return rules_; }
    Overview overview() const;
    /// Of every series that fires, shown or not; of a rule that acts on the channels of its
    /// `where`, those.
    std::set<std::int64_t> firing_channels() const;
    Phase phase_of(std::string_view rule, const SeriesKey& key) const;
    /// Whether the series with this key (Notice::stored_key) of a rule fires. False for a rule or a
    /// series that there is not.
    bool is_firing(std::string_view rule, const std::string& stored_key) const;
    /// Empty for a rule that there is not.
    std::optional<RuleReport> report(std::string_view rule) const;
    /// The series of a rule as of time(), at most `most` of them: those that fire or are pending,
    /// then those that are nearest to the limit, unless there are too many of these. None of a rule
    /// that is not evaluated, or that there is not.
    RuleStanding standing(std::string_view rule, std::size_t most) const;
    /// Of each rule that is evaluated and has any, the value that is nearest to its limit, or
    /// furthest beyond it, as of time(): of the series with min_requests behind them. About `most`
    /// series are gone through in all; a rule that has more than are left is not among them.
    std::map<std::string, double> nearest(std::size_t most) const;
    const Names& names() const { return names_; }

private:
    VoidRule& drop(std::vector<VoidRule>& dropped, const std::string& rule) const;
    void note_dropped(const SeriesRecord& record, VoidRule& dropped);
    void forget_series(const SeriesRecord& record);
    void step_to(base::Second t, bool late);
    void wake(const std::vector<std::size_t>& places);
    void wake_all();
    void jump_to(base::Second t);
    Step take_step();
    void make_watches();
    RuleWatch* watch_of(std::string_view rule) const;
    bool is_inhibited(const Rule& rule, base::Second t) const;
    void explain_notices(const std::vector<Question>& questions, base::Second t);

    const std::vector<Rule> rules_;
    const Options options_;
    sync::RowReader& reader_;
    Names names_;
    GaugeBoard gauges_;
    WindowSet windows_;
    std::vector<std::unique_ptr<RuleWatch>> watches_;  // inhibitors before what they inhibit
    std::vector<bool> asleep_;                         // by place in watches_: in resting_
    RestingRules resting_;
    std::vector<std::size_t> woken_;  // scratch
    std::vector<Silence> silences_;
    SelfAlertFires self_alert_fires_;
    base::Second time_{};
    base::Second began_{};
    Step unsaved_;
    /// Fed since the last second and seen in it: not in the window records of that second. What is
    /// more than kMostFedKept is not kept, and there are no records then.
    std::vector<sync::Row> fed_;
    bool fed_too_much_ = false;
};

}  // namespace quotafuse::alerts
