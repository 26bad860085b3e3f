#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "alerts/rule.h"
#include "alerts/silence.h"
#include "alerts/state_store.h"
#include "alerts/step.h"
#include "base/clock.h"

namespace quotafuse::alerts {

/// The built-in alerts, in the order of self_alert_names(): quotafuse about itself.
enum class SelfAlert {
    source_stale,   // the gateway cannot be read: nothing is evaluated
    new_epoch,      // the gateway's log began anew
    clock_skew,     // the gateway's clock and ours differ
    store_full,     // the store cannot be written, or rows go for want of room
    notifier_dead,  // a notifier has failed for long; one series each
    still_serving,  // a disabled channel still answers; one series each
    rule_error,     // a rule is not evaluated; one series each
    breaker_blind,  // what is disabled cannot be looked after; one series for each kind of it
};
/// "source-stale", …: names that no rule of a file may have, and that inhibited_by and silences may
/// use.
const std::vector<std::string_view>& self_alert_names();

/// Alerts about quotafuse itself. They go by the wall clock, because engine time stands just when
/// the gateway cannot be read; else they are rules like others: told once, reminded of, resolved,
/// kept over restarts, silenced. Pipeline thread only.
class SelfAlerts {
public:
    /// `notify`: who is told (self_notify); empty: everybody.
    SelfAlerts(std::vector<std::string> notify, base::TimeZone zone);

    void restore(const SavedState& saved);
    void set_silences(std::vector<Silence> silences);

    /// How it stands now: over, or holding, with a sentence for the log and the status. `told` is
    /// the same for messages, in their language; empty: `text`. `about` tells series apart (a
    /// notifier, a channel, a rule); empty for the others. What holds is told at once: the
    /// caller has waited for as long as it should. A restored series goes on as it was until it is
    /// set or left out.
    void set(SelfAlert alert, const std::string& about, bool holds, const std::string& text,
             const std::string& told = {});
    /// Ends every series of the alert that is not in `about`.
    void keep_only(SelfAlert alert, const std::vector<std::string>& about);

    /// Decides at the wall second `now`; nothing happens twice for one second.
    Step evaluate(base::Second now);

    /// Whether a series of it fires now.
    bool fires(std::string_view name) const;
    /// Whether one fired in the second t, for inhibited_by: what began in a second, which may have
    /// been evaluated before, fires from the next one on, and still does in that in which it ends.
    /// Known since restore() and for kRemembered: engine time may be behind the clock.
    bool fired(std::string_view name, base::Second t) const;
    static constexpr std::chrono::hours kRemembered{25};
    struct Alert {
        std::string name;
        base::Severity severity;
        std::string about;
        std::string text;
        AlertState state;
    };
    std::vector<Alert> alerts() const;

private:
    struct Series {
        AlertState state;
        bool holds = false;
        std::string text;
        std::string told;
    };
    struct Span {
        base::Second fired;
        base::Second over;
    };
    struct Watched {
        Rule rule;
        std::map<std::string, Series> series;  // by what they are about
        std::deque<Span> spans{};              // that are over, in order of their ends
    };
    bool evaluate(const Rule& rule, const std::string& about, Series& series, base::Second now,
                  Step& step) const;
    void note(const Rule& rule, const std::string& about, const Series& series, const Facts& facts,
              const AlertState& former, const Decision& decision, Step& step) const;

    std::vector<Watched> watched_;
    std::vector<Silence> silences_;
    std::optional<base::Second> evaluated_;
};

}  // namespace quotafuse::alerts
