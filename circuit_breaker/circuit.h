#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/recovery.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/target.h"

namespace quotafuse::circuit_breaker {

/// How something that is off comes back, or goes off again.
enum class Way {
    whole,   // as it was before the trip
    trial,   // half-open: on, at a rank that gets little traffic; channels only
    settle,  // the trial went well: its own rank again
    again,   // the trial went ill: off again, with its own rank
};
const char* way_name(Way way);  // "whole", "trial", "settle", "again"

/// What quotafuse has switched off and still answers for: from a trip to its return, or to what a
/// person made of it.
struct Circuit {
    enum class State {
        open,    // off
        trial,   // on trial
        unsure,  // the trip's commit was lost, and it could not be read what became of it
    };
    std::string trip_id;
    Target target;
    std::string name{};  // of the channel or key
    sync::Gateway gateway = sync::Gateway::new_api;
    std::string reason{};
    std::string rule{};  // whose alert asked for it, and its series; empty: a person
    std::string series{};
    State state = State::open;
    base::Second opened_at{};
    int status_written = 0;
    std::string before{};  // see TripResult
    std::string after{};
    base::Recovery recover{};
    base::Second back_at{};  // not before; of half_open: the next trial; 0 = by hand only
    int failed_trials = 0;
    base::Second trial_at{};   // when the present trial began
    base::Second off_since{};  // it was switched off the last time: by the trip, or after a trial
    bool asked_again = false;  // on trial: an alert asked for a trip, so the trial has failed
    /// Ranks from before the trial, see ReturnResult. Of an open one: a trial that another trip
    /// ended may have left its own rank.
    std::string kept{};
    /// While a trial is pending: `kept` as it will be, on record before anything is written, so
    /// that a crash after the commit leaves nobody with the rank of a trial.
    std::string intended{};
    std::string told{};  // what people have heard of a return that came to nothing
    std::optional<LeadingKey> leading{};
    /// A return that is on record and not answered yet.
    std::optional<Way> pending{};
    base::Second pending_at{};  // when that was asked for; without one, when the last was answered
};
const char* state_name(Circuit::State state);  // "open", "trial", "unsure"

/// One order to give something back (or, of a trial, to end it).
struct ReturnRequest {
    Circuit circuit;  // as it stands on record
    Way way = Way::whole;
    /// It was asked for before a restart, or its end is unknown: it may have been carried out.
    bool resumed = false;
    bool dry_run = false;    // say what would be, write nothing
    std::string asked_by{};  // "half_open", "after", "a person": for the audit
    /// Of a channel: its models that are off by circuits of their own. They stay off.
    std::vector<std::string> models_off{};
    /// What stands as the reason at New API while it is on trial; empty: the circuit's own.
    std::string trial_reason{};
};

/// What a person (or the gateway) made of something that we had switched off.
enum class Change {
    none,              // it stands as we left it
    enabled,           // it is on
    disabled_by_hand,  // a person's own 2, where we had written 3 or had it on trial
    deleted,
    altered,           // a person took our mark away, or gave what is on trial another rank
    gateway_disabled,  // on trial: the gateway itself disabled it. Ours still: the trial failed
};
const char* change_name(Change change);  // "", "enabled", "disabled by hand", …
std::string sentence(Change change);     // for people; empty for none

/// What became of a return.
struct ReturnResult {
    enum class Kind {
        done,      // as asked
        would_be,  // dry_run: nothing was written
        theirs,    // somebody changed it: `change`; ours no more
        refused,   // `cause` says why; it stays as it is
        failed,    // the gateway refused or did not answer; nothing was changed
        unknown,   // the connection broke at the commit, and the truth could not be read
        /// Of a trial whose `kept` is not on record as Circuit::intended: nothing was written; put
        /// it on record, then give the same order again.
        ranks_read,
    };
    Kind kind = Kind::failed;
    ReturnRequest request;
    Change change = Change::none;
    TripCause cause;         // of refused, failed, unknown; a remark on done
    std::string why;         // describe(cause), or sentence(change)
    int status_written = 0;  // of `again`: 2 or 3
    /// JSON {"status", "other_info"} that was written (see TripResult::after), with {"priority",
    /// "weight", "abilities"} as in `kept` where ranks were.
    std::string after{};
    /// Of a trial, JSON of the ranks before it: {"priority", "weight", "abilities": [{"group",
    /// "model", "priority", "weight"}], "trial": {"priority", "weight"}, "off": [[group, model]]}:
    /// of abilities those that differ from the channel's own; the rank of the trial itself; and
    /// which abilities it leaves off, those aside that are off by circuits of their own.
    std::string kept{};
    bool try_again = false;
    /// Of done: a gateway was just disabling the channel, and what was on in `abilities` alone was
    /// switched off after the return (see mend_after_return()).
    bool mended = false;
};
/// Sets cause and why.
void explain(ReturnResult& result, TripCause cause);
const char* kind_name(ReturnResult::Kind kind);  // "done", "would_be", …

/// How a circuit's target stands at the gateway.
struct Sighting {
    std::string trip_id;
    Change change = Change::none;
    /// An open channel that is ours, but some of its abilities are enabled: somebody is just
    /// writing it, or wrote it in the middle of our trip (see mend()).
    bool half_on = false;
    /// Of the circuit that was looked at: it may have changed since.
    std::optional<Circuit::State> state{};
};

/// What one look at the gateway came to.
struct LookResult {
    /// In the order of the circuits that were asked for; without those of a kind with a trouble,
    /// and without keys that only a name tells (of an unsure trip that never read their id).
    std::vector<Sighting> sightings{};
    /// The kinds of which some, or all, could not be looked at: the error, for people.
    std::map<Target::Kind, std::string> troubles{};
};

}  // namespace quotafuse::circuit_breaker
