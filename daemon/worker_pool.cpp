#include "daemon/worker_pool.h"

#include <utility>

namespace quotafuse::daemon {

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued, Answer answer,
                       std::function<void()> on_reply)
    : max_queued_(max_queued), answer_(std::move(answer)), on_reply_(std::move(on_reply)) {
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
}

bool WorkerPool::push(Job job) {
    {
        const std::scoped_lock lock{mutex_};
        if (job.producer == nullptr && jobs_.size() >= max_queued_) return false;
        jobs_.push_back(std::move(job));
    }
    job_waits_.notify_one();
    return true;
}

std::vector<WorkerPool::Reply> WorkerPool::take_replies() {
    const std::scoped_lock lock{mutex_};
    return std::exchange(replies_, {});
}

void WorkerPool::work(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (job_waits_.wait(lock, stop, [this] { return !jobs_.empty(); }) &&
           !stop.stop_requested()) {
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        auto reply = answer_(job);
        reply.connection = job.connection;
        lock.lock();
        replies_.push_back(std::move(reply));
        on_reply_();
    }
}

}  // namespace quotafuse::daemon
