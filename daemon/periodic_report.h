#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/report_facts.h"
#include "daemon/report_text.h"
#include "notifiers/outbox.h"
#include "sync/gateway_info.h"

namespace quotafuse::daemon {

/// Puts the reports that notifiers want into the outbox, each once: its event id is its notifier
/// and date, so that no restart repeats it. After a time without quotafuse only the last one that
/// was missed is made up for, once the log has been read up to when it was due. Pipeline thread
/// only; throws SQLite::Exception, and then it is tried again.
class PeriodicReports {
public:
    struct Rooms {
        ReportSources sources;
        notifiers::Outbox& outbox;
        const Intake& intake;
    };
    PeriodicReports(Rooms rooms, const Config& config, const base::Clock& clock,
                    const base::Log& log);

    /// Cheap where nothing is due.
    void put_due();
    /// How the gateway shows amounts. Until it is known, for kPatience at most, reports wait.
    void observe(const sync::GatewayInfo& info);
    static constexpr base::Seconds kPatience{120};
    /// So long after its time a report is put: one to five minutes, always the same for a notifier.
    /// Services are busy at the full and the half hour, and Feishu refuses messages then.
    static base::Seconds offset_of(std::string_view notifier);

private:
    void put(const notifiers::Settings& notifier, const DueReport& due);

    Rooms rooms_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    ReportText text_;
    Currency currency_;
    base::MonoTime waits_until_;
    std::map<std::string, base::Second> settled_;  // notifier → due time of its last report
};

}  // namespace quotafuse::daemon
