#pragma once

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace quotafuse::notifiers {

/// What became of one delivery.
struct Outcome {
    enum class Kind {
        ok,
        transient,  // not delivered, may work later
        permanent,  // will never work as configured
        ambiguous,  // the request went out, but no answer says what became of it
    };

    Kind kind = Kind::ok;
    std::chrono::seconds wait{0};  // the service asked for silence at least this long
    std::string why;        // one short line without secrets; of an ok, a warning worth a log line
    int most_attempts = 0;  // give up after that many outcomes with a bound, 0 = never
    /// Of those with a bound: what comes sooner than this after the last that counted does not
    /// count, so that a service that is busy for half a minute costs no message.
    std::chrono::seconds apart{30};
    /// Of a permanent one: the service refuses this text (its size, its words), not the notifier:
    /// another message may go through.
    bool of_this_text = false;
    std::string advice = {};  // what a person can do about it, one sentence; may be empty
    int requests = 1;         // that the service counts for it: a corrected one, a second message
};

/// As `quotafuse notify --json` has it.
inline std::string_view outcome_name(Outcome::Kind kind) {
    switch (kind) {
        case Outcome::Kind::ok:
            return "ok";
        case Outcome::Kind::transient:
            return "transient";
        case Outcome::Kind::permanent:
            return "permanent";
        case Outcome::Kind::ambiguous:
            return "ambiguous";
    }
    std::abort();
}

/// Bounds an outcome that may be due to this very letter (an internal error of the service, a
/// program that hangs over it): others may pass, so after a day of the like it is given up. Never
/// where the service was not reached or asks for patience: then all letters wait alike.
inline Outcome for_a_day(Outcome outcome) {
    outcome.most_attempts = 72;
    outcome.apart = std::chrono::minutes{20};
    return outcome;
}

}  // namespace quotafuse::notifiers
