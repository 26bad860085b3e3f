#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "alerts/engine.h"
#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/upkeep.h"
#include "daemon/wording.h"
#include "notifiers/outbox.h"

namespace quotafuse::daemon {

/// Looks at the rooms and tells the built-in alerts how things stand. What a restart cannot know
/// yet stays as it was. Pipeline thread only.
class SelfWatch {
public:
    struct Rooms {
        alerts::SelfAlerts& alerts;
        const Intake& intake;
        const Upkeep& upkeep;
        const notifiers::Outbox& outbox;
    };
    SelfWatch(Rooms rooms, const Config& config, const base::Clock& clock);

    /// The store cannot be written; empty when it can again.
    void note_store_trouble(const std::string& text);
    /// Once a second. Throws SQLite::Exception.
    void look(const alerts::Overview& overview);

    static constexpr base::Seconds kNews{3600};        // a new epoch, a dead letter
    static constexpr base::Seconds kFailsFor{600};     // until a notifier counts as dead
    static constexpr base::Seconds kStoreTrouble{60};  // of which nobody need know
    /// Seconds; a clock that is behind has the poll_interval in addition: rows are as old.
    static constexpr std::int64_t kMostSkew = 30;

private:
    struct NotifierState {
        std::optional<base::MonoTime> failing_since{};
        std::optional<std::int64_t> failed{};  // dead letters, when last looked at
        std::optional<base::MonoTime> lost_at{};
    };

    void look_at_source();
    void look_at_clock();
    void look_at_store();
    void look_at_notifiers();
    void look_at_rules(const alerts::Overview& overview);
    /// For the log, and for messages.
    struct Texts {
        std::string log;
        std::string told;
    };
    Texts fault_of(const std::string& notifier, NotifierState& state, bool told);
    Texts standstill(base::Seconds behind) const;
    std::set<std::string> firing(alerts::SelfAlert alert) const;

    Rooms rooms_;
    const Config& config_;
    const base::Clock& clock_;
    const Wording words_;
    std::map<std::string, NotifierState> notifiers_;
    std::string store_trouble_;
    std::optional<base::MonoTime> store_trouble_since_;
};

}  // namespace quotafuse::daemon
