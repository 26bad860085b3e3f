#include "circuit_breaker/breaker.h"

#include <utility>

#include "circuit_breaker/gateway_channel.h"

namespace quotafuse::circuit_breaker {
namespace {

using namespace std::chrono_literals;
using Kind = TripResult::Kind;
constexpr auto kInterruptAgain = 50ms;

TripResult expiry(const TripRequest& request) {
    TripResult result;
    result.request = request;
    explain(result, {TripCause::Kind::expired, 0, kRequestLife.count()});
    return result;
}

}  // namespace

Breaker::Breaker(std::unique_ptr<sync::GatewaySession> session, std::string database,
                 const base::Clock& clock, std::uint64_t seed, Report report)
    : session_(std::move(session)),
      database_(std::move(database)),
      clock_(clock),
      backoff_(200ms, 5s, seed),
      report_(std::move(report)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

Breaker::~Breaker() {
    stop();
}

bool Breaker::submit(Order order) {
    {
        const std::scoped_lock lock{mutex_};
        if (stopping_ || orders_.size() >= kMostOrders) return false;
        orders_.push_back({std::move(order), clock_.mono()});
    }
    changed_.notify_all();
    return true;
}

void Breaker::stop() {
    thread_.request_stop();
    std::unique_lock lock{mutex_};
    stopping_ = true;
    // Again and again: an interrupt that falls between two statements ends neither.
    while (!ended_) {
        lock.unlock();
        session_->interrupt();
        lock.lock();
        changed_.wait_for(lock, kInterruptAgain, [this] { return ended_; });
    }
    lock.unlock();
    if (thread_.joinable()) thread_.join();
}

void Breaker::work(const std::stop_token& stop) {
    while (auto waiting = next(stop)) {
        auto result = carry_out_safely(*waiting, stop);
        const bool certain = result.kind != Kind::failed && result.kind != Kind::unknown;
        // A failure that stop() made is none: the intent is carried out after the restart.
        if (certain || !stop.stop_requested()) report_(std::move(result));
    }
    const std::scoped_lock lock{mutex_};
    ended_ = true;
    changed_.notify_all();
}

std::optional<Breaker::Waiting> Breaker::next(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait(lock, stop, [this] { return !orders_.empty(); })) return {};
    if (stop.stop_requested()) return {};
    auto waiting = std::move(orders_.front());
    orders_.pop_front();
    return waiting;
}

/// The thread must outlive whatever a library throws (no memory, an answer that it cannot read).
TripResult Breaker::carry_out_safely(const Waiting& waiting, const std::stop_token& stop) {
    try {
        return carry_out(waiting, stop);
    } catch (const std::exception& e) {
        TripResult result;
        result.request = waiting.order.request;
        const bool may_have_written = result.request.mode == Mode::live || result.request.resumed;
        result.kind = may_have_written ? Kind::unknown : Kind::failed;
        explain(result, {.kind = TripCause::Kind::stuck, .detail = e.what()});
        return result;
    }
}

TripResult Breaker::carry_out(const Waiting& waiting, const std::stop_token& stop) {
    backoff_.reset();
    std::optional<TripResult> last;
    for (;;) {
        if (expired(waiting)) {
            return make_sure(last ? *last : expiry(waiting.order.request), waiting.order);
        }
        auto request = waiting.order.request;
        // After an unknown end this request, too, may have been carried out.
        request.resumed = request.resumed || (last && last->kind == Kind::unknown);
        auto result =
            trip_channel(*session_, database_, request, waiting.order.guard, clock_.now());
        const bool uncertain = last && last->kind == Kind::unknown && result.kind == Kind::failed;
        if (!uncertain) last = std::move(result);
        if (stop.stop_requested()) return *last;
        if (!last->try_again) return make_sure(std::move(*last), waiting.order);
        pause(backoff_.next(), stop);
        if (stop.stop_requested()) return *last;
    }
}

/// What came to nothing now may have been carried out before the restart: the mark tells, and where
/// it cannot be read nobody knows.
TripResult Breaker::make_sure(TripResult result, const Order& order) {
    const bool nobody_looked = result.kind == Kind::failed || order.request.mode == Mode::off;
    if (!nobody_looked || !order.request.resumed) return result;
    try {
        if (auto done = find_trip(*session_, order.request)) return *done;
    } catch (const sync::GatewayError& e) {
        result.kind = Kind::unknown;
        result.cause.unread = e.what();
        explain(result, result.cause);
    }
    return result;
}

bool Breaker::expired(const Waiting& waiting) const {
    return clock_.now() - waiting.order.asked_at > kRequestLife ||
           clock_.mono() - waiting.since > kRequestLife;
}

void Breaker::pause(std::chrono::milliseconds wait, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, stop, wait, [] { return false; });
}

}  // namespace quotafuse::circuit_breaker
