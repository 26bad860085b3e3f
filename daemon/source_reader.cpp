#include "daemon/source_reader.h"

namespace quotafuse::daemon {

SourceReader::SourceReader(std::unique_ptr<sync::LogSource> source,
                           std::unique_ptr<sync::GatewaySession> main, std::string database,
                           sync::Position position, sync::FollowOptions follow,
                           ReaderOptions options, const base::Clock& clock,
                           std::function<void(SourceNews)> tell)
    : source_(std::move(source)),
      main_(std::move(main)),
      database_(std::move(database)),
      options_(options),
      clock_(clock),
      tell_(std::move(tell)),
      follower_(*source_, std::move(position), follow, clock),
      backoff_(options.first_backoff, options.longest_backoff, options.seed),
      next_info_(clock.mono()),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

SourceReader::~SourceReader() {
    stop();
}

void SourceReader::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    // Again and again: a statement may start just after it was looked for.
    std::unique_lock lock{mutex_};
    while (!finished_) {
        lock.unlock();
        source_->interrupt();
        main_->interrupt();
        lock.lock();
        changed_.wait_for(lock, base::Milliseconds{100}, [&] { return finished_; });
    }
    lock.unlock();
    thread_.join();
}

void SourceReader::stored() {
    {
        const std::scoped_lock lock{mutex_};
        --ahead_;
    }
    changed_.notify_all();
}

void SourceReader::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        // Names first: an alert of the very first poll should name its channel.
        if (clock_.mono() >= next_info_) look_at_objects();
        const auto start = clock_.mono();
        if (!look(stop)) continue;
        const auto spent = std::chrono::duration_cast<base::Milliseconds>(clock_.mono() - start);
        wait(options_.poll_interval - spent, stop);  // a fixed grid, whatever a poll takes
    }
    const std::scoped_lock lock{mutex_};
    finished_ = true;
    changed_.notify_all();
}

/// One poll; true when there is nothing more to read for now.
bool SourceReader::look(const std::stop_token& stop) {
    wait_for_room(stop);
    if (stop.stop_requested()) return false;
    try {
        auto poll = follower_.next();
        backoff_.reset();
        const bool drained = poll.drained;
        {
            const std::scoped_lock lock{mutex_};
            ++ahead_;
        }
        tell_(std::move(poll));
        return drained;
    } catch (const sync::GatewayError& e) {
        if (stop.stop_requested()) return false;
        tell_(SourceTrouble{e.kind(), e.what()});
        wait(backoff_.next(), stop);
        return false;
    }
}

void SourceReader::look_at_objects() {
    next_info_ = clock_.mono() + options_.info_interval;
    try {
        tell_(sync::read_gateway_info(*main_, database_));
    } catch (const sync::GatewayError& e) {
        tell_(InfoTrouble{e.what()});
    }
}

void SourceReader::wait(base::Milliseconds time, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, stop, time, [] { return false; });
}

void SourceReader::wait_for_room(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, stop, [&] { return ahead_ < kMostAhead; });
}

}  // namespace quotafuse::daemon
