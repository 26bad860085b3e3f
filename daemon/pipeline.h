#pragma once

#include <deque>
#include <functional>
#include <stop_token>
#include <string>
#include <variant>

#include "alerts/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/breaker.h"
#include "daemon/announcer.h"
#include "daemon/breaker_desk.h"
#include "daemon/breaker_recovery.h"
#include "daemon/courier.h"
#include "daemon/engine_file.h"
#include "daemon/errands.h"
#include "daemon/intake.h"
#include "daemon/mailbox.h"
#include "daemon/periodic_report.h"
#include "daemon/self_watch.h"
#include "daemon/silence_book.h"
#include "daemon/source_reader.h"
#include "daemon/status_board.h"
#include "daemon/store_check.h"
#include "daemon/upkeep.h"
#include "notifiers/dispatcher.h"

namespace quotafuse::daemon {

/// What other threads hand to the pipeline.
using Letter = std::variant<SourceNews, notifiers::Dispatcher::Result, circuit_breaker::BreakerNews,
                            StoreVerdict>;

/// The one thread that writes the store: takes what was read, evaluates, puts on record, starts
/// sends and trips, and publishes how it all stands. When the store cannot be written everything
/// waits in order and is tried again once a second.
class Pipeline {
public:
    struct Rooms {
        sync::Store& store;
        alerts::Engine& engine;
        alerts::SelfAlerts& self_alerts;
        sync::Gauges& gauges;
        notifiers::Outbox& outbox;
        circuit_breaker::Audit& audit;
        circuit_breaker::PauseBook& pause;
        EngineFile& file;
        SilenceBook& silences;
        SelfWatch& watch;
        Errands& errands;
        Intake& intake;
        Announcer& announcer;
        BreakerDesk& desk;
        BreakerRecovery& recovery;
        PeriodicReports& reports;
        Courier& courier;
        StatusBoard& board;
        Upkeep& upkeep;
        base::Database& database;
    };
    /// `stored` is called after each poll that was stored: the reader may go on. `reloaded`: it
    /// takes the place of one with another configuration.
    Pipeline(Rooms rooms, Mailbox<Letter>& mailbox, std::function<void()> stored, bool reloaded,
             const base::Clock& clock, const base::Log& log);

    /// Turns until `stop`, then lets running sends end for a moment and puts the state on record.
    void run(const std::stop_token& stop);

private:
    void turn();
    void start();
    void handle(const Letter& letter);
    void handle_news(const SourceNews& news);
    void handle_breaker(const circuit_breaker::BreakerNews& news);
    void handle_info(const sync::GatewayInfo& info);
    void handle_info_trouble(const InfoTrouble& trouble);
    void evaluate();
    void warm_up();
    void learn_traffic();
    void collect(base::MonoTime until);
    base::MonoTime next_turn() const;
    void handle_letters();
    void keep_up();
    bool evaluates_late() const;
    void look_at_itself();
    void publish();
    void write_store(const std::function<void()>& act);
    void finish();

    Rooms rooms_;
    Mailbox<Letter>& mailbox_;
    std::function<void()> stored_;
    const base::Clock& clock_;
    const base::Log& log_;
    std::deque<Letter> letters_;  // not yet dealt with, in order
    bool reloaded_;
    bool restored_ = false;
    bool started_ = false;
    bool more_upkeep_ = false;
    bool more_warm_up_ = true;
    bool more_traffic_ = true;   // to be counted for the breaker's guards
    bool told_traffic_ = false;  // that it was counted
    bool told_warm_up_ = false;  // that it began
    std::optional<base::Second> looked_at_;
    std::string trouble_;  // why the store cannot be written; empty when it can
};

}  // namespace quotafuse::daemon
