#pragma once

#include <cstdint>
#include <string>

namespace quotafuse::bench {

struct Resident {
    std::int64_t rows = 0;
    double seconds = 0;
    std::int64_t most_kib = 0;  // VmHWM, the most that VmRSS ever was
};

/// The real program, as a process of its own: `quotafuse sync` from the gateway at `address` into a
/// new store. Throws std::runtime_error with what it said when it fails.
Resident sync_in_a_process(const std::string& address);

}  // namespace quotafuse::bench
