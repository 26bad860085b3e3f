#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "daemon/producer.h"

namespace quotafuse::daemon {

/// A fixed number of threads that turn requests into replies; the queue before them is bounded.
/// Thread-safe. Destruction waits for the requests in work and drops those in the queue.
class WorkerPool {
public:
    struct Job {
        std::uint64_t connection;
        std::string request{};
        std::string peer{};
        std::unique_ptr<Producer> producer{};  // then its next piece is wanted, not an answer
    };
    struct Reply {
        std::uint64_t connection = 0;
        std::string bytes{};
        std::unique_ptr<Producer> producer{};  // that has more
        bool listens = false;
        bool broken = false;  // what the client has got so far is not whole, and will not be
    };
    /// Runs on a worker thread and must not throw. What it gives keeps the job's connection.
    using Answer = std::function<Reply(Job&)>;

    /// `on_reply` runs on a worker thread after each reply is ready to be taken.
    WorkerPool(std::size_t threads, std::size_t max_queued, Answer answer,
               std::function<void()> on_reply);

    /// False, and the job is not taken, when `max_queued` requests wait already. A piece of a reply
    /// that has begun is never refused: there is at most one for each stream.
    [[nodiscard]] bool push(Job job);
    std::vector<Reply> take_replies();

private:
    void work(const std::stop_token& stop);

    const std::size_t max_queued_;
    const Answer answer_;
    const std::function<void()> on_reply_;
    std::mutex mutex_;
    std::condition_variable_any job_waits_;
    std::deque<Job> jobs_;
    std::vector<Reply> replies_;
    std::vector<std::jthread> threads_;  // last: joined before anything they use is gone
};

}  // namespace quotafuse::daemon
