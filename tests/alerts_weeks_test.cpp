#include <stdexcept>

#include <doctest/doctest.h>

#include "alerts/baseline.h"
#include "alerts/engine.h"
#include "alerts/rule_loader.h"
#include "alerts/state_store.h"
#include "base/database.h"
#include "support/temp_dir.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kHour = 1'767'600'000;
constexpr auto kKept = std::chrono::hours{35 * 24};

base::Second at(std::int64_t second) {
    return base::from_unix(kHour + second);
}

std::vector<alerts::Rule> rules_from(const std::string& text) {
    base::yaml::Diagnostics diagnostics;
    alerts::LoadContext context;
    context.kept = kKept;
    auto set = alerts::parse_rules("t.yaml", "rules:\n" + text, context, diagnostics);
    if (!diagnostics.ok()) throw std::runtime_error(diagnostics.lines().front());
    return std::move(set.rules);
}

/// A store with rows of former weeks, half an hour before the full hour.
class Weeks {
public:
    Weeks() { add(3, 0, -34 * 86400); }  // so that every week lies within what is stored
    sync::Row add(std::int64_t channel, std::int64_t tokens, std::int64_t second) {
        sync::LogEntry entry;
        entry.id = ++position_.cursor;
        entry.created_at = kHour + second;
        entry.kind = sync::Kind::consume;
        entry.channel = channel;
        entry.model = "m";
        entry.prompt_tokens = tokens;
        return store_.append({{entry}, position_}, at(0)).at(0);
    }
    sync::Row add_week(std::int64_t channel, std::int64_t tokens, int week) {
        return add(channel, tokens, -week * 7 * 86400 - 1800);
    }
    std::unique_ptr<alerts::Engine> start(const std::string& rules,
                                          const alerts::Engine::Options& options) {
        auto engine = std::make_unique<alerts::Engine>(rules_from(rules), store_, options);
        engine->restore({}, at(0));
        while (engine->warm_up(1s)) {
        }
        return engine;
    }

private:
    TempDir folder_;
    base::Database database_{folder_.file("s.db"), {sync::Store::schema(), alerts::schema()}};
    sync::Store store_{database_};
    sync::Position position_;
};

const std::string kHourly =
    "  - {name: hour, metric: tokens, window: 1h, compare_to: usual, above: 150}\n";
const std::string kWeekly =
    "  - {name: week, metric: tokens, window: 7d, compare_to: usual, above: 1000}\n";

}  // namespace

TEST_CASE("usual looks back as many weeks as the rule's own window can be read of") {
    alerts::Engine::Options options;
    options.weeks = alerts::kMostWeeks;
    options.kept = kKept;
    const auto rules = rules_from(kHourly + kWeekly);
    CHECK(alerts::weeks_of(rules[0], options.weeks, options.kept) == 4);
    CHECK(alerts::weeks_of(rules[1], options.weeks, options.kept) == 3);
    CHECK(alerts::weeks_of(rules[0], 3, options.kept) == 3);
    CHECK(alerts::weeks_of(rules[0], 8, std::nullopt) == 8);

    // The median of three weeks is 90, of four 70: 164 percent more.
    Weeks weeks;
    weeks.add_week(3, 185, 0);
    weeks.add_week(3, 100, 1);
    weeks.add_week(3, 90, 2);
    weeks.add_week(3, 50, 3);
    weeks.add_week(3, 10, 4);
    const auto engine = weeks.start(kHourly + kWeekly, options);
    engine->advance(at(10));
    REQUIRE(engine->overview().alerts.size() == 1);
    CHECK(engine->overview().alerts[0].rule == "hour");
    CHECK(*engine->overview().alerts[0].value == doctest::Approx(164.29).epsilon(0.01));
}

TEST_CASE("asking how a rule stands changes nothing of what it decides") {
    alerts::Engine::Options options;
    options.weeks = 4;
    Weeks weeks;
    weeks.add_week(3, 40, 0);
    weeks.add_week(3, 100, 1);
    weeks.add_week(3, 100, 2);
    for (const int week : {0, 1, 2, 3}) weeks.add_week(4, 1, week);
    const auto last = weeks.add_week(4, 1, 4);
    const auto engine = weeks.start(
        "  - {name: drop, metric: tokens, by: [channel], where: {channel: [3, 4]}, window: 1h, "
        "compare_to: usual, below: -50}\n",
        options);
    engine->advance(at(10));
    CHECK(engine->overview().firing == 0);
    // A week without any row does not count: of the three that are left the median is 100.
    engine->forget({last});
    bool asks = false;
    SUBCASE("asked") {
        asks = true;
    }
    SUBCASE("not asked") {}
    if (asks) {
        const auto report = engine->report("drop");
        REQUIRE(report);
        const auto& nearest = report->evaluations.at(0);
        CHECK(nearest.reason == alerts::Reason::inactive);
        REQUIRE(nearest.value);
        CHECK(*nearest.value == -60);
    }
    engine->advance(at(11));
    CHECK(engine->overview().firing == 1);
}
