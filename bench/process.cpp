#include "bench/process.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

namespace quotafuse::bench {
namespace {

/// The value of a line of /proc/…/status in KiB.
std::int64_t status_line(pid_t pid, const std::string& name) {
    std::ifstream file{fmt::format("/proc/{}/status", pid)};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1));
    }
    return 0;
}

/// In /proc/…/stat, counted from what follows the command's name.
constexpr int kUserTime = 11;
constexpr int kKernelTime = 12;

}  // namespace

std::int64_t resident_kib(pid_t pid) {
    return status_line(pid, "VmRSS");
}

std::int64_t most_resident_kib(pid_t pid) {
    return status_line(pid, "VmHWM");
}

std::chrono::milliseconds processor_time(pid_t pid) {
    std::ifstream file{fmt::format("/proc/{}/stat", pid)};
    std::string text;
    std::getline(file, text);
    // The name stands in brackets and may have spaces.
    const auto end_of_name = text.rfind(')');
    if (end_of_name == std::string::npos) return {};
    std::istringstream fields{text.substr(end_of_name + 1)};
    std::int64_t ticks = 0;
    std::string field;
    for (int i = 0; i <= kKernelTime && fields >> field; ++i) {
        if (i == kUserTime || i == kKernelTime) ticks += std::stoll(field);
    }
    return std::chrono::milliseconds{ticks * 1000 / ::sysconf(_SC_CLK_TCK)};
}

}  // namespace quotafuse::bench
