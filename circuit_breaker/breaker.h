#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "circuit_breaker/circuit.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// A request is worth this long: later the reason for it may be gone.
inline constexpr base::Seconds kRequestLife{30};

/// What the breaker's thread is asked for. `asked_at`: when the intent was put on record.
struct TripOrder {
    TripRequest request;
    Guard guard;
    base::Second asked_at;
};
struct ReturnOrder {
    ReturnRequest request;
    Guard guard;  // of Way::again
    base::Second asked_at;
};
struct LookOrder {
    std::vector<Circuit> circuits;
    /// Trips that are to be mended where they are still half on: see mend().
    std::set<std::string> to_mend{};
};
using Order = std::variant<TripOrder, ReturnOrder, LookOrder>;

struct Looked : LookResult {
    base::Second began{};  // when the look began: what was changed later may be missing
    std::vector<std::string> mended{};  // trip ids
};
using BreakerNews = std::variant<TripResult, ReturnResult, Looked>;

/// The thread that talks to the gateway for the breaker, so that a slow gateway never holds up the
/// pipeline. Orders are carried out one after the other; a trip or return that the gateway cannot
/// take is tried again until it is kRequestLife old, a look is not. While it is held nothing that
/// writes begins: what waits is refused with that cause (a request that may have been carried out
/// before is looked for first). A return of what a later order has tripped since is refused.
/// submit(), hold() and stop() may come from any thread.
class Breaker {
public:
    using Report = std::function<void(BreakerNews)>;
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
    /// From now on nothing is written, also not by what waits or is tried again; a transaction that
    /// has begun ends as it would.
    void hold(std::optional<TripCause::Kind> why);
    /// Ends a running statement and the thread. What was not finished stays an intent on record.
    void stop();

private:
    struct Waiting {
        Order order;
        base::MonoTime since;
    };
    void work(const std::stop_token& stop);
    std::optional<Waiting> next(const std::stop_token& stop);
    std::optional<BreakerNews> carry_out_safely(Waiting& waiting, const std::stop_token& stop);
    Looked look(const LookOrder& order);
    void mend_halves(const LookOrder& order, Looked& looked);
    TripResult attempt(const TripOrder& order);
    ReturnResult attempt(const ReturnOrder& order);
    std::optional<TripResult> find(const TripOrder& order);
    std::optional<ReturnResult> find(const ReturnOrder& order);
    template <class O>
    std::optional<BreakerNews> insist(O& order, base::MonoTime since, const std::stop_token& stop);
    bool is_superseded(const ReturnRequest& request) const;
    bool others_wait();
    template <class O>
    auto held(const O& order, TripCause::Kind why);
    template <class Result, class O>
    Result make_sure(Result result, const O& order);
    bool expired(base::Second asked_at, base::MonoTime since) const;
    std::optional<TripCause::Kind> why_held();
    void wait(std::chrono::milliseconds time, bool until_held, const std::stop_token& stop);

    std::unique_ptr<sync::GatewaySession> session_;
    std::string database_;
    const base::Clock& clock_;
    base::Backoff backoff_;
    Report report_;
    /// Of each target that was tripped, by stored_key(), the newest trip. Only the thread's.
    std::map<std::string, std::string> newest_trips_{};
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Waiting> orders_;  // guarded by mutex_, as are the next three
    std::optional<TripCause::Kind> held_;
    bool stopping_ = false;
    bool ended_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace quotafuse::circuit_breaker
