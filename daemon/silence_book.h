#pragma once

#include <string>
#include <vector>

#include "alerts/engine.h"
#include "alerts/self_alerts.h"
#include "alerts/silence.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "base/time_zone.h"

namespace quotafuse::daemon {

/// The silences of this store: on record first, then in effect with the next second that is
/// evaluated. Pipeline thread only.
class SilenceBook {
public:
    struct Rooms {
        base::Database& database;
        alerts::Engine& engine;
        alerts::SelfAlerts& self_alerts;
    };
    SilenceBook(Rooms rooms, base::TimeZone zone, const base::Clock& clock, const base::Log& log);

    /// Once the engine has its time. Throws SQLite::Exception.
    void load();
    /// Those that have ended are forgotten; what they held is the engine's business.
    void expire();
    const std::vector<alerts::Silence>& silences() const { return silences_; }

    // Answers to commands: a request in JSON, an answer in JSON. They throw Failure: usage for what
    // cannot be meant, io_error when the store cannot be written; then nothing has changed.
    /// {"rule", "match", "for", "until", "reason", "no_action"} → {"silence": …, "warnings": […]}
    std::string add(const std::string& request);
    /// {"silences": […]}
    std::string list() const;
    /// {"id": 3} → {"silence": …}
    std::string end(const std::string& request);

private:
    base::Second next_second() const;
    void use(std::vector<alerts::Silence> silences);

    Rooms rooms_;
    base::TimeZone zone_;
    const base::Clock& clock_;
    const base::Log& log_;
    std::vector<alerts::Silence> silences_;
};

/// The silences as commands and pages get them: a JSON list of {"id", "rule", "match", "from",
/// "until", "reason", "holds_actions"}.
std::string silences_json(const std::vector<alerts::Silence>& silences);

}  // namespace quotafuse::daemon
