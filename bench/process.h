#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace quotafuse::bench {

/// Resident memory of a process now (VmRSS), or the most it ever was (VmHWM), in KiB; 0 when it
/// cannot be read (any more).
std::int64_t resident_kib(pid_t pid);
std::int64_t most_resident_kib(pid_t pid);
/// Processor time that all its threads have used so far, in the kernel too; a step is about 10 ms.
std::chrono::milliseconds processor_time(pid_t pid);

}  // namespace quotafuse::bench
