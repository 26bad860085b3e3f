#include "alerts/decide.h"

#include <algorithm>
#include <cstdlib>

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
    bool muted() { return state().mute_until && facts_.at < *state().mute_until; }
    bool flaps() { return facts_.at - state().former_begins.back() < kFlapSpan; }

    void repair_clock();
    void move();
    void start();
    void fire();
    void watch();
    void end(Ending ending);
    void settle();
    void speak();
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

void Judge::move() {
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

void Judge::start() {
    auto& s = state();
    const bool breached = !facts_.gone && is_breached(facts_.value, rule_);
    if (!breached || !facts_.ready || facts_.requests < rule_.min_requests) {
        decision_.reason = breached && facts_.ready ? Reason::few_requests : Reason::inactive;
        s.phase = Phase::inactive;
        // What `below` finds at its first look can be judged one window later only.
        s.first_look = breached && !facts_.ready && (s.first_look || facts_.first_look);
        return;
    }
    decision_.reason = Reason::pending;
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
    s.phase = Phase::inactive;
    s.first_look = false;
    s.clear_since.reset();
    s.ending = ending;
    // What reminders added to the mute was meant for this episode, not for the next.
    if (s.mute_until) s.mute_until = std::min(*s.mute_until, facts_.at + rule_.cooldown);
    if (!s.told && !s.flapping) {
        decision_.reason = Reason::not_told;
    } else if (!rule_.resolved) {
        decision_.reason = Reason::resolved_off;
    } else {
        s.over_at = facts_.at;
    }
}

/// People who were told that it flaps are owed one end, when the cooldown is over or it kept still.
void Judge::settle() {
    auto& s = state();
    const bool kept_still = s.over_at && facts_.at - *s.over_at >= kFlapSpan;
    if (!muted() || kept_still) s.flapping = false;
}

void Judge::speak() {
    auto& s = state();
    if (s.clear_since) {
        decision_.reason = Reason::clearing;
    } else if (!facts_.in_hours) {
        s.held = s.held || !s.told;
        decision_.reason = Reason::outside_hours;
    } else if (muted()) {
        decision_.reason = s.told ? Reason::firing : Reason::cooldown;
    } else if (s.told) {
        ++s.reminders;
        tell(Reason::reminder);
    } else if (!facts_.room) {
        decision_.reason = Reason::max_series;
    } else {
        tell(s.first_look ? Reason::first_look
             : flaps()    ? Reason::flapping
             : s.held     ? Reason::hours_began
                          : Reason::first);
        s.flapping = decision_.reason == Reason::flapping;
    }
}

/// The breaker waits neither for a cooldown nor for room in the list, and what it is asked is
/// always told. Late it is not asked: what fired then may have been over for hours.
void Judge::act() {
    auto& s = state();
    if (!rule_.action || s.acted || s.first_look || s.clear_since || facts_.late) return;
    if (!facts_.in_hours && !rule_.action->always) return;
    s.acted = true;
    decision_.act = true;
    if (!is_told(decision_.reason)) tell(Reason::action);
}

/// Ignores the cooldown and ends it: who was told that it is over is told when it comes back.
void Judge::say_over() {
    auto& s = state();
    if (!facts_.in_hours) {
        decision_.reason = Reason::outside_hours;
        return;
    }
    if (s.flapping) {
        decision_.reason = Reason::cooldown;
        return;
    }
    tell(Reason::resolved);
    s.over_at.reset();
    s.mute_until.reset();
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
        case Reason::action:
            return "action";
        case Reason::inactive:
            return "inactive";
        case Reason::few_requests:
            return "few requests";
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
        case Reason::max_series:
            return "max series";
        case Reason::not_told:
            return "not told";
        case Reason::resolved_off:
            return "resolved off";
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
