#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace quotafuse::daemon {

/// How other threads hand their results to the pipeline: post() wakes it. Unbounded by itself; each
/// poster bounds what it has under way (two polls, one send a notifier, 64 orders).
template <class T>
class Mailbox {
public:
    void post(T letter) {
        {
            const std::scoped_lock lock{mutex_};
            letters_.push_back(std::move(letter));
        }
        arrived_.notify_one();
    }

    /// All letters, in order; waits for the first one at most until `deadline`, and not at all
    /// after wake().
    std::vector<T> take(base::MonoTime deadline) {
        std::unique_lock lock{mutex_};
        arrived_.wait_until(lock, deadline, [&] { return woken_ || !letters_.empty(); });
        woken_ = false;
        return std::exchange(letters_, {});
    }

    void wake() {
        {
            const std::scoped_lock lock{mutex_};
            woken_ = true;
        }
        arrived_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<T> letters_;
    bool woken_ = false;
};

}  // namespace quotafuse::daemon
