#pragma once
// The breaker's thread and what it reports.

#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "circuit_breaker/breaker.h"
#include "circuit_breaker_return_fixture.h"
#include "support/fake_clock.h"

namespace quotafuse::tests {

constexpr std::int64_t kStart = 1'767'600'000;

/// What the pipeline's queue would be.
class News {
public:
    Breaker::Report reporter() {
        return [this](BreakerNews one) {
            {
                const std::scoped_lock lock{mutex_};
                news_.push_back(std::move(one));
            }
            changed_.notify_all();
        };
    }
    /// At least so many, unless they do not come.
    std::vector<BreakerNews> wait_for(std::size_t count) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return news_.size() >= count; });
        return news_;
    }
    std::vector<TripResult> trips(std::size_t count) { return of<TripResult>(count); }
    std::vector<ReturnResult> returns(std::size_t count) { return of<ReturnResult>(count); }

private:
    template <class T>
    std::vector<T> of(std::size_t count) {
        std::vector<T> found;
        for (auto& one : wait_for(count)) found.push_back(std::get<T>(std::move(one)));
        return found;
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<BreakerNews> news_;
};

inline TripOrder order(std::int64_t channel, const std::string& trip, const base::Clock& clock) {
    auto request = live(channel, trip);
    request.reason = "cost 12 USD in 5m";
    return {.request = request, .guard = {}, .asked_at = clock.now()};
}

inline std::unique_ptr<TestGateway> three_channels(Engine engine) {
    auto gateway = std::make_unique<TestGateway>(engine, "newapi_2026");
    for (const std::int64_t id : {1, 2, 3}) gateway->add_channel(id, {"default"}, {"gpt-4o"});
    return gateway;
}

[[noreturn]] inline void refuse_connection() {
    throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
}

/// Until `done` says so, at most 20 s.
template <class F>
bool eventually(F done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return true;
}

}  // namespace quotafuse::tests
