#include "daemon/process_facts.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace quotafuse::daemon {
namespace {

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::optional<std::int64_t> resident_bytes() {
    std::ifstream file{"/proc/self/statm"};
    std::int64_t all = 0;
    std::int64_t resident = 0;
    if (!(file >> all >> resident)) return std::nullopt;
    return resident * ::sysconf(_SC_PAGESIZE);
}

std::optional<std::int64_t> open_files() {
    std::error_code error;
    std::int64_t count = 0;
    for (std::filesystem::directory_iterator entry{"/proc/self/fd", error}, end;
         !error && entry != end; entry.increment(error))
        ++count;
    if (error || count == 0) return std::nullopt;
    return count - 1;  // the one by which they were counted
}

/// When this host began, unix seconds.
std::optional<std::int64_t> boot_time() {
    std::ifstream file{"/proc/stat"};
    for (std::string line; std::getline(file, line);)
        if (std::istringstream words{line}; line.starts_with("btime ")) {
            std::string name;
            std::int64_t seconds = 0;
            if (words >> name >> seconds) return seconds;
        }
    return std::nullopt;
}

std::optional<double> start_time() {
    std::ifstream file{"/proc/self/stat"};
    std::string text;
    std::getline(file, text);
    // The program's name, in parentheses, may hold anything.
    const auto end = text.rfind(')');
    const auto boot = boot_time();
    if (end == std::string::npos || !boot) return std::nullopt;
    std::istringstream words{text.substr(end + 1)};
    constexpr int kBefore = 19;  // fields between the name and the start
    std::string skipped;
    for (int i = 0; i < kBefore; ++i) words >> skipped;
    double ticks = 0;
    if (!(words >> ticks)) return std::nullopt;
    return static_cast<double>(*boot) + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessFacts process_facts() {
    ProcessFacts facts;
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0)
        facts.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    facts.resident_bytes = resident_bytes();
    facts.open_files = open_files();
    if (rlimit limit{}; ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        facts.most_open_files = static_cast<std::int64_t>(limit.rlim_cur);
    facts.start_time = start_time();
    return facts;
}

}  // namespace quotafuse::daemon
