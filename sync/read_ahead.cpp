#include "sync/read_ahead.h"

#include <chrono>

namespace quotafuse::sync {

bool Headroom::wait(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, stop, [&] { return ahead_ < (suspect_ ? 1 : kMost); });
    return !stop.stop_requested();
}

void Headroom::read(const Poll& poll) {
    const std::scoped_lock lock{mutex_};
    ++ahead_;
    suspect_ = poll.suspect;
}

void Headroom::stored() {
    {
        const std::scoped_lock lock{mutex_};
        --ahead_;
    }
    changed_.notify_all();
}

ReadingThread::ReadingThread(std::function<void(const std::stop_token&)> work,
                             std::function<void()> interrupt)
    : interrupt_(std::move(interrupt)),
      thread_([this, work = std::move(work)](const std::stop_token& stop) {
          work(stop);
          const std::scoped_lock lock{mutex_};
          finished_ = true;
          ended_.notify_all();
      }) {}

ReadingThread::~ReadingThread() {
    stop();
}

void ReadingThread::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    // Again and again: a statement may start just after it was looked for.
    std::unique_lock lock{mutex_};
    while (!finished_) {
        lock.unlock();
        interrupt_();
        lock.lock();
        ended_.wait_for(lock, std::chrono::milliseconds{100}, [&] { return finished_; });
    }
    lock.unlock();
    thread_.join();
}

ReadAhead::ReadAhead(LogSource& source, Mirror& mirror, Position position, FollowOptions options,
                     const base::Clock& clock)
    : follower_(source, mirror, std::move(position), options, clock),
      thread_([this](const std::stop_token& stop) { work(stop); },
              [&source] { source.interrupt(); }) {}

ReadAhead::~ReadAhead() {
    stop();
}

void ReadAhead::stop() {
    {
        const std::scoped_lock lock{mutex_};
        stopped_ = true;
    }
    arrived_.notify_all();
    thread_.stop();
}

std::optional<Poll> ReadAhead::next() {
    if (std::exchange(handed_out_, false)) headroom_.stored();
    std::unique_lock lock{mutex_};
    arrived_.wait(lock, [&] { return stopped_ || ended_ || !polls_.empty(); });
    if (stopped_) return std::nullopt;
    if (polls_.empty()) {
        if (error_) std::rethrow_exception(error_);
        return std::nullopt;
    }
    auto poll = std::move(polls_.front());
    polls_.pop_front();
    handed_out_ = true;
    return poll;
}

void ReadAhead::work(const std::stop_token& stop) {
    std::exception_ptr error;
    try {
        for (bool drained = false; !drained && headroom_.wait(stop);) {
            auto poll = follower_.next();
            drained = poll.drained;
            headroom_.read(poll);
            {
                const std::scoped_lock lock{mutex_};
                polls_.push_back(std::move(poll));
            }
            arrived_.notify_all();
        }
    } catch (...) {
        error = std::current_exception();  // thrown again by next()
    }
    {
        const std::scoped_lock lock{mutex_};
        error_ = error;
        ended_ = true;
    }
    arrived_.notify_all();
}

}  // namespace quotafuse::sync
