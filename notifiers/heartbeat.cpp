#include "notifiers/heartbeat.h"

#include <algorithm>

#include <fmt/format.h>

namespace quotafuse::notifiers {
namespace {

using namespace std::chrono_literals;

/// Whoever listens waits little longer than `every`: one lost call must not be an alarm.
constexpr std::chrono::seconds kRetry = 10s;

}  // namespace

Heartbeat::Heartbeat(HeartbeatSettings settings, const base::Clock& clock, Report report)
    : settings_(std::move(settings)),
      clock_(clock),
      report_(std::move(report)),
      client_(settings_.http),
      next_(clock.mono()),
      thread_([this] { run(); }) {}

Heartbeat::~Heartbeat() {
    {
        const std::scoped_lock lock{mutex_};
        stopped_ = true;
    }
    client_.interrupt();
    woken_.notify_one();
    thread_.join();
}

void Heartbeat::alive(bool well) {
    const std::scoped_lock lock{mutex_};
    wanted_ = well && clock_.mono() >= next_;
    if (wanted_) woken_.notify_one();
}

void Heartbeat::run() {
    bool failing = false;
    std::unique_lock lock{mutex_};
    for (;;) {
        woken_.wait(lock, [&] { return wanted_ || stopped_; });
        if (stopped_) return;
        wanted_ = false;
        next_ = base::MonoTime::max();  // none while this one runs
        const auto began = clock_.mono();
        lock.unlock();
        const auto failure = call();
        lock.lock();
        if (stopped_) return;
        next_ = began + (failure.empty() ? settings_.every : std::min(settings_.every, kRetry));
        if (failure.empty() != failing) continue;
        failing = !failing;
        lock.unlock();
        report_(failure);
        lock.lock();
    }
}

std::string Heartbeat::call() {
    const auto reply = client_.get(settings_.url);
    if (reply.transport != Outcome::Kind::ok) return reply.error;
    if (reply.status < 200 || reply.status >= 300) return fmt::format("HTTP {}", reply.status);
    return {};
}

}  // namespace quotafuse::notifiers
