#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "sync/dsn.h"
#include "sync/gateway_session.h"

namespace quotafuse::daemon::api {

/// Connections to one database of the gateway for what people ask of pages, apart from those that
/// mirror and watch it: two at a time, opened with need and closed when nobody asks. Thread-safe.
class GatewayDesk {
public:
    struct Limits {
        std::size_t at_once = 2;
        std::chrono::seconds of_a_step{1};       // to connect, and to answer a statement
        std::chrono::milliseconds of_all{2000};  // of one question: then it is ended
        std::chrono::milliseconds idle{30'000};  // so long a connection is kept
    };
    explicit GatewayDesk(sync::Dsn dsn) : GatewayDesk(std::move(dsn), Limits{}) {}
    GatewayDesk(sync::Dsn dsn, Limits limits);
    ~GatewayDesk();
    GatewayDesk(const GatewayDesk&) = delete;
    GatewayDesk& operator=(const GatewayDesk&) = delete;

    using Question = std::function<void(sync::GatewaySession& session)>;
    /// Asks on a connection that can only read; once more on a new one where a kept one turns out
    /// to be broken. Throws GatewayError, `stalled` where all connections are busy for too long.
    void ask(const Question& question);

    const sync::Dsn& dsn() const { return dsn_; }
    /// Open now, busy or not.
    std::size_t connections();

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Line {
        std::shared_ptr<sync::GatewaySession> session;
        Time since{};  // busy or idle
        bool busy = false;
        bool ended = false;  // its question took too long
    };
    class Use;

    Time due(const Line& line) const;
    void watch(const std::stop_token& stop);

    const sync::Dsn dsn_;
    const Limits limits_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<Line> lines_;  // guarded by mutex_; their number never changes
    std::jthread watch_;
};

}  // namespace quotafuse::daemon::api
