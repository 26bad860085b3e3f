#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "circuit_breaker/circuit.h"
#include "daemon/config.h"
#include "daemon/wording.h"
#include "sync/row.h"
#include "sync/row_reader.h"

namespace quotafuse::daemon {

/// Counts the rows of what is switched off: those that should not have come ("disabled but still
/// serving"), and those of a trial. Pipeline thread only.
class CircuitWatch {
public:
    CircuitWatch(const Config& config, const sync::Texts& texts, const base::Clock& clock);

    /// The circuits that are open now. What is known of the others is forgotten; of a trial that is
    /// new here (a restart), what came since it began is counted from `rows`. Throws
    /// SQLite::Exception.
    void follow(const std::vector<circuit_breaker::Circuit>& circuits, sync::RowReader& rows);
    /// Rows as they came in.
    void note_rows(const std::vector<sync::Row>& rows);

    /// Of a trial: upstream attempts of requests that began since, without the clients' errors.
    struct Attempts {
        std::int64_t all = 0;
        std::int64_t errors = 0;
    };
    Attempts attempts(const std::string& trip_id) const;

    /// A look at the gateway that began at `began` saw it off, as it should be: what had come until
    /// then was served all the same.
    void confirm(const std::string& trip_id, base::Second began);

    /// Requests that began later than a trip plus what the gateway's cache may take: the alert
    /// still_serving, one series for each such circuit. It holds for kStillServing after the last.
    void tell(alerts::SelfAlerts& alerts) const;
    static constexpr base::Seconds kStillServing{600};

    /// Circuits whose first such row has come since the last call: for the audit.
    struct Proof {
        circuit_breaker::Circuit circuit;
        std::string text;
    };
    std::vector<Proof> take_proofs();

private:
    struct Watched {
        circuit_breaker::Circuit circuit;
        base::Second quiet_from{};  // requests that begin after it should not be served
        /// Rows of such, as they came in; and as a look has confirmed them since.
        struct Served {
            std::int64_t rows = 0;
            base::Second last{};
        };
        Served came;
        base::Second came_at{};  // when the last of them came in
        Served served;
        bool looked = false;  // at least once since the start: the alert is known
        Attempts attempts;
        bool told = false;
    };
    bool concerns(const circuit_breaker::Target& target, const sync::Row& row) const;
    void note(Watched& watched, const sync::Row& row) const;
    std::string text_of(const Watched& watched, bool told) const;

    const Config& config_;
    const sync::Texts& texts_;
    const base::Clock& clock_;
    const Wording words_;
    std::map<std::string, Watched> watched_;  // by trip id
};

}  // namespace quotafuse::daemon
