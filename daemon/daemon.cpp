#include "daemon/daemon.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "alerts/state_store.h"
#include "daemon/alert_pages.h"
#include "daemon/blind_spots.h"
#include "daemon/breaker_json.h"
#include "daemon/bundle_text.h"
#include "daemon/info_needs.h"
#include "daemon/retry_request.h"
#include "daemon/rule_report.h"
#include "daemon/rules_page.h"
#include "daemon/schemas.h"
#include "daemon/version.h"

namespace quotafuse::daemon {
namespace {

/// A person's own address of the console: the demo prints its notices there.
notifiers::Console console() {
    return {std::cout, ::isatty(STDOUT_FILENO) == 1};
}

notifiers::Outbox make_outbox(base::Database& database, const Config& config) {
    notifiers::Outbox outbox{database, BundleText{config}};
    for (const auto& notifier : config.notifiers) {
        outbox.set_expiry(notifier.name, notifier.expire);
        outbox.set_most_in_one(notifier.name, notifier.recipe->most_lines());
    }
    return outbox;
}

/// A channel's own circuit comes before those of its models.
std::map<std::int64_t, api::Json> open_circuits(SQLite::Database& snapshot) {
    std::map<std::int64_t, api::Json> circuits;
    for (const auto& circuit : circuit_breaker::Circuits{snapshot}.all()) {
        if (circuit.target.channel == 0) continue;
        if (circuit.target.kind == circuit_breaker::Target::Kind::channel)
            circuits[circuit.target.channel] = circuit_json(circuit);
        else
            circuits.try_emplace(circuit.target.channel, circuit_json(circuit));
    }
    return circuits;
}

}  // namespace

std::vector<base::Schema> all_schemas() {
    return {sync::Store::schema(), alerts::schema(), notifiers::Outbox::schema(),
            circuit_breaker::Audit::schema()};
}

Daemon::Daemon(const Config& config, const base::Clock& clock, const base::Log& log,
               std::uint64_t seed, Sessions& sessions, bool reloaded)
    : config_(config),
      clock_(clock),
      log_(log),
      lock_(config.store + ".lock"),
      database_(config.store, all_schemas()),
      store_(database_, config.keep, config.timezone),
      engine_(config.rules, store_, engine_options(config.keep)),
      self_alerts_(config.self_notify, config.timezone),
      gauges_(database_, store_),
      outbox_(make_outbox(database_, config)),
      audit_(database_),
      pause_(database_),
      board_(config, clock, [this](const std::string& event) { server_.publish(event); }),
      pacing_(clock, seed),
      dispatcher_(
          make_providers(),
          [this](notifiers::Dispatcher::Result result) { mailbox_.post(std::move(result)); }),
      breaker_(make_breaker(seed)),
      intake_(database_, store_, engine_, config.source.log_source()->describe(), clock, log,
              config.source.max_lag),
      upkeep_(database_, store_, engine_, config.timezone, clock, log),
      file_({database_, engine_, self_alerts_, gauges_}, clock, log),
      silences_({database_, engine_, self_alerts_}, config.timezone, clock, log),
      watch_({self_alerts_, intake_, upkeep_, outbox_}, config, clock),
      errands_([this] { mailbox_.wake(); }),
      messages_(config),
      desk_(breaker_rooms(), config, clock, log, seed),
      recovery_(breaker_rooms(), desk_, self_alerts_, config, clock, log),
      requests_(breaker_rooms(), desk_, recovery_, config, clock, log),
      announcer_({database_, store_, engine_, self_alerts_, outbox_, audit_, messages_, desk_},
                 config, clock, log),
      reports_({{database_, audit_, engine_.names()}, outbox_, intake_}, config, clock, log),
      courier_(outbox_, dispatcher_, pacing_, config.notifier_names(), clock, log),
      desks_(config.source),
      causes_(config.store, config.rules, clock),
      api_(config.store, clock, config.timezone, api_facts()),
      metrics_(api_.sources(), told_by_metrics()),
      public_(api_.sources()),
      server_(parse_listen_address(config.listen), board_, clock, log, {}, make_pages(),
              config.access, &sessions),
      socket_(config.control_socket, make_commands(), clock, log),
      reader_(make_reader(seed)),
      pipeline_(
          {store_,    engine_,   self_alerts_, gauges_,  outbox_, audit_,     pause_,
           file_,     silences_, watch_,       errands_, intake_, announcer_, desk_,
           recovery_, reports_,  courier_,     board_,   upkeep_, database_},
          mailbox_, [this] { reader_->stored(); }, reloaded, clock, log),
      check_(make_check()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {
    say_what_runs();
}

void Daemon::run(const std::stop_token& stop) {
    try {
        pipeline_.run(stop);
    } catch (const std::exception& e) {
        // A bug. Better ended and started anew by the service manager than half alive.
        log_.error(fmt::format("pipeline: unexpected: {}", e.what()));
        std::abort();
    }
}

Daemon::~Daemon() {
    check_.reset();
    reader_->stop();  // nothing new comes in
    errands_.close();
    thread_.request_stop();
    thread_.join();  // what is under way ends and is put on record
}

std::vector<notifiers::Dispatcher::Entry> Daemon::make_providers() {
    std::vector<notifiers::Dispatcher::Entry> entries;
    for (const auto& settings : config_.notifiers) {
        pacing_.add(settings.name, settings.recipe->pace());
        entries.push_back({settings.name, settings.recipe->make({clock_, console()})});
    }
    return entries;
}

/// In shadow mode the reader's account is enough: nothing is written.
std::unique_ptr<circuit_breaker::Breaker> Daemon::make_breaker(std::uint64_t seed) {
    const auto& dsn = config_.breaker.dsn ? *config_.breaker.dsn : *config_.source.main;
    sync::SessionOptions options;
    options.read_only = !config_.breaker.dsn;
    return std::make_unique<circuit_breaker::Breaker>(
        sync::make_session(dsn, options), dsn.database, clock_, seed,
        [this](circuit_breaker::BreakerNews news) { mailbox_.post(std::move(news)); });
}

BreakerRooms Daemon::breaker_rooms() {
    return {database_, store_,    engine_, outbox_,   audit_,
            pause_,    *breaker_, intake_, messages_, answers_};
}

std::unique_ptr<SourceReader> Daemon::make_reader(std::uint64_t seed) {
    const auto& source = config_.source;
    sync::FollowOptions follow;
    follow.since = source.since;
    follow.gap_timeout = source.gap_timeout;
    // A slow pace in small steps, not in bursts with long waits between.
    follow.batch = std::min(follow.batch, static_cast<std::size_t>(source.catch_up_rate));
    ReaderOptions options;
    options.poll_interval = source.poll_interval;
    options.catch_up_rate = static_cast<double>(source.catch_up_rate);
    options.seed = seed;
    options.needs = needs_of(config_.rules);
    SourceReader::Origin origin{sync::make_source(*source.log_source(), source.gateway, {}),
                                sync::make_mirror(config_.store),
                                sync::make_session(*source.main, {}), source.main->database};
    return std::make_unique<SourceReader>(
        std::move(origin), store_.position(), follow, options, clock_,
        [this](SourceNews news) { mailbox_.post(std::move(news)); });
}

/// What pages tell beside what is read of the store: as it was last published.
api::Facts Daemon::api_facts() {
    return {.currency = [this] { return board_.currency(); },
            .status = [this] { return api::Json::parse(board_.status_json()); },
            .open_circuits = open_circuits,
            .ask_gateway = [this](const sync::Row& row) { return desks_.texts(row); },
            .list_tokens =
                [this](const api::TokenQuestion& question) { return desks_.tokens(question); }};
}

MetricsPage::Told Daemon::told_by_metrics() {
    return {
        .status = [this] { return board_.status_json(); },
        .rules =
            [this] {
                return answer_rules(
                           config_, board_.status_json(), {},
                           [this] { return errands_.ask([&] { return values_json(engine_); }); })
                    .body;
            }};
}

StatusPages Daemon::make_pages() {
    auto pages = make_status_pages(
        {.config = config_,
         .api = api_,
         .causes = causes_,
         .status = [this] { return board_.status_json(); },
         .standing =
             [this](const std::string& rule) {
                 return errands_.ask([&] { return standing_json(engine_, rule); });
             },
         .values = [this] { return errands_.ask([&] { return values_json(engine_); }); }});
    pages.merge(public_.pages());
    pages.emplace("/metrics", StatusPage{[this](const HttpRequest& request) {
                                             return metrics_.answer(request);
                                         },
                                         OpenTo::metrics});
    return pages;
}

/// What changes or asks the engine is done by the pipeline thread, between two turns.
std::map<std::string, ControlCommand> Daemon::make_commands() {
    const auto errand = [this](auto act) {
        return [this, act](const std::string& request) {
            return errands_.ask([&] { return act(request); });
        };
    };
    return {
        {"status", [this](const std::string&) { return board_.status_json(); }},
        {"rule", errand([this](const std::string& request) {
             return report_json(engine_, request,
                                blind_rules(config_.rules, intake_.state().kind_troubles,
                                            intake_.state().gateway));
         })},
        {"silence_add",
         errand([this](const std::string& request) { return silences_.add(request); })},
        {"silence_list", errand([this](const std::string&) { return silences_.list(); })},
        {"silence_end",
         errand([this](const std::string& request) { return silences_.end(request); })},
        {"breaker_list",
         errand([this](const std::string& request) { return requests_.list(request); })},
        {"breaker_trip",
         errand([this](const std::string& request) { return requests_.trip(request); })},
        {"breaker_restore",
         errand([this](const std::string& request) { return requests_.restore(request); })},
        {"breaker_undo",
         errand([this](const std::string& request) { return requests_.undo(request); })},
        {"breaker_result",
         errand([this](const std::string& request) { return requests_.result(request); })},
        {"breaker_pause",
         errand([this](const std::string& request) { return requests_.pause(request); })},
        {"breaker_resume", errand([this](const std::string&) { return requests_.resume(); })},
        {"notify_retry", errand([this](const std::string& request) {
             auto answer = retry_letters(outbox_, config_.notifier_names(), request);
             log_.info(fmt::format("outbox: dead letters wait again: {}", answer));
             return answer;
         })},
    };
}

std::unique_ptr<StoreCheck> Daemon::make_check() {
    if (database_.ended_cleanly()) return nullptr;
    log_.info("store: the last run did not end cleanly: its file is being checked meanwhile");
    board_.note_check_begun();
    return std::make_unique<StoreCheck>(config_.store, clock_, log_, [this](StoreVerdict verdict) {
        if (verdict.kind == StoreVerdict::Kind::sound) database_.note_sound();
        mailbox_.post(std::move(verdict));
    });
}

void Daemon::say_what_runs() const {
    log_.info(fmt::format("quotafuse {}, configuration {}, store {}, status page {}", kVersion,
                          config_.file.empty() ? "from the environment" : config_.file,
                          config_.store, server_.url()));
    for (const auto& rule : config_.rules) {
        if (!rule.action || !rule.enabled) continue;
        log_.info(
            fmt::format("rule {}: the breaker is {}", rule.name,
                        circuit_breaker::mode_name(effective_mode(rule.action->mode, config_))));
    }
    if (config_.notifiers.empty())
        log_.warning("no notifier is configured: alerts are only seen on the status page");
}

}  // namespace quotafuse::daemon
