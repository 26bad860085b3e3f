#pragma once

#include "base/clock.h"

namespace quotafuse::base {

/// How what the breaker switched off comes back: `recover` of a rule's action. A value of the rule
/// loader, carried to the breaker, so it lives below both.
struct Recovery {
    enum class Kind {
        manual,      // a person gives it back
        after,       // `wait` after the trip
        tomorrow,    // when the next day of the rule's zone begins (see TripRequest::back_at)
        next_month,  // when its next month begins
        half_open,   // by trials with little traffic
    };
    Kind kind = Kind::manual;
    Seconds wait{0};          // after: since the trip; half_open: before the first trial
    Seconds longest{0};       // half_open: the wait doubles after each failed trial, up to this
    int attempts = 20;        // half_open: so many are watched
    int most_errors = 2;      // half_open: so many of them may fail
    Seconds probe_time{600};  // half_open: fewer attempts in so long are no success
    bool operator==(const Recovery&) const = default;
};

inline constexpr Seconds kDefaultWait{300};  // half_open
inline constexpr Seconds kDefaultLongest{6 * 3600};

}  // namespace quotafuse::base
