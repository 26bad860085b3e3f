#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/comparison.h"
#include "alerts/rule_loader.h"
#include "alerts/state_store.h"
#include "base/guarded.h"
#include "daemon/announcer.h"
#include "daemon/bundle_text.h"
#include "daemon/engine_file.h"
#include "daemon/replay_report.h"
#include "daemon/schemas.h"
#include "daemon/silence_book.h"
#include "support/fake_clock.h"
#include "support/mariadb.h"
#include "support/program.h"
#include "sync/history.h"

namespace quotafuse::tests {

using namespace quotafuse::daemon;
using namespace std::chrono_literals;

inline constexpr std::int64_t kStart = 1'767'000'000;

inline std::string burn_rule(const std::string& name, int channel) {
    return fmt::format(
        "  - {{name: {}, metric: tokens, where: {{channel: {}}}, by: [channel], window: 1h, above: "
        "100, "
        "action: {{disable_channel: {{mode: live}}}}}}\n",
        name, channel);
}

/// Everything behind the announcer is real: a store, a gateway's SQLite file, the breaker's thread.
/// Only the clock is the test's.
class Desk {
public:
    explicit Desk(const std::string& rules) {
        SQLite::Database gateway{folder_.file("one-api.db"),
                                 SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        gateway.exec(sqlite_ddl("newapi_2026"));
        for (const int id : {1, 2, 3}) {
            gateway.exec(fmt::format(
                "INSERT INTO channels(id, name, `key`, status) VALUES({}, 'c{}', 'sk', 1)", id,
                id));
            gateway.exec(
                fmt::format("INSERT INTO abilities(`group`, model, channel_id, enabled) "
                            "VALUES('default', 'm', {}, 1)",
                            id));
        }
        base::yaml::Diagnostics diagnostics;
        config_.rules = alerts::parse_rules("r.yaml", "rules:\n" + rules,
                                            {{"a", "b"}, {}, alerts::ActionMode::live}, diagnostics)
                            .rules;
        REQUIRE_MESSAGE(diagnostics.ok(), fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
        config_.breaker.mode = circuit_breaker::Mode::live;
        config_.language = Language::english;
        for (const auto* const name : {"a", "b"}) {
            notifiers::Settings settings;
            settings.name = name;
            config_.notifiers.push_back(settings);
        }
        open();
    }

    /// As after a restart on the same files.
    void open() {
        parts_.reset();
        parts_ = std::make_unique<Parts>(*this);
        parts_->database.handle().setBusyTimeout(0);
        parts_->file.restore();
        parts_->file.note(alerts::EngineEvent::Kind::started);
        parts_->silences.load();
        sync::GatewayInfo info;
        info.gateway = sync::Gateway::new_api;
        for (const int id : {1, 2, 3}) info.channels[id] = {fmt::format("c{}", id), 1, 1, {}};
        auto& engine = parts_->engine;
        engine.observe(parts_->gauges.record(info, engine.time()));
        engine.use(parts_->gauges.directory());
        while (engine.warm_up(1s)) {
        }
    }

    void row(int channel, int tokens, std::int64_t created_at, std::int64_t quota = 0) {
        sync::LogEntry entry;
        entry.id = ++last_id_;
        entry.created_at = created_at;
        entry.kind = sync::Kind::consume;
        entry.channel = channel;
        entry.model = "m";
        entry.group = "default";
        entry.prompt_tokens = tokens;
        entry.quota = quota;
        sync::Batch batch{{entry}, {}};
        batch.position.cursor = last_id_;
        parts_->engine.feed(parts_->store.append(batch, clock.now(), parts_->engine.time()));
    }
    /// A second of life: time passes and the rules look at it.
    void tick() {
        clock.advance(1s);
        announcer().advance(clock.now());
        announcer().advance_self();
    }
    /// Takes results of the breaker until there are `count` of them.
    void take_results(std::size_t count) {
        REQUIRE(
            eventually([&] { return results_.with([](auto& r) { return r.size(); }) >= count; }));
        for (const auto& result : results_.with([](auto& r) { return std::exchange(r, {}); }))
            announcer().take(result);
    }
    std::size_t results_waiting() {
        return results_.with([](auto& r) { return r.size(); });
    }
    std::vector<std::string> texts(const std::string& notifier) {
        std::vector<std::string> all;
        SQLite::Database db{folder_.file("s.db")};
        SQLite::Statement query{db, "SELECT message FROM outbox WHERE notifier = ? ORDER BY id"};
        query.bind(1, notifier);
        while (query.executeStep()) all.push_back(query.getColumn(0).getString());
        return all;
    }
    std::string status_of(int channel) {
        SQLite::Database gateway{folder_.file("one-api.db")};
        return gateway.execAndGet(fmt::format("SELECT status FROM channels WHERE id = {}", channel))
            .getString();
    }
    SQLite::Database lock() {
        SQLite::Database other{folder_.file("s.db"), SQLite::OPEN_READWRITE};
        other.exec("BEGIN IMMEDIATE");
        return other;
    }
    void gateway(const std::string& sql) {
        SQLite::Database db{folder_.file("one-api.db"), SQLite::OPEN_READWRITE, 5000};
        db.exec(sql);
    }

    Announcer& announcer() { return parts_->announcer; }
    notifiers::Outbox& outbox() { return parts_->outbox; }
    circuit_breaker::Audit& audit() { return parts_->audit; }
    alerts::SelfAlerts& self_alerts() { return parts_->self_alerts; }
    SilenceBook& silences() { return parts_->silences; }
    EngineFile& file() { return parts_->file; }
    alerts::Engine& engine() { return parts_->engine; }
    std::vector<alerts::EngineEvent> events() {
        return alerts::load_events(parts_->database.handle(), base::from_unix(0));
    }
    std::vector<alerts::Silence> stored_silences() {
        return alerts::load_silences(parts_->database.handle(), base::from_unix(0));
    }
    /// What a replay of all that was decides otherwise.
    std::string differences() {
        sync::History history{folder_.file("s.db")};
        alerts::ReplayOptions options;
        options.until = clock.now();
        const auto comparison = alerts::compare_with_history(config_.rules, history, options);
        return comparison.differences.empty() ? "" : comparison_text(comparison, {});
    }
    base::Second saved_time() {
        return alerts::load_state(parts_->database.handle()).time.value_or(base::Second{});
    }
    std::vector<alerts::WindowRecord> windows() {
        return alerts::load_windows(parts_->database.handle());
    }
    Config& config() { return config_; }
    FakeClock clock{kStart};

private:
    struct Parts {
        explicit Parts(Desk& desk)
            : database(desk.folder_.file("s.db"), all_schemas()),
              store(database),
              engine(desk.config_.rules, store),
              gauges(database, store),
              outbox(database, BundleText{desk.config_}),
              audit(database),
              breaker(make_session(desk), "", desk.clock, 1,
                      [&desk](circuit_breaker::TripResult result) {
                          desk.results_.with([&](auto& all) { all.push_back(std::move(result)); });
                      }),
              intake(database, store, engine, "a file", desk.clock, desk.log_),
              file({database, engine, self_alerts, gauges}, desk.clock, desk.log_),
              silences({database, engine, self_alerts}, {}, desk.clock, desk.log_),
              announcer({database, store, engine, self_alerts, outbox, audit, breaker, intake},
                        desk.config_, desk.clock, desk.log_) {}

        static std::unique_ptr<sync::GatewaySession> make_session(Desk& desk) {
            sync::SessionOptions options;
            options.read_only = false;
            return sync::make_session(*sync::parse_dsn(desk.folder_.file("one-api.db")).dsn,
                                      options);
        }

        base::Database database;
        sync::Store store;
        alerts::Engine engine;
        alerts::SelfAlerts self_alerts{{}, {}};
        sync::Gauges gauges;
        notifiers::Outbox outbox;
        circuit_breaker::Audit audit;
        circuit_breaker::Breaker breaker;
        Intake intake;
        EngineFile file;
        SilenceBook silences;
        Announcer announcer;
    };

    TempDir folder_;
    base::Log log_{base::Level::error};
    Config config_;
    base::Guarded<std::vector<circuit_breaker::TripResult>> results_;
    std::int64_t last_id_ = 0;
    std::unique_ptr<Parts> parts_;
};

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace quotafuse::tests
