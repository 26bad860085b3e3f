#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "sync/follower.h"
#include "sync/log_source.h"
#include "sync/mirror.h"

namespace quotafuse::sync {

/// How far a reader may run ahead of the store, so that reading and storing overlap and memory is
/// bounded whatever the backlog. Thread-safe.
class Headroom {
public:
    /// Polls that were read and not yet stored.
    static constexpr int kMost = 2;

    /// Waits until Follower::next() may be called: there is room, and after a suspect poll
    /// everything has been stored. False when stopped.
    bool wait(const std::stop_token& stop);
    /// A poll was read. To be called before it is handed on.
    void read(const Poll& poll);
    /// The oldest poll that was handed on has been stored.
    void stored();

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    int ahead_ = 0;
    bool suspect_ = false;
};

/// A thread that reads from a gateway. To stop it also ends the statement that it waits for.
class ReadingThread {
public:
    /// `interrupt` is called from the thread that stops this one, until `work` has returned.
    ReadingThread(std::function<void(const std::stop_token&)> work,
                  std::function<void()> interrupt);
    ~ReadingThread();
    ReadingThread(const ReadingThread&) = delete;
    ReadingThread& operator=(const ReadingThread&) = delete;

    /// Idempotent, by one thread at a time.
    void stop();

private:
    std::function<void()> interrupt_;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool finished_ = false;  // guarded by mutex_
    std::jthread thread_;    // last: it uses all of the above
};

/// Reads a source to its end on a thread of its own while its user stores what came before.
class ReadAhead {
public:
    /// All references outlive it; nobody else uses `source` meanwhile. Begins at once.
    ReadAhead(LogSource& source, Mirror& mirror, Position position, FollowOptions options,
              const base::Clock& clock);
    ~ReadAhead();
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// The next poll, in order; waits for it. Everything returned before must have been stored.
    /// Empty after the first drained poll, and after stop(). Throws what the follower threw, after
    /// the polls before it.
    std::optional<Poll> next();

    /// Ends a running statement and makes next() return empty. From any thread, before its
    /// destruction begins.
    void stop();

private:
    void work(const std::stop_token& stop);

    Follower follower_;
    Headroom headroom_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Poll> polls_;  // guarded by mutex_, as are the next three
    std::exception_ptr error_;
    bool ended_ = false;
    bool stopped_ = false;
    bool handed_out_ = false;  // a poll that is stored when next() is called again
    ReadingThread thread_;     // last: it uses all of the above
};

}  // namespace quotafuse::sync
