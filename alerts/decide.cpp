#include "alerts/decide.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "alerts/active_hours.h"

namespace quotafuse::alerts {
namespace {

bool is_clear(std::optional<double> value, const Rule& rule) {
    if (!value) return true;
    return rule.below ? *value >= rule.clear : *value <= rule.clear;
}

/// How long a notice mutes: one cooldown, doubled for each reminder up to half a day.
std::chrono::seconds mute_length(int reminders, const Rule& rule) {
    const auto most = std::max<std::chrono::seconds>(kLongestReminder, rule.cooldown);
    auto length = rule.cooldown;
    for (int i = 0; i < reminders && length < most; ++i) length *= 2;
    return std::min(length, most);
}

/// One decision in the making: first what happens, then what is said of it.
class Judge {
public:
    Judge(const AlertState& state, const Facts& facts, const Rule& rule)
        : facts_(facts), rule_(rule) {
        decision_.state = state;
    }

    Decision run() {
        repair_clock();
        move();
        settle();
        if (state().phase == Phase::firing) {
            speak();
            act();
        } else if (state().over_at) {
            say_over();
        }
        return decision_;
    }

private:
    AlertState& state() { return decision_.state; }
    bool cooling_down() { return state().mute_until && facts_.at < *state().mute_until; }
    bool flaps() { return facts_.at - state().former_begins.back() < kFlapSpan; }

    void repair_clock();
    void move();
    void begin_period();
    Reason obstacle() const;
    void start();
    void fire();
    void watch();
    void end(Ending ending);
    bool is_unheard();
    void settle();
    void speak();
    std::optional<Reason> held_back() const;
    void act();
    void say_over();
    void tell(Reason reason);

