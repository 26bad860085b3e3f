#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>

#include "base/backoff.h"
#include "base/clock.h"
#include "sync/follower.h"
#include "sync/gateway_info.h"
#include "sync/gateway_session.h"
#include "sync/log_source.h"

namespace quotafuse::daemon {

/// The gateway's log could not be read; the reader tries again by itself.
struct SourceTrouble {
    sync::GatewayError::Kind kind;
    std::string text;
};
/// Channel names and options could not be read; what was known stays.
struct InfoTrouble {
    std::string text;
};
using SourceNews = std::variant<sync::Poll, SourceTrouble, sync::GatewayInfo, InfoTrouble>;

struct ReaderOptions {
    base::Milliseconds poll_interval{1000};
    base::Seconds info_interval{30};
    base::Milliseconds first_backoff{500};
    base::Milliseconds longest_backoff{15'000};
    std::uint64_t seed = 0;  // of the backoff's jitter
};

/// The thread that reads the gateway: rows every poll_interval (full batches back to back), names
/// and options every info_interval. A gateway that does not answer holds up nobody but this thread.
class SourceReader {
public:
    /// Runs ahead of the store by this many polls, so that memory is bounded whatever the backlog.
    static constexpr int kMostAhead = 2;

    /// `tell` is called from the reader's thread, in order. `position` is where the store stands.
    SourceReader(std::unique_ptr<sync::LogSource> source,
                 std::unique_ptr<sync::GatewaySession> main, std::string database,
                 sync::Position position, sync::FollowOptions follow, ReaderOptions options,
                 const base::Clock& clock, std::function<void(SourceNews)> tell);
    ~SourceReader();
    SourceReader(const SourceReader&) = delete;
    SourceReader& operator=(const SourceReader&) = delete;

    /// One poll has been stored: room for the next.
    void stored();
    /// Ends a running statement and the thread. Idempotent.
    void stop();

private:
    void work(const std::stop_token& stop);
    bool look(const std::stop_token& stop);
    void look_at_objects();
    void wait(base::Milliseconds time, const std::stop_token& stop);
    void wait_for_room(const std::stop_token& stop);

    std::unique_ptr<sync::LogSource> source_;
    std::unique_ptr<sync::GatewaySession> main_;
    std::string database_;
    ReaderOptions options_;
    const base::Clock& clock_;
    std::function<void(SourceNews)> tell_;
    sync::Follower follower_;
    base::Backoff backoff_;
    base::MonoTime next_info_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    int ahead_ = 0;  // guarded by mutex_, as is the next
    bool finished_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace quotafuse::daemon
