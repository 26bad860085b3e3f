#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/rule_loader.h"
#include "daemon/bundle_text.h"
#include "daemon/schemas.h"
#include "daemon/status_board.h"
#include "support/fake_clock.h"
#include "support/logged.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

/// A board with everything behind it that it reads from.
class Desk {
public:
    explicit Desk(Config config) : config_(std::move(config)) { engine_.restore({}, clock.now()); }

    void read(const std::function<void(sync::Poll&)>& change = {}) {
        sync::Poll poll;
        poll.batch.position = store_.position();
        poll.sent = clock.now();
        poll.drained = true;
        if (change) change(poll);
        intake.take(poll);
    }
    std::vector<std::string> reasons() {
        board.beat();
        board.publish({store_, engine_.overview(), self_alerts, silences, outbox_, audit_, pause_,
                       intake, upkeep_, database_});
        const auto readiness = board.readiness();
        CHECK(readiness.ready == readiness.reasons.empty());
        CHECK(readiness.codes.size() == readiness.reasons.size() + readiness.notes.size());
        return readiness.reasons;
    }
    /// The next second.
    void evaluate() {
        clock.advance(1s);
        while (engine_.warm_up(1s)) {
        }
        engine_.advance(clock.now());
    }
    /// A letter that meets with this outcome at once.
    void deliver(const std::string& notifier, const notifiers::Outcome& outcome) {
        clock.advance(1s);
        notifiers::Letter letter;
        letter.event_id = fmt::format("{}", base::unix_seconds(clock.now()));
        letter.message.title = "a title";
        REQUIRE(outbox_.put(letter, notifier, clock.now(), clock.now()));
        const auto delivery = outbox_.next(notifier, clock.now());
        REQUIRE(delivery);
        outbox_.begin_attempt(*delivery, clock.now());
        outbox_.finish(delivery->id, outcome, clock.now());
    }
    /// The code of each reason and note, with its seconds and its detail.
    std::vector<std::string> codes() {
        std::vector<std::string> all;
        const auto published = status();
        for (const auto& one : published["readiness"]["codes"])
            all.push_back(fmt::format("{} {} {}", one.at("code").get<std::string>(),
                                      one.at("seconds").dump(), one.at("detail").dump()));
        return all;
    }
    nlohmann::json status() { return nlohmann::json::parse(board.status_json()); }

    tests::FakeClock clock{1'767'000'000};

private:
    tests::Logged quiet_;  // what it logs is tested where it is said
    tests::TempDir folder_;
    Config config_;
    base::Log log_{base::Level::error};
    base::Database database_{folder_.file("s.db"), all_schemas()};
    sync::Store store_{database_};
    alerts::Engine engine_{config_.rules, store_};
    notifiers::Outbox outbox_{database_, BundleText{config_}};
    circuit_breaker::Audit audit_{database_};
    circuit_breaker::PauseBook pause_{database_};
    Upkeep upkeep_{database_, store_, engine_, {}, clock, log_};

public:
    alerts::SelfAlerts self_alerts{{}, {}};
    SilenceBook silences{{database_, engine_, self_alerts}, {}, clock, log_};
    Intake intake{database_, store_, engine_, "a test", clock, log_};
    std::vector<std::string> told;
    StatusBoard board{config_, clock, [this](const std::string& event) { told.push_back(event); }};
};

Config live_config(const std::string& breaker) {
    Config config;
    config.source.main = sync::parse_dsn("r:p@tcp(db:3306)/x").dsn;
    config.breaker.dsn = sync::parse_dsn(breaker).dsn;
    config.breaker.mode = circuit_breaker::Mode::live;
    base::yaml::Diagnostics diagnostics;
    config.rules = alerts::parse_rules(
                       "r.yaml",
                       "rules:\n  - {name: a, metric: tokens, by: [channel], window: 1h, above: 1, "
                       "action: {disable_channel: {mode: live}}}\n",
                       {{}, {}, alerts::ActionMode::live}, diagnostics)
                       .rules;
    REQUIRE(diagnostics.ok());
    return config;
}

}  // namespace

