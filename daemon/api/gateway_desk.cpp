#include "daemon/api/gateway_desk.h"

#include <algorithm>
#include <utility>

namespace quotafuse::daemon::api {
namespace {

using Clock = std::chrono::steady_clock;
using sync::GatewayError;

}  // namespace

/// A line, taken for one question.
class GatewayDesk::Use {
public:
    explicit Use(GatewayDesk& desk) : desk_(desk) {
        std::unique_lock lock{desk.mutex_};
        const auto free = [&] { return std::ranges::find(desk.lines_, false, &Line::busy); };
        const bool found = desk.changed_.wait_for(lock, desk.limits_.of_all,
                                                  [&] { return free() != desk.lines_.end(); });
        if (!found) {
            throw GatewayError(GatewayError::Kind::stalled,
                               "others ask the gateway at the moment; try again");
        }
        line_ = &*free();
        line_->busy = true;
        line_->ended = false;
        line_->since = Clock::now();
        is_kept_ = line_->session != nullptr;
        if (!is_kept_) renew();
        desk.changed_.notify_all();  // the watch has something to wait for
    }
    ~Use() {
        const std::scoped_lock lock{desk_.mutex_};
        // One that was ended is in a state that nobody knows.
        if (line_->ended) line_->session.reset();
        line_->busy = false;
        line_->since = Clock::now();
        desk_.changed_.notify_all();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    sync::GatewaySession& session() const { return *line_->session; }
    bool is_kept() const { return is_kept_; }
    void reconnect() {
        const std::scoped_lock lock{desk_.mutex_};
        renew();
    }

private:
    void renew() {
        sync::SessionOptions options;
        options.connect_timeout = options.read_timeout = desk_.limits_.of_a_step;
        options.read_only = true;
        line_->session = sync::make_session(desk_.dsn_, options);
    }

    GatewayDesk& desk_;
    Line* line_ = nullptr;
    bool is_kept_ = false;
};

GatewayDesk::GatewayDesk(sync::Dsn dsn, Limits limits)
    : dsn_(std::move(dsn)),
      limits_(limits),
      lines_(limits.at_once),
      watch_([this](const std::stop_token& stop) { watch(stop); }) {}

GatewayDesk::~GatewayDesk() = default;

void GatewayDesk::ask(const Question& question) {
    Use use{*this};
    try {
        question(use.session());
    } catch (const GatewayError& e) {
        if (!use.is_kept() || e.kind() != GatewayError::Kind::unreachable) throw;
        use.reconnect();
        question(use.session());
    }
}

std::size_t GatewayDesk::connections() {
    const std::scoped_lock lock{mutex_};
    return static_cast<std::size_t>(
        std::ranges::count_if(lines_, [](const Line& line) { return line.session != nullptr; }));
}

/// When there is something to do about it.
GatewayDesk::Time GatewayDesk::due(const Line& line) const {
    if (line.busy) return line.ended ? Time::max() : line.since + limits_.of_all;
    return line.session ? line.since + limits_.idle : Time::max();
}

/// Ends what takes too long and closes what nobody uses.
void GatewayDesk::watch(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
        const auto next =
            std::ranges::min_element(lines_, {}, [&](const Line& line) { return due(line); });
        const auto at = due(*next);
        if (at > Clock::now()) {
            // Until the end of time a wait would overflow.
            changed_.wait_until(
                lock, stop, std::min(at, Clock::now() + std::chrono::hours{1}), [&, known = at] {
                    return std::ranges::any_of(lines_,
                                               [&](const Line& line) { return due(line) < known; });
                });
            continue;
        }
        auto session = next->session;
        if (next->busy)
            next->ended = true;
        else
            next->session.reset();
        const bool ends = next->busy;
        lock.unlock();
        if (ends) session->interrupt();
        session.reset();  // to close a connection takes its time, too
        lock.lock();
    }
}

}  // namespace quotafuse::daemon::api
