#include "daemon/demo/traffic.h"

#include <algorithm>
#include <utility>

#include "daemon/demo/charges.h"

namespace quotafuse::demo {
namespace {

constexpr base::Milliseconds kStep{250};
// After a pause (a laptop's lid) the story goes on; it does not send all of the missed traffic at
// once.
constexpr base::Milliseconds kLongestStep{2000};

}  // namespace

DemoTraffic::DemoTraffic(std::unique_ptr<sync::GatewaySession> session, Flavour flavour,
                         DemoGateway gateway, const base::Clock& clock, const base::Log& log,
                         std::uint64_t seed)
    : session_(std::move(session)),
      flavour_(flavour),
      clock_(clock),
      log_(log),
      generator_(seed, flavour, std::move(gateway)),
      stage_(generator_),
      start_(clock.mono()),
      played_(start_),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

DemoTraffic::~DemoTraffic() {
    thread_.request_stop();
    session_->interrupt();
}

void DemoTraffic::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        try {
            step();
            told_.clear();
        } catch (const sync::GatewayError& e) {
            if (!stop.stop_requested()) tell(e.what());
        }
        std::unique_lock lock{mutex_};
        wake_.wait_for(lock, stop, kStep, [] { return false; });
    }
}

void DemoTraffic::step() {
    const auto now = clock_.mono();
    const auto passed = std::chrono::floor<base::Milliseconds>(now - played_);
    played_ += passed;
    const auto scene = scene_at(std::chrono::floor<base::Seconds>(now - start_));
    generator_.set_routes(Routes::read(*session_, flavour_));
    const auto rows =
        stage_.play(scene, base::unix_seconds(clock_.now()), std::min(passed, kLongestStep));
    insert(*session_, flavour_, rows);
    charge(*session_, rows);
}

void DemoTraffic::tell(const std::string& trouble) {
    if (trouble == std::exchange(told_, trouble)) return;
    log_.warning("the demo's traffic cannot be written: " + trouble);
}

}  // namespace quotafuse::demo
