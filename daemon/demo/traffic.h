#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/demo/scenario.h"

namespace quotafuse::demo {

/// Plays the story into a gateway's database, four times a second, on a thread of its own. Like the
/// gateway it reads its tables before it sends a request somewhere: a channel that somebody
/// disabled gets nothing more. What cannot be written is lost, as a gateway's request would be; the
/// log says so once.
class DemoTraffic {
public:
    /// The story starts now. `session` may write; `clock` and `log` outlive it.
    DemoTraffic(std::unique_ptr<sync::GatewaySession> session, Flavour flavour, DemoGateway gateway,
                const base::Clock& clock, const base::Log& log, std::uint64_t seed);
    /// Stops within a statement's time, which is interrupted.
    ~DemoTraffic();
    DemoTraffic(const DemoTraffic&) = delete;
    DemoTraffic& operator=(const DemoTraffic&) = delete;

private:
    void run(const std::stop_token& stop);
    void step();
    void tell(const std::string& trouble);

    std::unique_ptr<sync::GatewaySession> session_;
    Flavour flavour_;
    const base::Clock& clock_;
    const base::Log& log_;
    RowGenerator generator_;
    Stage stage_;
    base::MonoTime start_;
    base::MonoTime played_;  // up to here
    std::string told_;       // the last trouble that the log heard of
    std::mutex mutex_;       // only for the wait
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace quotafuse::demo
