#pragma once

#include <cstdint>
#include <optional>

namespace quotafuse::daemon {

/// What the kernel knows of this process; empty where it does not tell.
struct ProcessFacts {
    double cpu_seconds = 0;  // user and system, of all threads, since it began
    std::optional<std::int64_t> resident_bytes{};
    std::optional<std::int64_t> open_files{};
    std::optional<std::int64_t> most_open_files{};  // the limit
    std::optional<double> start_time{};             // unix seconds
};
ProcessFacts process_facts();

}  // namespace quotafuse::daemon
