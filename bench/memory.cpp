#include "bench/memory.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

namespace quotafuse::bench {
namespace {

/// The value of a line of /proc/…/status in KiB; 0 when it cannot be read (any more).
std::int64_t status_line(pid_t pid, const std::string& name) {
    std::ifstream file{fmt::format("/proc/{}/status", pid)};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1));
    }
    return 0;
}

}  // namespace

Resident sync_in_a_process(const std::string& address) {
    const tests::TempDir folder;
    tests::write_file(folder.file("q.yaml"),
                      fmt::format("source: {{dsn: \"{}\", since: 365d}}\nstore: {{path: {}}}\n",
                                  address, folder.file("s.db")));
    tests::Program program{{"sync", "--json", "--config", folder.file("q.yaml")}};
    Resident resident;
    while (!program.wait(std::chrono::milliseconds{50})) {
        resident.most_kib = std::max(resident.most_kib, status_line(program.pid(), "VmHWM"));
    }
    if (program.wait() != 0) throw std::runtime_error("quotafuse sync: " + program.err());
    const auto said = nlohmann::json::parse(program.out());
    resident.rows = said.at("rows");
    resident.seconds = said.at("seconds");
    return resident;
}

}  // namespace quotafuse::bench
