#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>

#include "base/backoff.h"
#include "base/clock.h"
#include "daemon/catch_up_pace.h"
#include "sync/follower.h"
#include "sync/gateway_info.h"
#include "sync/gateway_session.h"
#include "sync/info_reader.h"
#include "sync/log_source.h"
#include "sync/mirror.h"
#include "sync/read_ahead.h"

namespace quotafuse::daemon {

/// The gateway's log could not be read; the reader tries again by itself.
struct SourceTrouble {
    sync::GatewayError::Kind kind;
    std::string text;
};
/// The store could not be read to compare the gateway with it; the reader tries again by itself.
struct MirrorTrouble {
    std::string text;
};
/// Channel names and options could not be read; what was known stays.
struct InfoTrouble {
    sync::GatewayError::Kind kind;
    std::string text;
};
using SourceNews =
    std::variant<sync::Poll, SourceTrouble, MirrorTrouble, sync::GatewayInfo, InfoTrouble>;

struct ReaderOptions {
    base::Milliseconds poll_interval{1000};
    base::Seconds info_interval{30};
    sync::InfoNeeds needs{};  // what is looked at then, see needs_of()
    base::Milliseconds first_backoff{500};
    base::Milliseconds longest_backoff{15'000};
    double catch_up_rate = 50'000;  // rows a second, of full batches
    std::uint64_t seed = 0;         // of the backoff's jitter
};

/// The thread that reads the gateway: rows every poll_interval (full batches one after the other,
/// as fast as CatchUpPace allows), names and options every info_interval. A gateway that does not
/// answer holds up nobody but this thread.
class SourceReader {
public:
    /// What it reads from, each used by its thread alone.
    struct Origin {
        std::unique_ptr<sync::LogSource> source;
        std::unique_ptr<sync::Mirror> mirror;
        std::unique_ptr<sync::GatewaySession> main;
        std::string database;  // of `main`
    };

    /// `tell` is called from the reader's thread, in order. `position` is where the store stands.
    SourceReader(Origin origin, sync::Position position, sync::FollowOptions follow,
                 ReaderOptions options, const base::Clock& clock,
                 std::function<void(SourceNews)> tell);
    SourceReader(const SourceReader&) = delete;
    SourceReader& operator=(const SourceReader&) = delete;

    /// One poll has been stored: room for the next.
    void stored() { headroom_.stored(); }
    /// Ends a running statement and the thread. Idempotent.
    void stop() { thread_.stop(); }

private:
    void work(const std::stop_token& stop);
    void look(const std::stop_token& stop);
    base::Milliseconds rest_after(const sync::Poll& poll, base::MonoTime start);
    void look_at_objects();
    void recognize();
    void wait(base::Milliseconds time, const std::stop_token& stop);

    Origin origin_;
    ReaderOptions options_;
    const base::Clock& clock_;
    std::function<void(SourceNews)> tell_;
    sync::Follower follower_;
    sync::InfoReader info_;
    bool recognized_ = false;  // which program the gateway is
    CatchUpPace pace_;
    base::Backoff backoff_;
    base::MonoTime next_info_;
    sync::Headroom headroom_;
    std::mutex mutex_;
    std::condition_variable_any never_;  // only its wait that a stop ends
    sync::ReadingThread thread_;         // last: it uses all of the above
};

}  // namespace quotafuse::daemon
