#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "daemon/demo/generator.h"

namespace quotafuse::demo {

/// How the nodes of a busy gateway write.
struct WritersOptions {
    std::chrono::milliseconds length{15'000};  // no transaction begins later
    /// Between INSERT and COMMIT; most pauses are far shorter.
    std::chrono::milliseconds longest_pause{500};
    double rolled_back = 0.1;  // share of the transactions, 0 … 1
    /// So many commits (at most one of each writer) come this late.
    int held = 0;
    std::chrono::milliseconds hold{0};
    std::uint64_t seed = 1;
};

/// What became of the ids that the server gave, each list ascending.
struct Written {
    std::vector<std::int64_t> committed;  // those that were held included
    std::vector<std::int64_t> held;
    std::vector<std::int64_t> rolled_back;
    std::vector<std::int64_t> unsure;  // the connection broke at COMMIT: nobody knows
    int failures = 0;                  // statements that the server refused or did not answer
    std::string last_failure;
};

/// Writers that write at once into the `logs` of a MySQL server as a gateway does, each on a thread
/// and a session of its own: BEGIN, INSERT, a pause, then COMMIT or ROLLBACK. An id is therefore
/// given in one order and its row appears in another. They stop by themselves; the same seed gives
/// the same rows, but not the same interleaving.
class Writers {
public:
    /// One writer for each session. They start at once; `clock` outlives this.
    Writers(std::vector<std::unique_ptr<sync::GatewaySession>> sessions, Flavour flavour,
            const DemoGateway& gateway, WritersOptions options, const base::Clock& clock);
    /// Stops early: what is not committed is rolled back.
    ~Writers();
    Writers(const Writers&) = delete;
    Writers& operator=(const Writers&) = delete;

    /// The ids that were held and are not yet committed: how long a reader will have to wait.
    int holding() const { return holding_.copy(); }
    /// Until the last of them has ended, held commits included. Call it once.
    Written wait();

private:
    struct Writer;
    void run(Writer& writer, const std::stop_token& stop);
    void write(Writer& writer, const LogInsert& row, const std::stop_token& stop);
    void pause(std::chrono::milliseconds length, const std::stop_token& stop);

    Flavour flavour_;
    WritersOptions options_;
    const base::Clock& clock_;
    base::MonoTime end_;
    base::Guarded<Written> written_;
    base::Guarded<int> holding_;
    std::mutex mutex_;  // only for pauses
    std::condition_variable_any wake_;
    std::vector<std::unique_ptr<Writer>> writers_;
    std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace quotafuse::demo