TEST_CASE("readiness names each reason for which nothing is evaluated, and the store's damage") {
    Desk desk{{}};
    using Codes = std::vector<std::string>;
    CHECK(desk.reasons() == std::vector<std::string>{"the gateway has not been read yet"});
    CHECK(desk.codes() == Codes{"source_starting null null"});
    desk.read();
    CHECK(desk.reasons().empty());
    CHECK(desk.codes().empty());
    desk.intake.take(SourceTrouble{sync::GatewayError::Kind::locked, "an ALTER TABLE runs"});
    CHECK(desk.reasons() ==
          std::vector<std::string>{"the gateway cannot be read (locked): an ALTER TABLE runs"});
    CHECK(desk.codes() == Codes{"source_locked null \"an ALTER TABLE runs\""});
    desk.read([](sync::Poll& poll) { poll.behind = true; });
    REQUIRE(desk.reasons().size() == 1);
    CHECK(desk.reasons()[0].starts_with("the gateway is behind: its log ends before id 0"));
    desk.read([](sync::Poll& poll) { poll.drained = false; });
    CHECK(desk.reasons() == std::vector<std::string>{"catching up with the gateway, 0s behind"});
    CHECK(desk.codes() == Codes{"source_catching-up 0 null"});
    desk.read();
    desk.clock.advance(61s);
    CHECK(desk.reasons() == std::vector<std::string>{"the gateway was last read 1m1s ago"});
    CHECK(desk.codes() == Codes{"source_stale 61 null"});
    desk.read();
    desk.board.note_check_begun();
    CHECK(desk.reasons().empty());
    CHECK(desk.status()["store"]["check"] == "running");
    desk.board.note(StoreVerdict{StoreVerdict::Kind::damaged, "page 7 is bad"});
    REQUIRE(desk.reasons().size() == 1);
    CHECK(desk.reasons()[0].starts_with("the store is damaged (page 7 is bad): restore a backup"));
    CHECK(desk.codes() == Codes{"store_damaged null \"page 7 is bad\""});
    CHECK(desk.status()["store"]["check"] == "damaged");
    CHECK(desk.status()["last_error"]["text"] == "store: damaged: page 7 is bad");
}

TEST_CASE("a server without writes is a reason only where the breaker would write there") {
    sync::GatewayInfo info;
    info.read_only = true;
    for (const bool same : {true, false}) {
        Desk desk{live_config(same ? "w:p@tcp(db:3306)/x" : "w:p@tcp(primary:3306)/x")};
        desk.read();
        desk.intake.take(info);
        const auto reasons = desk.reasons();
        CHECK(reasons.size() == (same ? 1 : 0));
        if (same) CHECK(reasons[0].starts_with("the breaker is live, but the gateway's server"));
        CHECK(desk.status()["source"]["read_only"] == true);
    }
}

TEST_CASE("requests without rows are a reason, and do not stop the engine's time") {
    Desk desk{{}};
    sync::GatewayInfo info;
    info.requests = 1;
    for (int i = 0; i < 13; ++i) {
        desk.clock.advance(30s);
        desk.read();
        ++*info.requests;
        desk.intake.take(info);
    }
    REQUIRE(desk.reasons().size() == 1);
    CHECK(desk.reasons()[0].find("LOG_SQL_DSN") != std::string::npos);
    CHECK(desk.status()["source"]["no_rows"] == true);
    CHECK(desk.status()["source"]["state"] == "ok");
    CHECK(desk.intake.horizon() == desk.clock.now());
}

TEST_CASE("the status counts open gaps and those that are only asked for now and then") {
    Desk desk{{}};
    desk.read([](sync::Poll& poll) {
        poll.batch.position.cursor = 100;
        poll.batch.position.gaps = {{3, 4, 9, 1}, {6, 6, 9, 0}, {8, 8, 9, 0}};
        poll.broken_others = 5;
    });
    desk.reasons();
    const auto status = desk.status();
    CHECK(status["gaps"] == 2);
    CHECK(status["source"]["gaps_audited"] == 1);
    CHECK(status["source"]["broken_others"] == 5);
    CHECK(status["source"]["epoch"] == 0);
    CHECK(status["source"]["epoch_since"].is_null());
    CHECK(status["store"]["kept_since"].is_null());
    CHECK(status["store"]["out_of_room"] == false);
    CHECK(status["store"]["check"].is_null());
}

