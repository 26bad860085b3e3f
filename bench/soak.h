#pragma once

#include <chrono>
#include <cstdint>

namespace quotafuse::bench {

struct SoakOptions {
    std::chrono::seconds length{60};        // of the writing
    std::chrono::seconds longest_pause{5};  // between INSERT and COMMIT
    int held = 3;                           // so many commits come much later:
    std::chrono::seconds hold{150};
    std::chrono::seconds longest_wait{2100};  // until the audit has found them
    std::uint64_t seed = 1;
};

/// Sixteen writers and a real daemon, which is killed with −9 every few seconds while they write.
/// Afterwards it must have every row once and sums that equal its rows. Prints what happened; false
/// when it has not.
bool soak(const SoakOptions& options);

}  // namespace quotafuse::bench
