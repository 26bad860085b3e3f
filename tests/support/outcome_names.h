#pragma once

#include <doctest/doctest.h>

#include "notifiers/outcome.h"

// doctest prints an outcome by its name where a check fails.
namespace quotafuse::notifiers {

inline doctest::String toString(Outcome::Kind kind) {
    return doctest::String{outcome_name(kind).data()};
}

}  // namespace quotafuse::notifiers