    const Facts& facts_;
    const Rule& rule_;
    Decision decision_;
};

/// After a jump of the clock a cooldown may seem to last for years, and an alert to begin tomorrow.
void Judge::repair_clock() {
    auto& s = state();
    if (s.mute_until && *s.mute_until > facts_.at + mute_length(s.reminders, rule_)) {
        s.mute_until = facts_.at + rule_.cooldown;
    }
    s.since = std::min(s.since, facts_.at);
    s.began = std::min(s.began, facts_.at);
    if (s.clear_since) s.clear_since = std::min(*s.clear_since, facts_.at);
    if (s.over_at) s.over_at = std::min(*s.over_at, facts_.at);
    for (auto& begin : s.former_begins) begin = std::min(begin, facts_.at);
}

/// What was pending or muted was so in the former period.
void Judge::begin_period() {
    auto& s = state();
    if (s.phase == Phase::pending) s.phase = Phase::inactive;
    s.mute_until.reset();
}

void Judge::move() {
    if (facts_.new_period) begin_period();
    switch (state().phase) {
        case Phase::inactive:
        case Phase::pending:
            start();
            return;
        case Phase::firing:
            watch();
            return;
    }
    std::abort();
}

/// What a value that would start an alert still lacks; `pending` when it lacks nothing.
Reason Judge::obstacle() const {
    if (facts_.gone || facts_.past) return Reason::inactive;
    if (!facts_.value) return Reason::no_value;
    if (!is_breached(facts_.value, rule_)) return Reason::inactive;
    if (!facts_.ready) return Reason::short_history;
    if (facts_.requests < rule_.min_requests) return Reason::few_requests;
    return facts_.unusual ? Reason::pending : Reason::usual_range;
}

void Judge::start() {
    auto& s = state();
    decision_.reason = obstacle();
    if (decision_.reason != Reason::pending) {
        s.phase = Phase::inactive;
        // What needs history can be judged one window after the first look only.
        s.first_look =
            decision_.reason == Reason::short_history && (s.first_look || facts_.first_look);
        return;
    }
    if (s.phase == Phase::inactive) {
        s.phase = Phase::pending;
        s.since = facts_.at;
        s.first_look = s.first_look || facts_.first_look;
    }
    if (facts_.at - s.since >= rule_.hold) fire();
}

void Judge::fire() {
    const auto& s = state();
    AlertState next;
    next.phase = Phase::firing;
    next.since = next.began = s.since;
    next.first_look = s.first_look;
    next.mute_until = s.mute_until;
    next.peak = *facts_.value;
    next.former_begins = {s.began, s.former_begins.front()};
    next.flapping = s.flapping;
    state() = next;
}

void Judge::watch() {
    auto& s = state();
    if (facts_.value) {
        s.peak = rule_.below ? std::min(s.peak, *facts_.value) : std::max(s.peak, *facts_.value);
    }
    if (facts_.gone) return end(Ending::gone);
    if (facts_.new_period || facts_.past) return end(Ending::new_period);
    if (!is_clear(facts_.value, rule_)) {
        s.clear_since.reset();
        return;
    }
    if (!s.clear_since) s.clear_since = facts_.at;
    if (facts_.at - *s.clear_since < rule_.keep_firing) return;
    if (facts_.deleted) return end(Ending::gone);
    end(facts_.value ? Ending::recovered : Ending::no_traffic);
}

void Judge::end(Ending ending) {
    auto& s = state();
    decision_.ended = ending;
    decision_.unheard = is_unheard();
    s.phase = Phase::inactive;
    s.first_look = false;
    s.clear_since.reset();
    s.ending = ending;
    // What reminders added to the mute was meant for this episode, not for the next.
    if (s.mute_until) s.mute_until = std::min(*s.mute_until, facts_.at + rule_.cooldown);
    if (ending == Ending::new_period) {
        s.flapping = false;
        decision_.reason = Reason::new_period;
    } else if (!s.told && !s.flapping) {
        decision_.reason = Reason::not_told;
    } else if (!rule_.resolved) {
        decision_.reason = Reason::resolved_off;
    } else {
        s.over_at = facts_.at;
        decision_.unheard = false;  // that one is told as the end of what flapped
    }
}

/// What is over the limit in the hours and is not told then has another reason than the hours.
bool Judge::is_unheard() {
    const auto& s = state();
    if (!s.held || s.told) return false;
    const auto last = s.clear_since.value_or(facts_.at) - std::chrono::seconds{1};
    return !active(last, rule_.hours, rule_.zone);
}

/// People who were told that it flaps are owed one end, when the cooldown is over or it kept still.
void Judge::settle() {
    auto& s = state();
    const bool kept_still = s.over_at && facts_.at - *s.over_at >= kFlapSpan;
    if (!cooling_down() || kept_still) s.flapping = false;
}

void Judge::speak() {
    auto& s = state();
    if (s.clear_since) {
        decision_.reason = Reason::clearing;
    } else if (const auto why = held_back()) {
        decision_.reason = *why;
        if (s.told) return;
        if (*why != Reason::outside_hours)
            s.muted = true;
        else if (!facts_.silenced && !facts_.inhibited)
            s.held = true;
    } else if (cooling_down()) {
        decision_.reason = s.told ? Reason::firing : Reason::cooldown;
    } else if (s.told) {
        ++s.reminders;
        tell(Reason::reminder);
    } else if (!facts_.room) {
        decision_.reason = Reason::max_series;
    } else {
        tell(s.first_look         ? Reason::first_look
             : flaps()            ? Reason::flapping
             : s.held && !s.muted ? Reason::hours_began
                                  : Reason::first);
        s.flapping = decision_.reason == Reason::flapping;
    }
}

/// What holds a notice until its own end, whatever the notice.
std::optional<Reason> Judge::held_back() const {
    if (!facts_.in_hours) return Reason::outside_hours;
    if (facts_.inhibited) return Reason::inhibited;
    if (facts_.silenced) return Reason::silenced;
    return std::nullopt;
}

/// The breaker waits neither for a cooldown nor for room in the list nor for the end of a silence
/// of notices, and what it is asked is always told. Late it is not asked: what fired then may have
/// been over for hours.
void Judge::act() {
    auto& s = state();
    if (!rule_.action || s.acted || s.first_look || s.clear_since || facts_.late) return;
    if (facts_.inhibited || (facts_.silenced && facts_.actions_held)) return;
    if (!facts_.in_hours && !rule_.action->always) return;
    s.acted = true;
    decision_.act = true;
    if (is_told(decision_.reason)) return;
    if (!facts_.silenced) return tell(Reason::action);
    // Nobody is told of the alert itself: that is still to come when the silence ends.
    decision_.reason = Reason::action;
    ++s.sequence;
}

/// Ignores the cooldown and ends it: who was told that it is over is told when it comes back.
void Judge::say_over() {
    auto& s = state();
    if (const auto why = held_back()) {
        decision_.reason = *why;
    } else if (s.flapping) {
        decision_.reason = Reason::cooldown;
    } else {
        tell(Reason::resolved);
        s.over_at.reset();
        s.mute_until.reset();
    }
}

void Judge::tell(Reason reason) {
    auto& s = state();
    decision_.reason = reason;
    s.told = true;
    ++s.sequence;
    s.mute_until = facts_.at + mute_length(s.reminders, rule_);
}

}  // namespace

std::string_view phase_name(Phase phase) {
    switch (phase) {
        case Phase::inactive:
            return "inactive";
        case Phase::pending:
            return "pending";
        case Phase::firing:
            return "firing";
    }
    std::abort();
}

std::string_view ending_name(Ending ending) {
    switch (ending) {
        case Ending::recovered:
            return "recovered";
        case Ending::no_traffic:
            return "no traffic";
        case Ending::gone:
            return "gone";
        case Ending::new_period:
            return "new period";
    }
    std::abort();
}

std::string_view reason_name(Reason reason) {
    switch (reason) {
        case Reason::first:
            return "first";
        case Reason::reminder:
            return "reminder";
        case Reason::resolved:
            return "resolved";
        case Reason::first_look:
            return "first look";
        case Reason::hours_began:
            return "hours began";
        case Reason::flapping:
            return "flapping";
        case Reason::came_and_went:
            return "came and went";
        case Reason::action:
            return "action";
        case Reason::inactive:
            return "inactive";
        case Reason::few_requests:
            return "few requests";
        case Reason::usual_range:
            return "usual range";
        case Reason::short_history:
            return "short history";
        case Reason::pending:
            return "pending";
        case Reason::firing:
            return "firing";
        case Reason::clearing:
            return "clearing";
        case Reason::cooldown:
            return "cooldown";
        case Reason::outside_hours:
            return "outside hours";
        case Reason::silenced:
            return "silenced";
        case Reason::inhibited:
            return "inhibited";
        case Reason::max_series:
            return "max series";
        case Reason::not_told:
            return "not told";
        case Reason::resolved_off:
            return "resolved off";
        case Reason::new_period:
            return "new period";
        case Reason::no_value:
            return "no value";
    }
    std::abort();
}

bool is_told(Reason reason) {
    return reason <= Reason::action;
}

bool is_breached(std::optional<double> value, const Rule& rule) {
    if (!value) return false;
    return rule.below ? *value < rule.limit : *value > rule.limit;
}

Decision decide(const AlertState& state, const Facts& facts, const Rule& rule) {
    return Judge{state, facts, rule}.run();
}

}  // namespace quotafuse::alerts
