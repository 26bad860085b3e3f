#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule_loader.h"
#include "alerts/state_store.h"
#include "daemon/schemas.h"
#include "daemon/upkeep.h"
#include "support/fake_clock.h"
#include "support/logged.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;

/// A store with a month of rows, 100 a day, and a rule over all of it.
class Desk {
public:
    explicit Desk(sync::Keep keep) : store_(database_, keep), engine_(rules(), store_) {
        sync::Batch batch;
        for (std::int64_t i = 1; i <= kRows; ++i) {
            sync::LogEntry entry;
            entry.id = i;
            entry.created_at = kStart - 30 * 86400 + i * 864;
            entry.kind = sync::Kind::consume;
            entry.model = "m";
            entry.prompt_tokens = 1;
            entry.request_id = static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15ULL;
            batch.entries.push_back(entry);
        }
        batch.position.cursor = kRows;
        database_.set_durable(false);
        store_.append(batch, clock.now());
        engine_.restore({}, clock.now());
        while (engine_.warm_up(1s)) {
        }
    }

    /// What the rule sees, evaluated a second on.
    double value() {
        clock.advance(1s);
        engine_.advance(clock.now());
        const auto overview = engine_.overview();
        return overview.alerts.empty() ? 0 : overview.alerts.at(0).value.value_or(-1);
    }

    static constexpr std::int64_t kRows = 3000;
    std::int64_t bytes() {
        return database_.handle().execAndGet("PRAGMA page_count").getInt64() *
               database_.handle().execAndGet("PRAGMA page_size").getInt64();
    }
    base::Database& database() { return database_; }
    sync::Store& store() { return store_; }
    alerts::Engine& engine() { return engine_; }
    base::Log& log() { return log_; }
    tests::FakeClock clock{kStart};

private:
    static std::vector<alerts::Rule> rules() {
        base::yaml::Diagnostics diagnostics;
        auto rules = alerts::parse_rules(
            "r.yaml", "rules:\n  - {name: month, metric: tokens, window: 30d, above: 1}\n", {},
            diagnostics);
        REQUIRE(diagnostics.ok());
        return rules.rules;
    }

    tests::TempDir folder_;
    base::Database database_{folder_.file("s.db"), all_schemas()};
    sync::Store store_;
    alerts::Engine engine_;
    base::Log log_;
};

}  // namespace

TEST_CASE("what retention deletes leaves the windows too, in short steps and without a word") {
    sync::Keep keep;
    keep.rows = 20 * 86400s;
    Desk desk{keep};
    tests::Logged logged;
    Upkeep upkeep{desk.database(), desk.store(), desk.engine(), {}, desk.clock, desk.log()};
    CHECK(desk.value() == 3000);
    int steps = 1;
    while (upkeep.step()) ++steps;
    CHECK(steps > 1);
    CHECK(desk.store().rows() == 2000);
    CHECK(desk.value() == 2000);
    CHECK_FALSE(upkeep.out_of_room());
    CHECK(logged.take().empty());
}

TEST_CASE("rows that must go for room are told once a day, until a day is free of it") {
    sync::Keep keep;
    keep.bytes = Desk{{}}.bytes() * 9 / 10;
    Desk desk{keep};
    tests::Logged logged;
    Upkeep upkeep{desk.database(), desk.store(), desk.engine(), {}, desk.clock, desk.log()};
    while (upkeep.step()) {
    }
    CHECK(upkeep.out_of_room());
    const auto left = desk.store().rows();
    CHECK(left < 3000);
    CHECK(left > 100);
    CHECK(desk.value() == static_cast<double>(left));
    const auto lines = logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find(fmt::format("store.max_size is reached: rows before {} were deleted",
                                    base::TimeZone{}.format(base::from_unix(
                                        desk.store().kept_since())))) != std::string::npos);
    for (int hour = 0; hour < 23; ++hour) {
        desk.clock.advance(1h);
        while (upkeep.step()) {
        }
        CHECK(upkeep.out_of_room());
    }
    for (int hour = 0; hour < 3; ++hour) {
        desk.clock.advance(1h);
        while (upkeep.step()) {
        }
    }
    CHECK_FALSE(upkeep.out_of_room());
    CHECK(logged.take().empty());
}

TEST_CASE("what alerts did is remembered for 400 days, and then forgotten in short steps") {
    Desk desk{{}};
    {
        alerts::Step step;
        for (int i = 0; i < 1200; ++i) {
            const auto at = desk.clock.now() - Upkeep::kHistory - base::Seconds{1 + i};
            step.events.push_back({fmt::format("e{}", i), "r", "[]", at, "firing", "first", 1.0});
        }
        step.events.push_back(
            {"kept", "r", "[]", desk.clock.now() - Upkeep::kHistory + 1h, "firing", "first", 1.0});
        step.changes_state = true;
        base::WriteTransaction transaction{desk.database()};
        alerts::save_state(desk.database(), step);
        transaction.commit();
    }
    Upkeep upkeep{desk.database(), desk.store(), desk.engine(), {}, desk.clock, desk.log()};
    const auto left = [&] {
        return alerts::load_history(desk.database().handle(), base::from_unix(0), desk.clock.now())
            .size();
    };
    CHECK(left() == 1201);
    std::size_t most = 0;
    for (auto before = left(); upkeep.step(); before = left())
        most = std::max(most, before - left());
    CHECK(most == 500);
    CHECK(left() == 1);
}
