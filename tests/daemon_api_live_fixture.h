#pragma once
// A store with an engine, the breaker's memory and all pages over them, as the daemon wires them.

#include "alerts/rule_loader.h"
#include "base/failure.h"
#include "daemon/alert_pages.h"
#include "daemon/bundle_text.h"
#include "daemon/pages.h"
#include "daemon/rules_page.h"
#include "daemon/schemas.h"
#include "daemon/status_board.h"
#include "daemon_api_fixture.h"
#include "support/logged.h"

namespace quotafuse::tests {

class LiveSite {
public:
    explicit LiveSite(const std::string& rules) : config_(config_of(rules)) {
        database_.set_durable(false);
        gauges_.record(ApiSite::directory(), clock.now());
        start();
    }

    /// What a start of the daemon does; the engine's windows are filled where `warm`.
    void start(bool warm = true) {
        run_.reset();
        run_ = std::make_unique<Run>(*this);
        run_->engine.use(gauges_.directory());
        run_->engine.restore(alerts::load_state(database_.handle()), clock.now());
        run_->silences.load();
        while (warm && run_->engine.warm_up(base::Milliseconds{1000})) {
        }
        publish();
    }
    /// Rows of this second, which is evaluated then. Gives the notices.
    std::vector<alerts::Notice> second(std::vector<sync::LogEntry> entries = {}) {
        clock.advance(base::Seconds{1});
        clock.advance_mono(base::Seconds{60});  // what was told before is too old
        for (auto& entry : entries) {
            entry.id = ++last_;
            entry.created_at = base::unix_seconds(clock.now());
        }
        sync::Batch batch;
        batch.position = at_cursor(last_);
        batch.entries = std::move(entries);
        run_->engine.feed(store_.append(batch, run_->engine.time()));
        auto step = run_->engine.advance(clock.now());
        base::WriteTransaction transaction{database_};
        alerts::save_state(database_, step);
        transaction.commit();
        publish();
        return step.notices;
    }
    void publish() {
        run_->board.publish({store_, run_->engine.overview(), run_->self_alerts, run_->silences,
                             outbox_, audit, pause, run_->intake, run_->upkeep, database_});
    }

    HttpReply reply(const std::string& path, const Query& query = {},
                    std::vector<std::pair<std::string, std::string>> headers = {}) const {
        const HttpRequest request{.method = "GET",
                                  .target = path,
                                  .path = path,
                                  .query = query,
                                  .headers = std::move(headers)};
        const auto page = daemon::find_page(pages_, path);
        REQUIRE(page != pages_.end());
        CHECK(page->second.open_to == daemon::OpenTo::members);
        return page->second.handler(request);
    }
    json ask(const std::string& name, const Query& query = {}, int status = 200) {
        clock.advance_mono(base::Seconds{30});
        const auto path = "/api/v1/" + name;
        const auto answer = reply(path, query);
        CAPTURE(path);
        CAPTURE(answer.body.substr(0, 300));
        REQUIRE(answer.status == status);
        const auto body = json::parse(answer.body);
        for (const auto& fault : api_schema().faults(path, status, body)) FAIL_CHECK(fault);
        return body;
    }

    const daemon::Config& config() const { return config_; }
    alerts::Engine& engine() { return run_->engine; }
    daemon::SilenceBook& silences() { return run_->silences; }
    SQLite::Database& handle() { return database_.handle(); }
    base::Database& database() { return database_; }

    FakeClock clock{kStart};
    bool busy = false;  // the pipeline answers no questions

private:
    struct Run {
        explicit Run(LiveSite& site)
            : engine(site.config_.rules, site.store_),
              silences({site.database_, engine, self_alerts}, {}, site.clock, site.log_),
              intake(site.database_, site.store_, engine, "a test", site.clock, site.log_),
              upkeep(site.database_, site.store_, engine, {}, site.clock, site.log_),
              board(site.config_, site.clock) {}
        alerts::Engine engine;
        alerts::SelfAlerts self_alerts{{}, {}};
        daemon::SilenceBook silences;
        daemon::Intake intake;
        daemon::Upkeep upkeep;
        daemon::StatusBoard board;
    };

    daemon::Config config_of(const std::string& rules) const {
        daemon::Config config;
        config.store = folder_.file("s.db");
        base::yaml::Diagnostics diagnostics;
        config.rules = alerts::parse_rules("r.yaml", "rules:\n" + rules,
                                           {{}, {}, alerts::ActionMode::shadow}, diagnostics)
                           .rules;
        REQUIRE(diagnostics.ok());
        return config;
    }

    Logged quiet_;
    base::Log log_{base::Level::error};
    TempDir folder_;
    daemon::Config config_;
    base::Database database_{config_.store, daemon::all_schemas()};
    sync::Store store_{database_};
    sync::Gauges gauges_{database_, store_};
    notifiers::Outbox outbox_{database_, daemon::BundleText{config_}};

public:
    circuit_breaker::Audit audit{database_};
    circuit_breaker::PauseBook pause{database_};

private:
    std::unique_ptr<Run> run_;
    daemon::AlertCauses causes_{config_.store, config_.rules, clock};
    daemon::api::Api api_{config_.store, clock, {}, {}};
    daemon::StatusPages pages_ = daemon::make_status_pages(
        {.config = config_,
         .api = api_,
         .causes = causes_,
         .status = [this] { return run_->board.status_json(); },
         .standing =
             [this](const std::string& rule) { return daemon::standing_json(run_->engine, rule); },
         .values =
             [this] {
                 if (busy) throw base::Failure(base::ExitCode::unavailable, "busy");
                 return daemon::values_json(run_->engine);
             }});
    std::int64_t last_ = 0;
};

}  // namespace quotafuse::tests
