#include "circuit_breaker/breaker.h"

#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "circuit_breaker/gateway_return.h"
#include "circuit_breaker/gateway_trip.h"
#include "circuit_breaker/mend.h"
#include "circuit_breaker/results.h"

namespace quotafuse::circuit_breaker {
namespace {

using namespace std::chrono_literals;
constexpr auto kInterruptAgain = 50ms;

/// What an order for a trip or a return comes to.
template <class O>
using EndOf = ResultFor<decltype(O::request)>;

bool writes(const TripOrder& order) {
    return order.request.mode == Mode::live;
}
bool writes(const ReturnOrder& order) {
    return !order.request.dry_run;
}

template <class Result>
bool certain(const Result& result) {
    return result.kind != Result::Kind::failed && result.kind != Result::Kind::unknown;
}
bool worth_telling(const BreakerNews& news) {
    if (const auto* looked = std::get_if<Looked>(&news)) return looked->troubles.empty();
    if (const auto* tripped = std::get_if<TripResult>(&news)) return certain(*tripped);
    return certain(std::get<ReturnResult>(news));
}

template <class O>
auto expiry(const O& order) {
    return make_result(order.request, EndOf<O>::Kind::failed,
                       {TripCause::Kind::expired, 0, kRequestLife.count()});
}

/// What an exception that nobody expected leaves behind.
BreakerNews stuck(const Order& order, const std::exception& e) {
    const TripCause cause{.kind = TripCause::Kind::stuck, .detail = e.what()};
    return std::visit(
        [&](const auto& one) -> BreakerNews {
            using O = std::decay_t<decltype(one)>;
            if constexpr (std::is_same_v<O, LookOrder>) {
                Looked looked;
                for (const auto& circuit : one.circuits)
                    looked.troubles.emplace(circuit.target.kind, e.what());
                return looked;
            } else {
                using Kind = typename EndOf<O>::Kind;
                const bool may_have_written = writes(one) || one.request.resumed;
                return make_result(one.request, may_have_written ? Kind::unknown : Kind::failed,
                                   cause);
            }
        },
        order);
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

void Breaker::hold(std::optional<TripCause::Kind> why) {
    {
        const std::scoped_lock lock{mutex_};
        held_ = why;
    }
    changed_.notify_all();
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
        auto found = carry_out_safely(*waiting, stop);
        if (!found) {
            const std::scoped_lock lock{mutex_};
            orders_.push_back(std::move(*waiting));
            continue;
        }
        auto news = std::move(*found);
        if (const auto* trip = std::get_if<TripResult>(&news);
            trip != nullptr && trip->kind == TripResult::Kind::tripped) {
            const auto& [id, target] = std::tie(trip->request.trip_id, trip->request.target);
            newest_trips_.insert_or_assign(stored_key(target), id);
        }
        // A failure that stop() made is none: the intent is carried out after the restart.
        if (worth_telling(news) || !stop.stop_requested()) report_(std::move(news));
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

Looked Breaker::look(const LookOrder& order) {
    Looked looked;
    looked.began = clock_.now();
    static_cast<LookResult&>(looked) = look_at(*session_, order.circuits);
    mend_halves(order, looked);
    return looked;
}

void Breaker::mend_halves(const LookOrder& order, Looked& looked) {
    for (const auto& [trip, change, half_on, state] : looked.sightings) {
        if (!half_on || !order.to_mend.contains(trip) || why_held()) continue;
        const auto circuit = std::ranges::find(order.circuits, trip, &Circuit::trip_id);
        try {
            if (mend(*session_, *circuit)) looked.mended.push_back(trip);
        } catch (const sync::GatewayError& e) {
            looked.troubles.emplace(
                circuit->target.kind,
                fmt::format("{} is half on, and could not be switched off wholly: {}",
                            describe(circuit->target), e.what()));
            return;
        }
    }
}

TripResult Breaker::attempt(const TripOrder& order) {
    return trip(*session_, database_, order.request, order.guard, clock_.now());
}

/// What the newer trip switched off is its own: One API has no mark that would tell the two apart.
bool Breaker::is_superseded(const ReturnRequest& request) const {
    const auto newest = newest_trips_.find(stored_key(request.circuit.target));
    return newest != newest_trips_.end() && newest->second != request.circuit.trip_id;
}

ReturnResult Breaker::attempt(const ReturnOrder& order) {
    if (is_superseded(order.request)) {
        return make_result(order.request, ReturnResult::Kind::refused, {TripCause::Kind::not_held});
    }
    return give_back(*session_, database_, order.request, order.guard, clock_.now());
}

std::optional<TripResult> Breaker::find(const TripOrder& order) {
    return find_trip(*session_, order.request);
}

std::optional<ReturnResult> Breaker::find(const ReturnOrder& order) {
    return find_return(*session_, database_, order.request, clock_.now());
}

bool Breaker::others_wait() {
    const std::scoped_lock lock{mutex_};
    return !orders_.empty();
}

/// Tries until the end is certain, the order expires, or nothing may be written. Empty: others
/// wait, and it is to be tried again behind them.
template <class O>
std::optional<BreakerNews> Breaker::insist(O& order, base::MonoTime since,
                                           const std::stop_token& stop) {
    using Result = decltype(attempt(order));
    const auto request = order.request;
    const auto answer = [&](Result result) -> BreakerNews {
        result.request.resumed = request.resumed;
        return result;
    };
    backoff_.reset();
    std::optional<Result> last;
    for (;;) {
        if (expired(order.asked_at, since)) {
            return answer(make_sure(last ? *last : expiry(order), order));
        }
        if (const auto why = why_held(); why && writes(order))
            return answer(make_sure(held(order, *why), order));
        auto result = attempt(order);
        const bool uncertain =
            last && last->kind == Result::Kind::unknown && result.kind == Result::Kind::failed;
        if (!uncertain) last = std::move(result);
        // After an unknown end this request, too, may have been carried out.
        order.request.resumed = order.request.resumed || last->kind == Result::Kind::unknown;
        if (stop.stop_requested()) return answer(*last);
        if (!last->try_again) return answer(make_sure(std::move(*last), order));
        wait(backoff_.next(), writes(order), stop);
        if (stop.stop_requested()) return answer(*last);
        if (others_wait()) return std::nullopt;
    }
}

template <class O>
auto Breaker::held(const O& order, TripCause::Kind why) {
    return make_result(order.request, EndOf<O>::Kind::refused, {why});
}

/// What came to nothing now may have been carried out before (a restart, a lost commit): the
/// gateway tells, and where it cannot be read nobody knows.
template <class Result, class O>
Result Breaker::make_sure(Result result, const O& order) {
    const bool nobody_looked = result.kind == Result::Kind::failed ||
                               result.cause.kind == TripCause::Kind::paused ||
                               result.cause.kind == TripCause::Kind::off;
    if (!nobody_looked || !order.request.resumed) return result;
    try {
        if (auto done = find(order)) return *done;
    } catch (const sync::GatewayError& e) {
        result.kind = Result::Kind::unknown;
        result.cause.unread = e.what();
        explain(result, result.cause);
    }
    return result;
}

bool Breaker::expired(base::Second asked_at, base::MonoTime since) const {
    return clock_.now() - asked_at > kRequestLife || clock_.mono() - since > kRequestLife;
}

std::optional<TripCause::Kind> Breaker::why_held() {
    const std::scoped_lock lock{mutex_};
    return held_;
}

/// Until the time is over; what writes and is held is told at once.
void Breaker::wait(std::chrono::milliseconds time, bool until_held, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, stop, time, [&] { return until_held && held_; });
}

/// The thread must outlive whatever a library throws (no memory, an answer that it cannot read).
std::optional<BreakerNews> Breaker::carry_out_safely(Waiting& waiting,
                                                     const std::stop_token& stop) {
    try {
        return std::visit(
            [&](auto& order) -> std::optional<BreakerNews> {
                if constexpr (std::is_same_v<std::decay_t<decltype(order)>, LookOrder>) {
                    return look(order);
                } else {
                    return insist(order, waiting.since, stop);
                }
            },
            waiting.order);
    } catch (const std::exception& e) {
        return stuck(waiting.order, e);
    }
}

}  // namespace quotafuse::circuit_breaker
