#include <algorithm>
#include <csignal>
#include <memory>
#include <new>
#include <random>

#include <fmt/format.h>

#include "daemon/commands/commands.h"
#include "daemon/daemon.h"
#include "daemon/service_manager.h"
#include "daemon/signals.h"
#include "notifiers/heartbeat.h"

namespace quotafuse::daemon {
namespace {

/// Lines come in the order of their places, warnings between errors.
std::string first_fault(const base::yaml::Diagnostics& diagnostics) {
    const auto lines = diagnostics.lines();
    const auto first = std::find_if(lines.begin(), lines.end(), [](const auto& line) {
        return line.find(": warning: ") == line.npos;
    });
    // A text of the file may look like a warning of ours.
    const auto& line = first == lines.end() ? lines.front() : *first;
    if (diagnostics.errors() <= 1) return line;
    return fmt::format("{} (and {} more: `quotafuse check` lists them)", line,
                       diagnostics.errors() - 1);
}

/// The running daemon, its configuration, and how one takes the place of the other.
class Service {
public:
    Service(const Arguments& arguments, const base::Log& log, base::Log& hiding)
        : arguments_(arguments), log_(log), hiding_(hiding) {
        start(std::make_unique<Config>(load_or_fail(arguments)), false);
    }

    StatusBoard& board() { return daemon_->board(); }

    /// To be called every few seconds.
    void beat() {
        if (heartbeat_) heartbeat_->alive(board().alive() && board().readiness().ready);
    }

    /// A faulty configuration changes nothing: its first fault is told, the old one goes on.
    void reload() {
        base::yaml::Diagnostics diagnostics;
        auto fresh = read(diagnostics);
        if (!fresh) return;
        daemon_.reset();
        auto former = std::move(config_);
        try {
            start(std::move(fresh), true);
            log_.info("reloaded");
        } catch (const std::exception& e) {
            const auto why = say_refused(e.what());
            start(std::move(former), true);
            board().note_refused_reload(why);
        }
    }

private:
    /// Null, and refused, when it has faults.
    std::unique_ptr<Config> read(base::yaml::Diagnostics& diagnostics) {
        try {
            auto fresh = std::make_unique<Config>(
                load_config(arguments_.config, base::Environment::of_process(), diagnostics));
            if (diagnostics.ok()) {
                require_source(*fresh);
                for (const auto& line : diagnostics.lines(false)) log_.warning(line);
                return fresh;
            }
            board().note_refused_reload(say_refused(first_fault(diagnostics)));
        } catch (const std::bad_alloc&) {
            board().note_refused_reload(say_refused("there is not enough memory to read it"));
        } catch (const std::exception& e) {
            board().note_refused_reload(say_refused(e.what()));
        }
        return nullptr;
    }

    /// One line; returns what the status says of it until a reload is good.
    std::string say_refused(const std::string& why) const {
        log_.error(fmt::format("reload refused, the former configuration goes on: {}", why));
        return log_.clean(why);
    }

    void start(std::unique_ptr<Config> config, bool reloaded) {
        require_source(*config);
        hiding_.hide(config->secrets());
        daemon_ = std::make_unique<Daemon>(*config, clock_, log_, std::random_device{}(), sessions_,
                                           reloaded);
        board().note_start(begun_);
        config_ = std::move(config);
        heartbeat_ = make_heartbeat();
    }

    std::unique_ptr<notifiers::Heartbeat> make_heartbeat() const {
        if (!config_->heartbeat) return nullptr;
        return std::make_unique<notifiers::Heartbeat>(
            *config_->heartbeat, clock_, [this](const std::string& failure) {
                if (failure.empty()) return log_.info("heartbeat: is heard again");
                log_.warning(fmt::format(
                    "heartbeat: is not heard: {}; it is tried again every few seconds", failure));
            });
    }

    const Arguments& arguments_;
    const base::Log& log_;
    base::Log& hiding_;
    base::SystemClock clock_;
    Sessions sessions_{clock_};  // a reload logs nobody out
    const base::MonoTime begun_ = clock_.mono();
    std::unique_ptr<Config> config_;
    std::unique_ptr<Daemon> daemon_;  // after config_, to which it refers
    std::unique_ptr<notifiers::Heartbeat> heartbeat_;
};

}  // namespace

int run_command(const Arguments& arguments) {
    Signals signals;  // blocked before the first thread exists, so that every thread inherits it
    base::Log log{arguments.debug ? base::Level::debug : base::Level::info};
    const ServiceManager manager;
    Service service{arguments, log, log};
    manager.ready();
    const auto step = manager.watchdog_interval().count() > 0
                          ? std::min(manager.watchdog_interval(), base::Milliseconds{5000})
                          : base::Milliseconds{5000};
    for (;;) {
        const int signal = signals.wait(step);
        if (signal == SIGHUP) {
            manager.reloading();
            service.reload();
            manager.ready();
        } else if (signal != 0) {
            log.info(fmt::format("stopping ({})", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
            manager.stopping();
            signals.release();  // a second signal ends it at once
            return 0;
        }
        if (service.board().alive()) manager.alive();
        service.beat();
        manager.status(service.board().line());
    }
}

}  // namespace quotafuse::daemon
