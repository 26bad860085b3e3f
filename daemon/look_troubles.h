#pragma once

#include <map>
#include <string>

#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "base/log.h"
#include "circuit_breaker/circuit.h"
#include "daemon/config.h"
#include "daemon/wording.h"

namespace quotafuse::daemon {

/// Kinds of what is switched off that cannot be looked after, for want of a grant most often: what
/// people change there goes unnoticed. The log has each reason once; the alert breaker_blind, one
/// series for each kind, has what lasts. Pipeline thread only.
class LookTroubles {
public:
    LookTroubles(const Config& config, const base::Clock& clock, const base::Log& log)
        : clock_(clock), log_(log), words_(config.language) {}

    using Troubles = std::map<circuit_breaker::Target::Kind, std::string>;
    /// Of a look (see circuit_breaker::LookResult). None where there is nothing to look at.
    void note(const Troubles& troubles);
    /// Once a second. Before the first look after a start the alert goes on as it was. Nothing new
    /// is raised while source_stale says that the gateway cannot be read at all.
    void tell(alerts::SelfAlerts& alerts) const;
    static constexpr base::Seconds kLasts{60};

private:
    struct Trouble {
        base::MonoTime since;
        std::string error;
    };
    std::string about(circuit_breaker::Target::Kind kind) const;
    std::string text_of(circuit_breaker::Target::Kind kind, const std::string& error,
                        bool told) const;

    const base::Clock& clock_;
    const base::Log& log_;
    const Wording words_;
    std::map<circuit_breaker::Target::Kind, Trouble> troubles_;
    bool looked_ = false;
};

}  // namespace quotafuse::daemon
