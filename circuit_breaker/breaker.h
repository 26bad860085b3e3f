#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/backoff.h"
#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// A request is worth this long: later the reason for it may be gone.
inline constexpr base::Seconds kRequestLife{30};

/// The thread that talks to the gateway for the breaker, so that a slow gateway never holds up the
/// pipeline. Requests are carried out one after the other; one that the gateway cannot take is
/// tried again until it is kRequestLife old. submit() and stop() may come from any thread.
class Breaker {
public:
    struct Order {
        TripRequest request;
        Guard guard;
        base::Second asked_at;  // when the intent was put on record
    };
    using Report = std::function<void(TripResult)>;
    static constexpr std::size_t kMostOrders = 64;

    /// `report` is called from the breaker's thread, once for each order that came to an end before
    /// stop(). `seed` varies the waits between tries.
    Breaker(std::unique_ptr<sync::GatewaySession> session, std::string database,
            const base::Clock& clock, std::uint64_t seed, Report report);
    ~Breaker();
    Breaker(const Breaker&) = delete;
    Breaker& operator=(const Breaker&) = delete;

    /// False when kMostOrders wait already, or after stop(): the intent then stays on record.
    [[nodiscard]] bool submit(Order order);
    /// Ends a running statement and the thread. What was not finished stays an intent on record.
    void stop();

private:
    struct Waiting {
        Order order;
        base::MonoTime since;
    };
    void work(const std::stop_token& stop);
    std::optional<Waiting> next(const std::stop_token& stop);
    TripResult carry_out_safely(const Waiting& waiting, const std::stop_token& stop);
    TripResult carry_out(const Waiting& waiting, const std::stop_token& stop);
    TripResult make_sure(TripResult result, const Order& order);
    bool expired(const Waiting& waiting) const;
    void pause(std::chrono::milliseconds wait, const std::stop_token& stop);

    std::unique_ptr<sync::GatewaySession> session_;
    std::string database_;
    const base::Clock& clock_;
    base::Backoff backoff_;
    Report report_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Waiting> orders_;  // guarded by mutex_, as are the next two
    bool stopping_ = false;
    bool ended_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace quotafuse::circuit_breaker