TEST_CASE("a start is no standstill, but a pipeline that has turned must go on turning") {
    tests::FakeClock clock{1'767'000'000};
    const Config config;
    StatusBoard board{config, clock};
    clock.advance(50s);  // a large store is opened
    CHECK(board.alive());
    CHECK_FALSE(board.readiness().ready);
    board.beat();
    clock.advance(19s);
    CHECK(board.alive());
    clock.advance(2s);
    CHECK_FALSE(board.alive());
    CHECK(board.readiness().reasons ==
          std::vector<std::string>{"the pipeline has stopped turning"});
}

TEST_CASE("a start that never ends is told in the end") {
    tests::FakeClock clock{1'767'000'000};
    const Config config;
    const StatusBoard board{config, clock};
    clock.advance(2min);
    CHECK_FALSE(board.alive());
}

TEST_CASE("the status tells warming rules, built-in alerts and silences, and keeps its counts") {
    Config config;
    base::yaml::Diagnostics diagnostics;
    config.rules =
        alerts::parse_rules("r.yaml",
                            "rules:\n  - {name: named, metric: tokens, window: 1h, above: 1, "
                            "where: {channel: \"azure-*\"}}\n",
                            {}, diagnostics)
            .rules;
    REQUIRE(diagnostics.ok());
    Desk desk{std::move(config)};
    desk.read();
    desk.self_alerts.set(alerts::SelfAlert::notifier_dead, "ops", true, "ops cannot be reached");
    desk.self_alerts.evaluate(desk.clock.now());
    desk.silences.add(R"({"rule": "named", "for": "2h", "reason": "new cables"})");
    desk.reasons();
    const auto status = desk.status();
    CHECK(status["rules"]["total"] == 1);
    CHECK(status["rules"]["warming"] == 1);  // nobody has named a channel yet
    CHECK(status["rules"]["warming_rules"][0]["rule"] == "named");
    CHECK(status["rules"]["error"] == 0);
    CHECK(status["rules"]["errors"].empty());
    REQUIRE(status["alerts"].size() == 1);
    CHECK(status["alerts"][0]["rule"] == "notifier-dead");
    CHECK(status["alerts"][0]["state"] == "firing");
    CHECK(status["alerts"][0]["key"] == "ops");
    CHECK(status["alerts"][0]["severity"] == "critical");
    CHECK(status["alerts"][0]["text"] == "ops cannot be reached");
    REQUIRE(status["silences"].size() == 1);
    CHECK(status["silences"][0]["reason"] == "new cables");
    CHECK(status["silences"][0]["until"] == base::unix_seconds(desk.clock.now()) + 7200);
    CHECK(status["source"]["troubles"].empty());
}

TEST_CASE("the status says of each built-in alert what its notice says") {
    for (std::size_t i = 0; i < alerts::self_alert_names().size(); ++i) {
        Desk desk{{}};
        desk.read();
        desk.self_alerts.set(static_cast<alerts::SelfAlert>(i), "x", true, "why");
        const auto step = desk.self_alerts.evaluate(desk.clock.now());
        REQUIRE(step.notices.size() == 1);
        desk.reasons();
        const auto critical = step.notices[0].severity == base::Severity::critical;
        CHECK(desk.status()["alerts"][0]["severity"] == (critical ? "critical" : "warning"));
    }
}

TEST_CASE("a refused reload is a note beside the reasons, and does not make it unready") {
    Desk desk{live_config("w:p@tcp(db:3306)/x")};
    desk.read();
    CHECK(desk.reasons().empty());
    CHECK(desk.board.readiness().notes.empty());
    desk.board.note_refused_reload("rules.yaml:2:26: unknown metric");
    CHECK(desk.reasons().empty());
    REQUIRE(desk.board.readiness().notes.size() == 1);
    CHECK(
        desk.board.readiness().notes[0].ends_with(" was refused: rules.yaml:2:26: unknown metric"));
    CHECK(desk.status()["readiness"]["notes"].size() == 1);
    CHECK(desk.codes() ==
          std::vector<std::string>{"reload_refused null \"rules.yaml:2:26: unknown metric\""});
}

TEST_CASE("the process is up since its start, whatever was reloaded") {
    Desk desk{{}};
    desk.read();
    desk.board.note_start(desk.clock.mono() - 1h);
    desk.reasons();
    CHECK(desk.status()["uptime_seconds"] == 3600);
}

TEST_CASE("pages are told the operator's zone and language, and whether there is a login") {
    Config config;
    config.timezone = *base::TimeZone::find("Asia/Shanghai");
    config.access.password = base::Secret{"secret of this test"};
    Desk desk{std::move(config)};
    desk.read();
    desk.reasons();
    CHECK(desk.status()["timezone"] == "Asia/Shanghai");
    CHECK(desk.status()["language"] == "zh");
    CHECK(desk.status()["has_login"] == true);
    CHECK(desk.status().dump().find("secret of this test") == std::string::npos);
}

TEST_CASE("of a rule with many alerts the status tells the largest, and how many more there are") {
    Config config;
    base::yaml::Diagnostics diagnostics;
    config.rules = alerts::parse_rules("r.yaml",
                                       "rules:\n  - {name: few, metric: requests, by: [channel], "
                                       "window: 1h, above: 0, max_series: 2}\n",
                                       {}, diagnostics)
                       .rules;
    REQUIRE(diagnostics.ok());
    Desk desk{std::move(config)};
    desk.read([&](sync::Poll& poll) {
        for (int channel = 1; channel <= 7; ++channel) {
            sync::LogEntry entry;
            entry.id = poll.batch.position.cursor = channel;
            entry.created_at = base::unix_seconds(desk.clock.now());
            entry.kind = sync::Kind::consume;
            entry.channel = channel;
            poll.batch.entries.push_back(entry);
        }
    });
    desk.evaluate();
    desk.reasons();
    const auto status = desk.status();
    CHECK(status["alerts"].size() == 2);
    CHECK(status["more_alerts"] == nlohmann::json::parse(R"([{"rule": "few", "series": 5}])"));
}

TEST_CASE(
    "the newest dead letters stand in the status with their reasons, whatever went out since") {
    Config config;
    notifiers::Settings ops;
    ops.name = "ops";
    config.notifiers.push_back(ops);
    Desk desk{config};
    desk.read();
    desk.reasons();
    CHECK(desk.status().at("outbox").at("dead").empty());
    for (int i = 1; i <= 4; ++i)
        desk.deliver("ops",
                     {.kind = notifiers::Outcome::Kind::permanent, .why = fmt::format("no {}", i)});
    desk.deliver("ops", {});
    desk.reasons();
    const auto outbox = desk.status().at("outbox");
    CHECK(outbox.at("failed") == 4);
    CHECK(outbox.at("notifiers").at(0).at("last_error").is_null());
    REQUIRE(outbox.at("dead").size() == 3);
    CHECK(outbox.at("dead").at(0).at("error") == "no 4");
    CHECK(outbox.at("dead").at(0).at("notifier") == "ops");
    CHECK(outbox.at("dead").at(0).at("id").is_number());
}

TEST_CASE("pages are told what changed on the board, and nothing while it stays as it is") {
    Config config;
    config.notifiers.resize(1);
    config.notifiers[0].name = "screen";
    Desk desk{std::move(config)};
    desk.reasons();
    REQUIRE(desk.told.size() == 1);
    CHECK(desk.told[0] == R"({"at":1767000000,"rows":0,"firing":0,"open":0,"pending":0})");
    desk.clock.advance(5s);
    desk.reasons();
    CHECK(desk.told.size() == 1);
}
