#pragma once

#include <chrono>
#include <string>

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
};

}  // namespace quotafuse::notifiers
