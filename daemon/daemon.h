#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/database.h"
#include "base/lock_file.h"
#include "base/log.h"
#include "daemon/api/api.h"
#include "daemon/breaker_requests.h"
#include "daemon/config.h"
#include "daemon/control_socket.h"
#include "daemon/metrics.h"
#include "daemon/pages.h"
#include "daemon/pipeline.h"
#include "daemon/public_page.h"
#include "daemon/status_server.h"
#include "daemon/store_check.h"
#include "daemon/upkeep.h"

namespace quotafuse::daemon {

/// Everything that runs, wired together: the members stand in start order, so that their
/// destruction is the shutdown. A reload is a new Daemon on the same store; it takes up where the
/// old one stopped.
class Daemon {
public:
    /// Starts. Throws base::Failure where something that it cannot do without is not to be had;
    /// then nothing runs.
    /// `sessions`: who is logged in to the status page; outlives it. `reloaded`: it takes the place
    /// of one with another configuration.
    Daemon(const Config& config, const base::Clock& clock, const base::Log& log, std::uint64_t seed,
           Sessions& sessions, bool reloaded = false);
    /// Stops within 2 s while peers answer. What is being sent is waited for, up to 10 s, because
    /// it would be sent again.
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    StatusBoard& board() { return board_; }
    std::string url() const { return server_.url(); }

private:
    std::vector<notifiers::Dispatcher::Entry> make_providers();
    std::unique_ptr<circuit_breaker::Breaker> make_breaker(std::uint64_t seed);
    BreakerRooms breaker_rooms();
    std::unique_ptr<SourceReader> make_reader(std::uint64_t seed);
    std::unique_ptr<StoreCheck> make_check();
    std::map<std::string, ControlCommand> make_commands();
    api::Facts api_facts();
    MetricsPage::Told told_by_metrics();
    StatusPages make_pages();
    void say_what_runs() const;
    void run(const std::stop_token& stop);

    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    base::LockFile lock_;
    base::Database database_;
    sync::Store store_;
    alerts::Engine engine_;
    alerts::SelfAlerts self_alerts_;
    sync::Gauges gauges_;
    notifiers::Outbox outbox_;
    circuit_breaker::Audit audit_;
    circuit_breaker::PauseBook pause_;
    StatusBoard board_;
    Mailbox<Letter> mailbox_;
    notifiers::Pacing pacing_;
    notifiers::Dispatcher dispatcher_;
    std::unique_ptr<circuit_breaker::Breaker> breaker_;
    Intake intake_;
    Upkeep upkeep_;
    EngineFile file_;
    SilenceBook silences_;
    SelfWatch watch_;
    Errands errands_;
    Messages messages_;
    BreakerAnswers answers_;
    BreakerDesk desk_;
    BreakerRecovery recovery_;
    BreakerRequests requests_;
    Announcer announcer_;
    PeriodicReports reports_;
    Courier courier_;
    GatewayDesks desks_;
    AlertCauses causes_;
    api::Api api_;
    MetricsPage metrics_;
    PublicPage public_;
    StatusServer server_;
    ControlSocket socket_;
    std::unique_ptr<SourceReader> reader_;
    Pipeline pipeline_;
    std::unique_ptr<StoreCheck> check_;  // only after an end that was not clean
    std::jthread thread_;
};

}  // namespace quotafuse::daemon
