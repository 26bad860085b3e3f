#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule_loader.h"
#include "alerts/state_store.h"
#include "base/failure.h"
#include "base/guarded.h"
#include "daemon/announcer.h"
#include "daemon/engine_file.h"
#include "daemon/schemas.h"
#include "daemon/silence_book.h"
#include "support/fake_clock.h"
#include "support/mariadb.h"
#include "support/program.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;

std::string burn_rule(const std::string& name, int channel) {
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
        gateway.exec(tests::sqlite_ddl("newapi_2026"));
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

    void row(int channel, int tokens, std::int64_t created_at) {
        sync::LogEntry entry;
        entry.id = ++last_id_;
        entry.created_at = created_at;
        entry.kind = sync::Kind::consume;
        entry.channel = channel;
        entry.model = "m";
        entry.group = "default";
        entry.prompt_tokens = tokens;
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
        REQUIRE(tests::eventually(
            [&] { return results_.with([](auto& r) { return r.size(); }) >= count; }));
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
    std::vector<alerts::WindowRecord> windows() {
        return alerts::load_windows(parts_->database.handle());
    }
    Config& config() { return config_; }
    tests::FakeClock clock{kStart};

private:
    struct Parts {
        explicit Parts(Desk& desk)
            : database(desk.folder_.file("s.db"), all_schemas()),
              store(database),
              engine(desk.config_.rules, store),
              gauges(database, store),
              outbox(database),
              audit(database),
              breaker(make_session(desk), "", desk.clock, 1,
                      [&desk](circuit_breaker::TripResult result) {
                          desk.results_.with([&](auto& all) { all.push_back(std::move(result)); });
                      }),
              intake(database, store, engine, "a file", desk.clock, desk.log_),
              file({database, engine, self_alerts, gauges}, desk.clock),
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

    tests::TempDir folder_;
    base::Log log_{base::Level::error};
    Config config_;
    base::Guarded<std::vector<circuit_breaker::TripResult>> results_;
    std::int64_t last_id_ = 0;
    std::unique_ptr<Parts> parts_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an order outlives a store that was locked when it was decided") {
    Desk desk{burn_rule("one", 1) + burn_rule("two", 2)};
    desk.row(1, 1, kStart);
    desk.row(2, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    {
        auto lock = desk.lock();
        CHECK_THROWS_AS(desk.tick(), SQLite::Exception);
    }
    desk.row(2, 500, kStart + 2);
    desk.tick();  // writes what the last one could not, and its own
    desk.take_results(2);
    CHECK(desk.status_of(1) == "3");
    CHECK(desk.status_of(2) == "3");
    CHECK(desk.texts("a").size() == 2);
    for (const auto& text : desk.texts("a")) CHECK(contains(text, "is disabled at the gateway"));
}

TEST_CASE("requests that a peer served make a channel the last one, too") {
    Desk desk{burn_rule("one", 1)};
    desk.gateway(
        "UPDATE channels SET status = 2 WHERE id > 1; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id > 1;"
        "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('default', 'other', 1, "
        "1), ('default', 'other', 2, 0)");
    desk.gateway(
        "UPDATE abilities SET enabled = 1 WHERE model = 'm' AND channel_id = 2; UPDATE channels "
        "SET status = 1 WHERE id = 2");
    desk.row(2, 1, kStart);
    desk.row(1, 1, kStart);
    desk.tick();
    desk.gateway(
        "UPDATE channels SET status = 2 WHERE id = 2; UPDATE abilities SET enabled = 0 WHERE "
        "channel_id = 2");
    desk.row(1, 500, kStart + 1);
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "1");
    CHECK(contains(desk.texts("a").at(0), "default/m (3 requests in 24 h)"));
}

TEST_CASE("a result that comes after its alert was sent is told to those who had the alert") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    desk.tick();
    desk.clock.advance(9s);  // the alert has waited long enough
    const auto delivery = desk.outbox().next("a", desk.clock.now());
    REQUIRE(delivery.has_value());
    desk.outbox().begin_attempt(delivery->id, desk.clock.now());
    desk.take_results(1);
    CHECK(desk.texts("a").size() == 2);
    CHECK(contains(desk.texts("a").at(1), "Breaker: channel 1 (c1)"));
    REQUIRE(desk.texts("b").size() == 1);
    CHECK(contains(desk.texts("b").at(0), "is disabled at the gateway"));
}

TEST_CASE("an order that a crash left behind is carried out after the restart, and told") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    circuit_breaker::TripRequest request;
    request.trip_id = "left-behind";
    request.channel = 3;
    request.mode = circuit_breaker::Mode::live;
    desk.audit().intend(request, {"b"}, desk.clock.now());
    desk.open();
    desk.announcer().resume();
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(3) == "3");
    CHECK(desk.texts("a").empty());
    REQUIRE(desk.texts("b").size() == 1);
    CHECK(contains(desk.texts("b").at(0), "Breaker: channel 3 (c3)"));
    CHECK(desk.audit().pending_intents().empty());
}

TEST_CASE("a limit of the configuration refuses at once, and the alert says so without waiting") {
    Desk desk{burn_rule("one", 1)};
    desk.config().breaker.protected_channels = {1};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1);
    desk.tick();
    REQUIRE(desk.texts("a").size() == 1);
    CHECK(contains(desk.texts("a").at(0), "stays enabled: "));
    CHECK(desk.outbox().next("a", desk.clock.now()).has_value());
    CHECK(desk.status_of(1) == "1");
    CHECK(desk.results_waiting() == 0);
}

