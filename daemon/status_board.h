#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "alerts/engine.h"
#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/pause.h"
#include "daemon/config.h"
#include "daemon/event_feed.h"
#include "daemon/intake.h"
#include "daemon/number_format.h"
#include "daemon/silence_book.h"
#include "daemon/status_view.h"
#include "daemon/store_check.h"
#include "daemon/upkeep.h"
#include "notifiers/outbox.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// What the pipeline publishes once a second, and what pages and commands read of it. publish() and
/// beat() belong to the pipeline thread; the rest is thread-safe.
class StatusBoard final : public StatusView {
public:
    /// `tell` gets what EventFeed makes of each publish(), by whoever calls that.
    StatusBoard(const Config& config, const base::Clock& clock,
                std::function<void(const std::string&)> tell = {});

    struct Rooms {
        const sync::Store& store;
        const alerts::Overview& overview;
        const alerts::SelfAlerts& self_alerts;
        const SilenceBook& silences;
        const notifiers::Outbox& outbox;
        circuit_breaker::Audit& audit;
        const circuit_breaker::PauseBook& pause;
        const Intake& intake;
        const Upkeep& upkeep;
        base::Database& database;  // for what the rooms do not count
    };
    void publish(const Rooms& rooms);
    /// When the process began, which a reload does not change; without it, when this was made. Any
    /// thread.
    void note_start(base::MonoTime start);
    /// The pipeline turned once more.
    void beat();
    /// The newest error that a person should know of, for pages; kept until a restart.
    void note_error(const std::string& text);
    /// In what the gateway shows amounts.
    void observe(const sync::GatewayInfo& info);
    /// The store cannot be written; empty when it can again.
    void note_store_trouble(const std::string& text);
    /// A reload was refused, and why: what runs is older than its files. Any thread; the next good
    /// reload makes a new board.
    void note_refused_reload(const std::string& why);
    /// The check of the store's file has begun, or this is what it found.
    void note_check_begun();
    void note(const StoreVerdict& verdict);

    std::string status_json() const override;
    Readiness readiness() const override;
    bool alive() const override;
    /// In which pages show amounts.
    Currency currency() const { return currency_.copy(); }
    /// One line for `systemctl status`.
    std::string line() const;

private:
    struct Error {
        base::Second at;
        std::string text;
    };
    Readiness judge(const Intake& intake) const;
    void judge_source(const Intake& intake, Readiness& readiness) const;
    void judge_store(Readiness& readiness) const;

    const Config& config_;
    const base::Clock& clock_;
    const bool writes_to_source_;
    const std::function<void(const std::string&)> tell_;
    EventFeed feed_;
    std::atomic<base::MonoTime> start_;
    base::Guarded<std::string> json_;
    base::Guarded<std::string> line_;
    base::Guarded<Readiness> readiness_;
    base::Guarded<std::optional<Error>> refused_reload_;
    base::Guarded<Currency> currency_;
    std::atomic<base::MonoTime> beat_;
    std::optional<Error> last_error_;
    std::string store_trouble_;
    std::string_view check_;  // of the store's file; empty when there was no reason for one
    std::string damage_;
};

}  // namespace quotafuse::daemon
