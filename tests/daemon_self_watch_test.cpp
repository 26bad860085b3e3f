#include <doctest/doctest.h>
#include <fmt/format.h>

#include "daemon/bundle_text.h"
#include "daemon/schemas.h"
#include "daemon/self_watch.h"
#include "support/fake_clock.h"
#include "support/logged.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;
using Kind = sync::GatewayError::Kind;

/// Everything that the watch looks at is real; the test is the reader and the notifiers.
class Desk {
public:
    explicit Desk(base::Milliseconds poll_interval = 1s, Language language = Language::english) {
        config_.source.poll_interval = poll_interval;
        config_.language = language;
        notifiers::Settings settings;
        settings.name = "ops";
        config_.notifiers.push_back(settings);
        open();
    }

    /// As after a restart on the same file.
    void open() {
        parts_.reset();
        parts_ = std::make_unique<Parts>(*this);
        const auto saved = alerts::load_state(database_.handle());
        parts_->engine.restore(saved, clock.now());
        parts_->alerts.restore(saved);
    }
    /// A second of life; what is told goes to told().
    void tick(base::Seconds by = 1s) {
        clock.advance(by);
        parts_->watch.look(overview_);
        auto step = parts_->alerts.evaluate(clock.now());
        base::WriteTransaction transaction{database_};
        alerts::save_state(database_, step);
        transaction.commit();
        for (const auto& notice : step.notices) {
            told_.push_back(fmt::format("{} {}: {}", notice.rule,
                                        alerts::reason_name(notice.reason), notice.summary));
        }
    }
    void poll(bool drained = true) {
        auto poll = next_poll();
        poll.drained = drained;
        parts_->intake.take(poll);
    }
    void trouble(const std::string& text) {
        parts_->intake.take(SourceTrouble{Kind::unreachable, text});
    }
    void row(std::int64_t created_at, int channel) {
        auto poll = next_poll();
        sync::LogEntry entry;
        entry.id = ++poll.batch.position.cursor;
        entry.created_at = created_at;
        entry.kind = sync::Kind::consume;
        entry.channel = channel;
        poll.batch.entries.push_back(entry);
        parts_->intake.take(poll);
    }
    void begin_epoch() {
        auto poll = next_poll();
        ++poll.batch.position.epoch;
        poll.batch.position.cursor = 1;
        parts_->intake.take(poll);
    }
    void deliver(const std::string& event, notifiers::Outcome::Kind kind) {
        {
            base::WriteTransaction transaction{database_};
            outbox_.put({event, {}, {}, {}}, "ops", clock.now(), clock.now());
            transaction.commit();
        }
        const auto delivery = outbox_.next("ops", clock.now());
        REQUIRE(delivery.has_value());
        outbox_.begin_attempt(*delivery, clock.now());
        notifiers::Outcome outcome;
        outcome.kind = kind;
        outcome.why = "HTTP 502";
        outbox_.finish(delivery->id, outcome, clock.now());
    }
    /// What stands in the status.
    std::vector<std::string> standing() const {
        std::vector<std::string> texts;
        for (const auto& alert : parts_->alerts.alerts()) texts.push_back(alert.text);
        return texts;
    }
    std::vector<std::string> told() { return std::exchange(told_, {}); }
    SelfWatch& watch() { return parts_->watch; }
    alerts::Overview& overview() { return overview_; }
    tests::FakeClock clock{kStart};

private:
    struct Parts {
        explicit Parts(Desk& desk)
            : store(desk.database_),
              engine({}, store),
              intake(desk.database_, store, engine, "a test", desk.clock, desk.log_),
              upkeep(desk.database_, store, engine, {}, desk.clock, desk.log_),
              watch({alerts, intake, upkeep, desk.outbox_}, desk.config_, desk.clock) {}
        sync::Store store;
        alerts::Engine engine;
        alerts::SelfAlerts alerts{{}, {}};
        Intake intake;
        Upkeep upkeep;
        SelfWatch watch;
    };
    sync::Poll next_poll() {
        sync::Poll poll;
        poll.batch.position = parts_->store.position();
        poll.sent = clock.now();
        poll.drained = true;
        return poll;
    }

    tests::Logged quiet_;
    tests::TempDir folder_;
    Config config_;
    base::Log log_{base::Level::error};
    base::Database database_{folder_.file("s.db"), all_schemas()};
    notifiers::Outbox outbox_{database_, BundleText{config_}};
    alerts::Overview overview_;
    std::vector<std::string> told_;
    std::unique_ptr<Parts> parts_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a gateway that cannot be read for a minute is told once, and when it can again") {
    Desk desk;
    desk.poll();
    for (int i = 0; i < 60; ++i) {
        desk.trouble("connection refused");
        desk.tick();
    }
    CHECK(desk.told().empty());
    for (int i = 0; i < 60; ++i) {
        desk.trouble("connection refused");
        desk.tick();
    }
    auto told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0] ==
          "source-stale first: the gateway cannot be read (unreachable): connection refused; "
          "nothing is evaluated meanwhile, nothing resolves or trips");
    desk.poll();
    for (int i = 0; i < 3; ++i) desk.tick();
    told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("source-stale resolved"));
}

TEST_CASE("a restart amid an outage neither repeats nor resolves it before it has looked") {
    Desk desk;
    desk.poll();
    desk.tick();
    desk.trouble("connection refused");
    desk.tick(61s);
    CHECK(desk.told().size() == 1);
    desk.open();
    for (int i = 0; i < 10; ++i) desk.tick();  // has not read anything yet
    CHECK(desk.told().empty());
    desk.trouble("connection refused");
    desk.tick();
    CHECK(desk.told().empty());
    desk.poll();
    desk.tick();
    REQUIRE(desk.told().size() == 1);
}

