#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/names.h"
#include "alerts/rule.h"
#include "alerts/rule_watch.h"
#include "alerts/step.h"
#include "alerts/window.h"
#include "base/clock.h"
#include "base/database.h"
#include "sync/gateway_info.h"
#include "sync/store.h"

namespace quotafuse::alerts {

/// Rules by what they are doing, and the alerts of now: for pages and commands.
struct Overview {
    struct Alert {
        std::string rule;
        base::Severity severity;
        std::vector<KeyName> key;
        Phase phase;
        std::optional<double> value;
        double threshold;
        bool below;
        std::string unit;
        base::Second since;  // over the limit since
        bool told;
    };
    base::Second time{};
    std::size_t total = 0;
    std::size_t disabled = 0;
    std::size_t inactive = 0;
    std::size_t pending = 0;
    std::size_t firing = 0;
    std::size_t warming = 0;          // waits for the names of channels
    std::size_t error = 0;            // over kMostSeries series
    std::vector<std::string> errors;  // the names of these rules
    std::vector<Alert> alerts;
};

/// After an outage so much of what was missed is evaluated second by second.
inline constexpr std::chrono::hours kLongestCatchUp{24};
/// So much of it in one call, so that the caller stays responsive.
inline constexpr std::chrono::seconds kMostSecondsOfStep{300};
/// A clock set back by less is waited for; by more, evaluation goes on from where the clock is now.
inline constexpr std::chrono::seconds kPatience{60};

/// All rules over one store: a function of rows and time, without a clock of its own. Pipeline
/// thread only.
///
/// One tick: store.append, feed, advance; then, unless the step is empty, one transaction with
/// save() and what follows from the notices. A step that could not be saved is kept and saved
/// before the next advance. feed() comes directly after the append and forget() directly after
/// keep_up(): nothing else may be called between the two.
class Engine {
public:
    /// `store` and `database` must outlive it.
    Engine(std::vector<Rule> rules, sync::Store& store, base::Database& database);
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Once, before the rest: reads the stored states and fills the windows. The engine time goes
    /// on from the stored one if that is at most kLongestCatchUp before `start`, else it is
    /// `start`. Throws SQLite::Exception.
    void restore(base::Second start);

    /// Rows that append() returned.
    void feed(const std::vector<sync::Row>& rows);
    /// Rows that keep_up() deleted: windows that still hold them let go of them.
    void forget(const std::vector<sync::Row>& rows);
    /// Names of channels and the quota of a dollar. Until its first call rules that name channels
    /// are not evaluated. May throw SQLite::Exception; the next advance() then makes up for it.
    void set_gateway_info(const sync::GatewayInfo& info);

    /// Evaluates every second after the last one up to t, each once and in order, at most
    /// kMostSecondsOfStep of them: where the step's time is before t there is more to do, and the
    /// step is to be saved, so that a kill does not start over. Nothing happens where t has been
    /// reached. `now` is the caller's wall clock: seconds over kLate before it ask for no action
    /// (see Notice::late). Throws SQLite::Exception when the store cannot be read; what was
    /// decided until then is in the step of the next call, which goes on from there.
    Step advance(base::Second t, base::Second now);
    /// The same for a driver whose clock stands at t.
    Step advance(base::Second t) { return advance(t, t); }
    /// All that is not saved yet, the engine time included: for a clean stop, a reload, or now and
    /// then, so that a restart has less to evaluate again.
    Step checkpoint();
    /// Writes a step within the caller's open transaction. Throws SQLite::Exception.
    void save(const Step& step);

    base::Second time() const { return time_; }
    const std::vector<Rule>& rules() const { return rules_; }
    Overview overview() const;

private:
    void step_to(base::Second t, bool late);
    void jump_to(base::Second t);
    void warm_up();
    Step take_step();
    bool is_warming(const RuleWatch& watch) const;
    RuleWatch* watch_of(const std::string& rule);

    const std::vector<Rule> rules_;
    base::Database& database_;
    Names names_;
    WindowSet windows_;
    std::vector<std::unique_ptr<RuleWatch>> watches_;
    base::Second time_{};
    double quota_per_unit_ = sync::GatewayInfo{}.quota_per_unit;
    bool knows_names_ = false;
    bool windows_void_ = true;  // to be filled anew before they are moved
    Step unsaved_;
};

}  // namespace quotafuse::alerts
