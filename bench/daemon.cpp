#include "bench/daemon.h"

#include <stdexcept>

#include <fmt/format.h>

namespace quotafuse::bench {
namespace {

constexpr std::chrono::minutes kLongestStart{5};

}  // namespace

Daemon::Daemon(const Gateway& gateway, const std::string& rules, const std::string& more) {
    const int port = tests::free_port();
    tests::write_file(folder_.file("rules.yaml"), rules);
    tests::write_file(
        folder_.file("q.yaml"),
        fmt::format("source: {{dsn: \"{}\", since: 365d, poll_interval: 1s}}\nstore: {{path: {}}}\n"
                    "control: {{socket: {}}}\nstatus: {{listen: \"127.0.0.1:{}\"}}\n"
                    "rules: [rules.yaml]\n{}",
                    gateway.address(), folder_.file("s.db"), folder_.file("control.sock"), port,
                    more));
    program_ = std::make_unique<tests::Program>(
        std::vector<std::string>{"run", "--config", folder_.file("q.yaml")});
    const bool ready = tests::eventually(
        [&] { return tests::http_get(port, "/readyz").status == 200; }, kLongestStart);
    if (!ready) throw std::runtime_error("quotafuse run is not ready: " + program_->err());
}

}  // namespace quotafuse::bench
