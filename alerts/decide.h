#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "alerts/rule.h"
#include "base/clock.h"

namespace quotafuse::alerts {

enum class Phase { inactive, pending, firing };
std::string_view phase_name(Phase phase);

/// How an episode came to its end. `gone`: what it was about is no more: the rule no longer chooses
/// it, it was deleted, or a series that keeps its key had no row for kGoneAfter. `new_period`: a
/// calendar window began anew, or a fixed one ended a day ago, which is no recovery and is not
/// told.
enum class Ending { recovered, no_traffic, gone, new_period };
std::string_view ending_name(Ending ending);

/// Why a notice goes out, or why not.
enum class Reason {
    // told:
    first,          // the first of its episode
    reminder,       // it still fires at the end of the cooldown
    resolved,       // it is over
    first_look,     // found over the limit by the very first evaluation of a new or changed rule
    hours_began,    // it has fired since before the active hours
    flapping,       // the third episode within kFlapSpan: told once for all that follow
    came_and_went,  // episodes that nobody was told of, as they came and went outside the hours
    action,         // muted, but the breaker is asked to act; of a silenced one no cooldown follows
    // not told:
    inactive,       // nothing is wrong
    few_requests,   // over the limit, but fewer than min_requests stand behind it
    usual_range,    // over the limit, but within what is usual at this time of the week
    short_history,  // over the limit, but there is less than one window of history
    pending,        // over the limit, but not yet for as long as `for` asks
    firing,         // told before, and no reminder is due
    clearing,       // about to be over: keep_firing_for runs
    cooldown,       // a notice of this series went out a short time ago, or that it flaps
    outside_hours,  // held until the active hours begin
    silenced,       // held until the silence ends
    inhibited,      // held while a rule of inhibited_by fires, or cannot be judged yet
    max_series,     // as many series of this rule as it may tell are firing and told
    not_told,       // over, and nobody was told that it fired
    resolved_off,   // over, and the rule does not say so
    new_period,     // over, because its calendar period or fixed window is
    no_value,       // there is nothing to measure
};
std::string_view reason_name(Reason reason);
bool is_told(Reason reason);

/// What is remembered of one series of one rule. Times are engine seconds.
struct AlertState {
    Phase phase = Phase::inactive;
    base::Second since{};     // pending: over the limit since
    bool first_look = false;  // the rule's first evaluation found it, and it has not cleared since
    std::optional<base::Second> mute_until;  // end of the cooldown
    // The episode that fires, or fired last:
    base::Second began{};  // over the limit since; an episode's id with rule and key
    std::optional<base::Second> clear_since;  // firing: at or under `clear` since
    std::optional<base::Second> over_at;      // its end, where the resolution is still to be told
    Ending ending = Ending::recovered;        // how it ended
    double peak = 0;                          // its worst value
    bool told = false;                        // a notice of it went out
    bool held = false;                        // its first notice waited for the active hours …
    bool muted = false;                       // … or for the end of a silence or an inhibition
    // (outside the hours and muted: neither, people did not want to hear of it in any case)
    bool acted = false;  // its action was asked for
    int reminders = 0;   // how many went out
    int sequence = 0;    // notices of the episode so far
    // The episodes before it:
    std::array<base::Second, 2> former_begins{};  // of the last two, the newer first
    bool flapping = false;                        // told so: beginnings and ends are muted
    bool operator==(const AlertState&) const = default;
};

/// What there is to see at an engine second.
struct Facts {
    base::Second at{};
    std::optional<double> value;
    std::int64_t requests = 0;  // that stand behind the value
    bool ready = true;          // enough history to judge a start
    bool unusual = true;        // of compare_to usual: also outside the usual range
    bool new_period = false;  // its calendar window began anew since the last look; what fired, or
                              // was muted, did so in the former one
    bool silenced = false;    // notices are held
    bool actions_held = false;  // the silence holds actions, too
    bool inhibited = false;     // notices and actions are held
    bool gone = false;          // the series is no more: it ends at once
    bool past = false;          // its fixed window is long over: it ends, and nothing begins
    bool deleted = false;       // its channel is no more: it ends when its rows have left
    bool first_look = false;    // the rule's very first evaluation
    bool late = false;          // evaluated over kLate after it was
    bool in_hours = true;
    bool room = true;  // fewer than max_series are firing and told
};

struct Decision {
    AlertState state;
    Reason reason = Reason::inactive;
    bool act = false;             // the action is to be asked for, now
    std::optional<Ending> ended;  // the episode ended now
    /// The episode that ended now came and went outside the active hours, and but for these it
    /// would have been told.
    bool unheard = false;
};

inline constexpr std::chrono::hours kLongestReminder{12};
/// What is decided longer after its second is history: it asks for no action. A series that still
/// fires asks in its first second that is on time.
inline constexpr std::chrono::seconds kLate{60};
/// Three episodes of a series within this time flap; so long without one, it flaps no more.
inline constexpr std::chrono::hours kFlapSpan{1};

/// The one place that decides what becomes of a series and whether somebody is told. Pure.
Decision decide(const AlertState& state, const Facts& facts, const Rule& rule);

/// Whether the value alone would start an alert.
bool is_breached(std::optional<double> value, const Rule& rule);

}  // namespace quotafuse::alerts
