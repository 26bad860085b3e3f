#include "bench/memory.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/process.h"
#include "tests/support/program.h"

namespace quotafuse::bench {
Resident sync_in_a_process(const std::string& address) {
    const tests::TempDir folder;
    tests::write_file(folder.file("q.yaml"),
                      fmt::format("source: {{dsn: \"{}\", since: 365d}}\nstore: {{path: {}}}\n",
                                  address, folder.file("s.db")));
    tests::Program program{{"sync", "--json", "--config", folder.file("q.yaml")}};
    Resident resident;
    while (!program.wait(std::chrono::milliseconds{50})) {
        resident.most_kib = std::max(resident.most_kib, most_resident_kib(program.pid()));
    }
    if (program.wait() != 0) throw std::runtime_error("quotafuse sync: " + program.err());
    const auto said = nlohmann::json::parse(program.out());
    resident.rows = said.at("rows");
    resident.seconds = said.at("seconds");
    return resident;
}

}  // namespace quotafuse::bench
