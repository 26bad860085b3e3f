#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule_loader.h"
#include "base/guarded.h"
#include "daemon/announcer.h"
#include "daemon/schemas.h"
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
        config_.rules = alerts::parse_rules(
            "r.yaml", "rules:\n" + rules, {{"a", "b"}, {}, alerts::ActionMode::live}, diagnostics);
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
        parts_->engine.restore(clock.now());
        sync::GatewayInfo info;
        for (const int id : {1, 2, 3}) info.channels[id] = {fmt::format("c{}", id), 1, 1};
        parts_->engine.set_gateway_info(info);
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
        parts_->engine.feed(parts_->store.append(batch, clock.now()));
    }
    /// A second of life: time passes and the rules look at it.
    void tick() {
        clock.advance(1s);
        announcer().advance(clock.now());
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
    Config& config() { return config_; }
    tests::FakeClock clock{kStart};

private:
    struct Parts {
        explicit Parts(Desk& desk)
            : database(desk.folder_.file("s.db"), all_schemas()),
              store(database),
              engine(desk.config_.rules, store, database),
              outbox(database),
              audit(database),
              breaker(make_session(desk), "", desk.clock, 1,
                      [&desk](circuit_breaker::TripResult result) {
                          desk.results_.with([&](auto& all) { all.push_back(std::move(result)); });
                      }),
              intake(database, store, engine, "a file", desk.clock, desk.log_),
              announcer({database, store, engine, outbox, audit, breaker, intake}, desk.config_,
                        desk.clock, desk.log_) {}

        static std::unique_ptr<sync::GatewaySession> make_session(Desk& desk) {
            sync::SessionOptions options;
            options.read_only = false;
            return sync::make_session(*sync::parse_dsn(desk.folder_.file("one-api.db")).dsn,
                                      options);
        }

        base::Database database;
        sync::Store store;
        alerts::Engine engine;
        notifiers::Outbox outbox;
        circuit_breaker::Audit audit;
        circuit_breaker::Breaker breaker;
        Intake intake;
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
