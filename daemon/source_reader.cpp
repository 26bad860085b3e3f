#include "daemon/source_reader.h"

#include <SQLiteCpp/Exception.h>

namespace quotafuse::daemon {

SourceReader::SourceReader(Origin origin, sync::Position position, sync::FollowOptions follow,
                           ReaderOptions options, const base::Clock& clock,
                           std::function<void(SourceNews)> tell)
    : origin_(std::move(origin)),
      options_(options),
      clock_(clock),
      tell_(std::move(tell)),
      follower_(*origin_.source, *origin_.mirror, std::move(position), follow, clock),
      info_(*origin_.main, origin_.database, options.needs),
      pace_(options.catch_up_rate),
      backoff_(options.first_backoff, options.longest_backoff, options.seed),
      next_info_(clock.mono()),
      thread_([this](const std::stop_token& stop) { work(stop); },
              [this] {
                  origin_.source->interrupt();
                  origin_.main->interrupt();
              }) {}

void SourceReader::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        // Names first: an alert of the very first poll should name its channel.
        if (clock_.mono() >= next_info_) look_at_objects();
        look(stop);
    }
}

/// One poll, and the wait after it.
void SourceReader::look(const std::stop_token& stop) {
    if (!headroom_.wait(stop)) return;
    const auto start = clock_.mono();
    base::Milliseconds rest{0};
    try {
        auto poll = follower_.next();
        backoff_.reset();
        info_.set_gateway(poll.gateway);
        recognized_ = true;
        rest = rest_after(poll, start);
        headroom_.read(poll);
        tell_(std::move(poll));
    } catch (const sync::GatewayError& e) {
        if (stop.stop_requested()) return;
        tell_(SourceTrouble{e.kind(), e.what()});
        rest = backoff_.next();
    } catch (const SQLite::Exception& e) {
        tell_(MirrorTrouble{e.what()});
        rest = backoff_.next();
    }
    wait(rest, stop);
}

base::Milliseconds SourceReader::rest_after(const sync::Poll& poll, base::MonoTime start) {
    if (poll.suspect) return base::Milliseconds{0};
    const auto spent = std::chrono::duration_cast<base::Milliseconds>(clock_.mono() - start);
    // Drained: a fixed grid, whatever a poll takes.
    const auto period =
        poll.drained ? options_.poll_interval : pace_.after(poll.batch.entries.size(), spent);
    return period - spent;
}

void SourceReader::look_at_objects() {
    next_info_ = clock_.mono() + options_.info_interval;
    recognize();
    try {
        tell_(info_.read());
    } catch (const sync::GatewayError& e) {
        tell_(InfoTrouble{e.kind(), e.what()});
    }
}

/// The log tells the program for certain, and with it how it numbers its channel types.
void SourceReader::recognize() {
    if (recognized_) return;
    try {
        info_.set_gateway(origin_.source->dialect().gateway());
        recognized_ = true;
    } catch (const sync::GatewayError&) {
        // The poll says so, and InfoReader guesses.
    }
}

void SourceReader::wait(base::Milliseconds time, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    never_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace quotafuse::daemon
