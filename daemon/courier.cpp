#include "daemon/courier.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace quotafuse::daemon {
namespace {

/// What was delivered or given up is kept this long, for those who ask what was said.
constexpr base::Seconds kMemory{30 * 86400};
constexpr base::Seconds kPruneInterval{3600};
/// No service counts over a longer time.
constexpr base::Seconds kLongestWindow{60};

std::string with_advice(const notifiers::Outcome& outcome) {
    return outcome.advice.empty() ? outcome.why
                                  : fmt::format("{} ({})", outcome.why, outcome.advice);
}

}  // namespace

Courier::Courier(notifiers::Outbox& outbox, notifiers::Dispatcher& dispatcher,
                 notifiers::Pacing& pacing, std::vector<std::string> notifiers,
                 const base::Clock& clock, const base::Log& log)
    : outbox_(outbox),
      dispatcher_(dispatcher),
      pacing_(pacing),
      names_(std::move(notifiers)),
      clock_(clock),
      log_(log),
      next_prune_(clock.mono()) {}

void Courier::start() {
    const auto left = outbox_.retire_all_but(names_, clock_.now());
    if (left > 0)
        log_.warning(
            fmt::format("outbox: {} messages waited for notifiers that are not configured any "
                        "more; they are kept as dead letters",
                        left));
    const auto now = clock_.now();
    for (const auto& name : names_) {
        for (const auto begun : outbox_.begun(name, now - kLongestWindow))
            pacing_.recall(name, now - begun);
    }
}

void Courier::prune() {
    if (clock_.mono() < next_prune_) return;
    outbox_.prune(clock_.now() - kMemory);
    next_prune_ = clock_.mono() + kPruneInterval;
}

void Courier::pump() {
    prune();
    for (const auto& name : names_) {
        if (!dispatcher_.idle(name) || !pacing_.ready(name)) continue;
        auto delivery = outbox_.next(name, clock_.now());
        if (!delivery) continue;
        outbox_.begin_attempt(*delivery, clock_.now());
        pacing_.begin(name);
        ++under_way_;
        dispatcher_.send(name, delivery->id, std::move(delivery->mail));
    }
}

void Courier::take(const notifiers::Dispatcher::Result& result) {
    const auto fate = outbox_.finish(result.delivery, result.outcome, clock_.now());
    --under_way_;
    pacing_.note(result.notifier, result.outcome);
    auto& trouble = trouble_[result.notifier];
    switch (fate) {
        case notifiers::Outbox::Fate::delivered:
            if (!trouble.empty())
                log_.info(fmt::format("notifier {}: works again", result.notifier));
            if (!result.outcome.why.empty())
                log_.warning(
                    fmt::format("notifier {}: sent, but: {}", result.notifier, result.outcome.why));
            trouble.clear();
            return;
        case notifiers::Outbox::Fate::kept_for_retry:
            if (trouble != result.outcome.why)
                log_.warning(fmt::format("notifier {}: not sent, will be tried again: {}",
                                         result.notifier, with_advice(result.outcome)));
            trouble = result.outcome.why;
            return;
        case notifiers::Outbox::Fate::taken_apart:
            log_.warning(fmt::format(
                "notifier {}: a message of many alerts was refused, each goes out alone: {}",
                result.notifier, result.outcome.why));
            return;
        case notifiers::Outbox::Fate::dead:
            log_.error(fmt::format(
                "notifier {}: a message was refused for good and is kept as a dead letter: {}",
                result.notifier, with_advice(result.outcome)));
            trouble = result.outcome.why;
            return;
    }
    std::abort();
}

base::MonoTime Courier::next_look() const {
    const auto now = clock_.mono();
    auto next = now + base::Seconds{1};
    for (const auto& name : names_) {
        // A notifier that is ready and free had nothing due a moment ago.
        const auto ready = pacing_.ready_at(name);
        if (dispatcher_.idle(name) && ready > now) next = std::min(next, ready);
    }
    return next;
}

}  // namespace quotafuse::daemon
