#pragma once

#include <deque>
#include <memory>
#include <optional>
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
#include "daemon/breaker_requests.h"
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
    /// `seed`: see BreakerDesk.
    explicit Desk(const std::string& rules, std::uint64_t seed = 0) : seed_(seed) {
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
        config_.breaker.settle = 0s;      // all channels serve the same model
        config_.breaker.max_lag = 60min;  // the gateway is not read unless a test does
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
        news_.with([](auto& all) { all.clear(); });  // nobody took it
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
        row(entry_of(channel, tokens, created_at, quota));
    }
    static sync::LogEntry entry_of(int channel, int tokens, std::int64_t created_at,
                                   std::int64_t quota = 0) {
        sync::LogEntry entry;
        entry.created_at = created_at;
        entry.kind = sync::Kind::consume;
        entry.channel = channel;
        entry.model = "m";
        entry.group = "default";
        entry.prompt_tokens = tokens;
        entry.completion_tokens = 1;
        entry.quota = quota;
        return entry;
    }
    void row(sync::LogEntry entry) {
        entry.id = ++last_id_;
        sync::Batch batch{{entry}, {}};
        batch.position.cursor = last_id_;
        const auto rows = parts_->store.append(batch, clock.now(), parts_->engine.time());
        parts_->engine.feed(rows);
        parts_->recovery.note_rows(rows);
    }
    /// A failed attempt, now.
    void error(int channel) {
        auto entry = entry_of(channel, 0, base::unix_seconds(clock.now()));
        entry.kind = sync::Kind::error;
        entry.completion_tokens = 0;
        entry.status = 500;
        row(entry);
    }
    /// A second of life: time passes and the rules look at it.
    void tick() {
        clock.advance(1s);
        announcer().advance(clock.now());
        announcer().advance_self();
    }
    /// The same with the gateway read through, and what comes after a trip looked at.
    void second() {
        clock.advance(1s);
        poll();
        announcer().advance(clock.now());
        recovery().tick();
        desk().hand_over();
        announcer().advance_self();
    }
    /// The gateway has been read up to now.
    void poll() {
        sync::Poll poll;
        poll.batch.position = parts_->store.position();
        poll.sent = clock.now();
        poll.drained = true;
        parts_->intake.take(poll);
    }
    /// Seconds pass until the circuit's next return is asked for, at most `most` of them.
    void until_pending(int most) {
        for (int i = 0; i < most; ++i) {
            if (const auto now = circuit(); now && now->pending) return;
            second();
        }
        FAIL("nothing was asked for");
    }
    void seconds(int count) {
        for (int i = 0; i < count; ++i) second();
    }
    /// Takes what the breaker's thread tells, in order, until `count` of it was no look at the
    /// gateway.
    void take_results(std::size_t count) {
        for (std::size_t taken = 0; taken < count;) {
            REQUIRE(eventually([&] { return news_waiting() > 0; }));
            taken += take_one() ? 1 : 0;
        }
    }
    /// Until a look at the gateway has come back, and what came before it.
    void take_look() {
        for (bool looked = false; !looked;) {
            REQUIRE(eventually([&] { return news_waiting() > 0; }));
            looked = !take_one();
        }
    }
    std::size_t news_waiting() {
        return news_.with([](auto& all) { return all.size(); });
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
        SQLite::Database gateway{folder_.file("one-api.db"), SQLite::OPEN_READONLY, 5000};
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

    std::string gateway_value(const std::string& sql) {
        SQLite::Database db{folder_.file("one-api.db"), SQLite::OPEN_READONLY, 5000};
        return db.execAndGet(sql).getString();
    }
    /// All that a breaker could touch.
    std::string gateway_contents() {
        SQLite::Database db{folder_.file("one-api.db"), SQLite::OPEN_READONLY, 5000};
        std::string all;
        for (const auto* const sql :
             {"SELECT id, status, other_info, models, priority, weight FROM channels ORDER BY id",
              "SELECT * FROM abilities ORDER BY 1, 2, 3", "SELECT id, status FROM tokens"}) {
            SQLite::Statement query{db, sql};
            while (query.executeStep()) {
                for (int i = 0; i < query.getColumnCount(); ++i)
                    all += query.getColumn(i).getString() + "|";
                all += "\n";
            }
        }
        return all;
    }

    Announcer& announcer() { return parts_->announcer; }
    BreakerDesk& desk() { return parts_->desk; }
    BreakerRecovery& recovery() { return parts_->recovery; }
    BreakerRequests& requests() { return parts_->requests; }
    circuit_breaker::PauseBook& pause() { return parts_->pause; }
    std::optional<circuit_breaker::Circuit> circuit() {
        const auto all = audit().circuits().all();
        REQUIRE(all.size() <= 1);
        return all.empty() ? std::nullopt : std::optional{all.front()};
    }
    notifiers::Outbox& outbox() { return parts_->outbox; }
    sync::Store& store() { return parts_->store; }
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
        explicit Parts(Desk& owner)
            : database(owner.folder_.file("s.db"), all_schemas()),
              store(database),
              engine(owner.config_.rules, store),
              gauges(database, store),
              outbox(database, BundleText{owner.config_}),
              audit(database),
              pause(database),
              breaker(make_session(owner), "", owner.clock, 1,
                      [&owner](circuit_breaker::BreakerNews news) {
                          owner.news_.with([&](auto& all) { all.push_back(std::move(news)); });
                      }),
              intake(database, store, engine, "a file", owner.clock, owner.log_),
              file({database, engine, self_alerts, gauges}, owner.clock, owner.log_),
              silences({database, engine, self_alerts}, {}, owner.clock, owner.log_),
              messages(owner.config_),
              desk(rooms(), owner.config_, owner.clock, owner.log_, owner.seed_),
              recovery(rooms(), desk, self_alerts, owner.config_, owner.clock, owner.log_),
              requests(rooms(), desk, recovery, owner.config_, owner.clock, owner.log_),
              announcer({database, store, engine, self_alerts, outbox, audit, messages, desk},
                        owner.config_, owner.clock, owner.log_) {}

        BreakerRooms rooms() {
            return {database, store,   engine, outbox,   audit,
                    pause,    breaker, intake, messages, answers};
        }

        static std::unique_ptr<sync::GatewaySession> make_session(Desk& owner) {
            sync::SessionOptions options;
            options.read_only = false;
            return sync::make_session(*sync::parse_dsn(owner.folder_.file("one-api.db")).dsn,
                                      options);
        }

        base::Database database;
        sync::Store store;
        alerts::Engine engine;
        alerts::SelfAlerts self_alerts{{}, {}};
        sync::Gauges gauges;
        notifiers::Outbox outbox;
        circuit_breaker::Audit audit;
        circuit_breaker::PauseBook pause;
        circuit_breaker::Breaker breaker;
        Intake intake;
        EngineFile file;
        SilenceBook silences;
        Messages messages;
        BreakerAnswers answers;
        BreakerDesk desk;
        BreakerRecovery recovery;
        BreakerRequests requests;
        Announcer announcer;
    };

    /// False for a look at the gateway. What a trial only reads counts for nothing.
    bool take_one() {
        const auto news = news_.with([](auto& all) {
            auto first = std::move(all.front());
            all.pop_front();
            return first;
        });
        if (const auto* const trip = std::get_if<circuit_breaker::TripResult>(&news)) {
            desk().take(*trip);
        } else if (const auto* const back = std::get_if<circuit_breaker::ReturnResult>(&news)) {
            recovery().take(*back);
            if (back->kind != circuit_breaker::ReturnResult::Kind::ranks_read) return true;
            REQUIRE(eventually([&] { return news_waiting() > 0; }));
            return take_one();
        } else {
            recovery().take(std::get<circuit_breaker::Looked>(news));
            return false;
        }
        return true;
    }

    const std::uint64_t seed_;
    TempDir folder_;
    base::Log log_{base::Level::error};
    Config config_;
    base::Guarded<std::deque<circuit_breaker::BreakerNews>> news_;
    std::int64_t last_id_ = 0;
    std::unique_ptr<Parts> parts_;
};

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace quotafuse::tests
