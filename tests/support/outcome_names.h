#pragma once

#include <cstdlib>

#include <doctest/doctest.h>

#include "notifiers/outcome.h"

// doctest prints an outcome by its name where a check fails.
namespace quotafuse::notifiers {

inline doctest::String toString(Outcome::Kind kind) {
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

}  // namespace quotafuse::notifiers
