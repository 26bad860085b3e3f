#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "notifiers/dispatcher.h"
#include "notifiers/outbox.h"
#include "notifiers/pacing.h"

namespace quotafuse::daemon {

/// Carries the outbox to the dispatcher and its results back. Pipeline thread only.
class Courier {
public:
    Courier(notifiers::Outbox& outbox, notifiers::Dispatcher& dispatcher, notifiers::Pacing& pacing,
            std::vector<std::string> notifiers, const base::Clock& clock, const base::Log& log);

    /// Once, before the rest: gives up what waits for notifiers that are gone, and keeps to the
    /// services' limits by what was sent just before the start.
    void start();
    /// Starts what is due at every notifier that is free. Throws SQLite::Exception; then nothing
    /// was started that is not on record.
    void pump();
    void take(const notifiers::Dispatcher::Result& result);
    /// When pump() may find something that it could not start before; at most a second away from
    /// now.
    base::MonoTime next_look() const;
    /// Whether a send is running, or its result was not taken yet.
    bool busy() const { return under_way_ > 0; }

private:
    void prune();

    notifiers::Outbox& outbox_;
    notifiers::Dispatcher& dispatcher_;
    notifiers::Pacing& pacing_;
    std::vector<std::string> names_;
    const base::Clock& clock_;
    const base::Log& log_;
    int under_way_ = 0;
    base::MonoTime next_prune_;
    std::map<std::string, std::string> trouble_;  // notifier → the last error that the log heard of
};

}  // namespace quotafuse::daemon