TEST_CASE(
    "what is found late is one digest and trips nothing, until it is on time and still burning") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 5);
    desk.clock.advance(300s);  // the gateway was out of reach
    desk.announcer().advance(base::from_unix(kStart + 100));
    REQUIRE(desk.texts("a").size() == 1);
    CHECK(contains(desk.texts("a").at(0), "Late, from while"));
    CHECK(desk.status_of(1) == "1");
    CHECK(desk.audit().last(5).empty());
    desk.tick();
    desk.take_results(1);
    CHECK(desk.status_of(1) == "3");
}

TEST_CASE(
    "a silence mutes what is told and not the breaker, unless it says so, and outlives a restart") {
    for (const bool holds_actions : {false, true}) {
        Desk desk{burn_rule("one", 1) + burn_rule("two", 2)};
        desk.row(1, 1, kStart);
        desk.row(2, 1, kStart);
        desk.tick();
        desk.silences().add(
            fmt::format(R"({{"rule": "o*", "for": "10m", "reason": "known", "no_action": {}}})",
                        holds_actions));
        desk.open();
        desk.row(1, 500, kStart + 1);
        desk.row(2, 500, kStart + 1);
        desk.tick();
        desk.take_results(holds_actions ? 1 : 2);
        CHECK(desk.status_of(1) == (holds_actions ? "1" : "3"));
        CHECK(desk.status_of(2) == "3");
        const auto texts = desk.texts("a");
        if (holds_actions) {
            REQUIRE(texts.size() == 1);
            CHECK(contains(texts[0], "two"));
            // What still fires at its end is announced then.
            for (int i = 0; i < 700; ++i) desk.tick();
            CHECK(desk.texts("a").size() == 2);
            CHECK(contains(desk.texts("a").at(1), "one"));
        } else {
            REQUIRE(texts.size() == 2);
            const auto& silenced = contains(texts[0], "Firing: one") ? texts[0] : texts[1];
            CHECK(
                contains(silenced, "It is silenced, but for notices only: the breaker still acts"));
            CHECK(contains(silenced, "is disabled at the gateway"));
        }
    }
}

TEST_CASE("a silence that was ended mutes no more, and what people did is on record for replay") {
    using Kind = alerts::EngineEvent::Kind;
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.silences().add(R"({"rule": "one", "match": "channel=1", "for": "1h", "reason": "x"})");
    desk.tick();
    const auto ended = desk.silences().end(R"({"id": 1})");
    CHECK(contains(ended, R"("match":"channel=1")"));
    CHECK_THROWS_AS(desk.silences().end(R"({"id": 1})"), base::Failure);
    desk.row(1, 500, kStart + 2);
    desk.tick();
    CHECK(desk.texts("a").size() == 1);
    const auto events = desk.events();
    REQUIRE(events.size() == 3);
    CHECK(events[0].kind == Kind::started);
    CHECK(events[1].kind == Kind::silenced);
    CHECK(base::unix_seconds(events[1].at) == kStart + 1);
    const auto silence = alerts::silence_from_json(events[1].detail);
    REQUIRE(silence.has_value());
    CHECK(silence->id == 1);
    CHECK(base::unix_seconds(silence->from) == kStart + 2);
    CHECK(events[2].kind == Kind::silence_ended);
    CHECK(events[2].detail == "1");
}

TEST_CASE("a silence is not in effect when it could not be put on record") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    {
        auto lock = desk.lock();
        CHECK_THROWS_AS(desk.silences().add(R"({"rule": "one", "for": "1h", "reason": "x"})"),
                        base::Failure);
    }
    CHECK(desk.silences().silences().empty());
    desk.row(1, 500, kStart + 1);
    desk.tick();
    CHECK(desk.texts("a").size() == 1);
}

TEST_CASE("windows on record spare a restart its warm-up") {
    Desk desk{burn_rule("one", 1)};
    for (int i = 0; i < 50; ++i) desk.row(1, 1, kStart - 60 * i);
    desk.tick();
    desk.file().save_windows();
    CHECK(desk.windows().size() == 1);
    desk.tick();
    desk.announcer().checkpoint();
    desk.open();
    CHECK(desk.engine().overview().warming.empty());
    desk.row(1, 60, kStart + 2);
    desk.tick();
    CHECK(desk.engine().overview().firing == 1);
}

TEST_CASE("that a notifier is dead is told to those that work") {
    Desk desk{burn_rule("one", 1)};
    desk.self_alerts().set(alerts::SelfAlert::notifier_dead, "a", true, "a cannot be reached");
    desk.tick();
    CHECK(desk.texts("a").empty());
    REQUIRE(desk.texts("b").size() == 1);
    CHECK(contains(desk.texts("b").at(0), "a cannot be reached"));
    desk.self_alerts().set(alerts::SelfAlert::notifier_dead, "b", true, "b cannot be reached");
    desk.tick();
    CHECK(desk.texts("a").size() == 1);  // nobody is left: it waits until one works
    desk.open();
    desk.tick();
    CHECK(desk.texts("a").size() == 1);  // a restart repeats nothing
    CHECK(desk.texts("b").size() == 2);
}
