#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace quotafuse::daemon {

/// How other threads have something done by the pipeline thread and wait for the answer: the
/// control socket's questions to the engine and changes of the store. Thread-safe but for run().
class Errands {
public:
    using Act = std::function<std::string()>;
    /// So long somebody waits for the pipeline to begin.
    static constexpr base::Milliseconds kPatience{1500};

    /// `wake` is called, from the asking thread, when there is something to do.
    explicit Errands(std::function<void()> wake) : wake_(std::move(wake)) {}

    /// What `act` returns, called by the pipeline. Throws what it throws, and Failure (unavailable)
    /// when the pipeline is busy for longer than kPatience or has closed: then nothing was done and
    /// nothing will be.
    std::string ask(Act act);

    /// Pipeline thread: does all that waits.
    void run();
    /// What waits, and what comes from now on, is refused.
    void close();

private:
    struct Errand;
    std::function<void()> wake_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Errand>> waiting_;
    bool closed_ = false;
};

}  // namespace quotafuse::daemon