TEST_CASE(
    "a first catch-up is no standstill, a catch-up that lasts after reading went well is one") {
    Desk desk;
    for (int i = 0; i < 300; ++i) {
        desk.poll(false);
        desk.tick();
    }
    CHECK(desk.told().empty());
    desk.poll();
    desk.tick();
    for (int i = 0; i < 90; ++i) {
        desk.poll(false);
        desk.tick();
    }
    const auto told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(contains(told[0], "the gateway was last read"));
}

TEST_CASE("a new epoch is told once, an hour of clocks that differ until they agree") {
    Desk desk;
    desk.poll();
    desk.tick();
    desk.begin_epoch();
    for (int i = 0; i < 3700; ++i) {
        desk.poll();
        desk.tick();
    }
    auto told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("new-epoch first: the gateway's log was truncated"));
    const auto rows = [&](std::int64_t ahead) {
        for (int i = 0; i < 20; ++i) {
            desk.row(base::unix_seconds(desk.clock.now()) + ahead, 1);
            desk.tick();
        }
        return desk.told();
    };
    CHECK(rows(30).empty());
    told = rows(31);
    REQUIRE(told.size() == 1);
    CHECK(contains(told[0], "clock is 31s ahead of this host's"));
    CHECK(rows(0).size() == 1);
    told = rows(-50);
    CHECK(desk.told().empty());
}

TEST_CASE("rows that are as old as the poll before say nothing about the gateway's clock") {
    Desk desk{60s};
    desk.poll();
    desk.tick();
    const auto rows = [&](std::int64_t behind) {
        for (int i = 0; i < 9; ++i) {
            desk.row(base::unix_seconds(desk.clock.now()) - behind, 1);
            desk.tick();
        }
        return desk.told();
    };
    CHECK(rows(59).empty());
    CHECK(rows(90).empty());
    const auto told = rows(91);
    REQUIRE(told.size() == 1);
    CAPTURE(told[0]);
    CHECK(contains(told[0], "clock is 1m31s behind this host's"));
    CHECK(rows(-30).size() == 1);
    REQUIRE(rows(-31).size() == 1);
}

TEST_CASE("a notifier that fails for ten minutes is dead until it works, over a restart") {
    using Outcome = notifiers::Outcome::Kind;
    Desk desk;
    desk.poll();
    desk.deliver("one", Outcome::transient);
    for (int i = 0; i < 599; ++i) {
        desk.poll();
        desk.tick();
    }
    CHECK(desk.told().empty());
    for (int i = 0; i < 3; ++i) desk.tick();
    const auto told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0] == "notifier-dead first: ops cannot be reached: 1 messages wait: HTTP 502");
    desk.open();
    desk.poll();
    for (int i = 0; i < 10; ++i) desk.tick();
    CHECK(desk.told().empty());
    desk.deliver("one", Outcome::ok);
    desk.tick();
    CHECK(desk.told().size() == 1);
}

TEST_CASE("a message that is refused for good counts for an hour") {
    Desk desk;
    desk.poll();
    desk.tick();
    desk.deliver("one", notifiers::Outcome::Kind::permanent);
    desk.tick();
    auto told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(contains(told[0], "ops refused a message for good: HTTP 502"));
    desk.deliver("two", notifiers::Outcome::Kind::ok);
    for (int i = 0; i < 3601; ++i) {
        desk.poll();
        desk.tick();
    }
    told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("notifier-dead resolved"));
}

TEST_CASE("a store that could not be written for a minute is told once it can be") {
    Desk desk;
    desk.poll();
    desk.watch().note_store_trouble("disk is full");
    desk.tick();
    CHECK(desk.told().empty());
    desk.clock.advance(60s);
    desk.poll();
    desk.tick();
    auto told = desk.told();
    REQUIRE(told.size() == 1);
    CHECK(contains(told[0], "store-full first: the store could not be written: disk is full"));
    desk.watch().note_store_trouble({});
    desk.tick();
    CHECK(desk.told().size() == 1);
}

TEST_CASE("each rule in error is told, and when it is evaluated again") {
    Desk desk;
    desk.poll();
    desk.overview().errors = {{"a", "too many series"}, {"b", "no grant"}};
    desk.tick();
    CHECK(desk.told() ==
          std::vector<std::string>{"rule-error first: rule a is not evaluated: too many series",
                                   "rule-error first: rule b is not evaluated: no grant"});
    desk.overview().errors.pop_back();
    desk.tick();
    CHECK(desk.told().size() == 1);
}

TEST_CASE("messages are in the language of the configuration, the status stays English") {
    Desk desk{1s, Language::chinese};
    desk.poll();
    desk.overview().errors = {{"a", "too many series"}};
    desk.deliver("one", notifiers::Outcome::Kind::permanent);
    desk.tick();
    desk.deliver("two", notifiers::Outcome::Kind::permanent);
    for (int i = 0; i < 61; ++i) {
        desk.trouble("connection refused");
        desk.tick();
    }
    const auto told = desk.told();
    REQUIRE(told.size() == 3);
    CHECK(told[0] == "rule-error first: 未被评估：too many series");
    CHECK(told[1] == "notifier-dead first: 一条消息被拒收，不再重试：HTTP 502");
    CHECK(
        told[2] ==
        "source-stale first: 网关无法正常读取（unreachable）：connection refused；期间不评估规则，"
        "既不恢复告警也不熔断");
    const auto standing = desk.standing();
    REQUIRE(standing.size() == 3);
    CHECK(contains(standing[0], "the gateway cannot be read"));
    desk.open();
    CHECK(desk.standing() == standing);
}
