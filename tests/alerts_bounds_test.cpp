#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/engine.h"
#include "alerts/filter.h"
#include "alerts_meter_fixture.h"

// However many keys and texts a gateway has, what is remembered of them is bounded.

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using alerts::Dimension;
using alerts::Metric;

namespace {

/// A rule on rows in memory.
class Site {
public:
    explicit Site(const alerts::Rule& rule) : engine_({rule}, rows_) {
        sync::Directory directory;
        directory.known = true;
        // One that answers no request: a channel that is missing here was deleted.
        directory.channels[1'000'000].status = 1;
        engine_.use(directory);
        engine_.observe(
            {{{sync::Gauge::extent, static_cast<std::int64_t>(sync::ObjectKind::channels), 0, 0},
              kMeterMonday,
              static_cast<double>(sync::Extent::all)}});
        engine_.restore({}, meter_time(0));
    }

    /// A request each of so many channels, keys and users.
    void add(std::int64_t first, std::int64_t count) {
        std::vector<sync::Row> added;
        for (auto id = first; id < first + count; ++id) {
            auto row = answer(now_, id);
            row.token = row.user = id;
            added.push_back(rows_.add(row));
        }
        engine_.feed(added);
    }
    void run_to(std::int64_t second) {
        while (engine_.warm_up(50ms)) {
        }
        for (; now_ < second; now_ = base::unix_seconds(engine_.time()) - kMeterMonday)
            engine_.advance(meter_time(second));
    }
    alerts::RuleReport report() const { return *engine_.report("r"); }

private:
    MemoryRows rows_;
    alerts::Engine engine_;
    std::int64_t now_ = 0;
};

constexpr std::int64_t kHalf = 60'000;  // of what a rule may not remember; fits in a window

/// Two crowds one after the other: no window holds both.
void let_come(Site& site) {
    site.run_to(1);
    site.add(1, kHalf);
    site.run_to(200);
    CHECK(site.report().error.empty());
    site.add(1 + kHalf, kHalf);
    site.run_to(210);
}

}  // namespace

TEST_CASE(
    "a rule that would remember over 100,000 keys lets go of them and is in error for a while") {
    auto rule = meter_rule(Metric::requests, 0, true);  // which is never reached: all are at rest
    SUBCASE("of a rule with below") {}
    SUBCASE("of a rule on silence") {
        rule = meter_rule(Metric::since_last, 1e6);
    }
    rule.by = {Dimension::token};
    Site site{rule};
    let_come(site);
    const auto report = site.report();
    CHECK(report.error.starts_with("over 100,000 series to be remembered: "));
    CHECK(report.series == 0);
    // The window's length later.
    site.run_to(300);
    CHECK(site.report().error.empty());
    site.add(1, 10);
    site.run_to(310);
    CHECK(site.report().series == 10);
}

TEST_CASE("a rule with over 100,000 alerts goes on when some of them are over") {
    auto rule = meter_rule(Metric::requests, 0);
    rule.by = {Dimension::token};
    rule.window = alerts::Frame::rolling(5s);
    rule.keep_firing = 10s;
    Site site{rule};
    site.run_to(1);
    site.add(1, kHalf);
    site.run_to(11);
    CHECK(site.report().firing == kHalf);  // silent for some seconds already
    site.add(1 + kHalf, kHalf);
    site.run_to(13);
    CHECK(site.report().error.starts_with("over 100,000 series to be remembered: "));
    CHECK(site.report().firing == 2 * kHalf);
    site.run_to(26);
    CHECK(site.report().error.empty());
    CHECK(site.report().firing == kHalf);
    site.run_to(40);
    CHECK(site.report().firing == 0);
}

TEST_CASE("keys of objects that are no more count, too, while their last rows are remembered") {
    auto rule = meter_rule(Metric::since_last, 1e6);
    Site site{rule};
    let_come(site);
    const auto report = site.report();
    CHECK(report.series == 0);  // every channel was deleted
    CHECK(report.error.starts_with("over 100,000 series to be remembered: "));
    site.run_to(300);
    CHECK(site.report().error.empty());
}

TEST_CASE("what a pattern says of a text is remembered of a million texts, of others asked anew") {
    sync::Texts texts;
    alerts::Filter filter{{{Dimension::model, {{false, std::nullopt, "gpt-*"}}}}, {}, false, texts};
    const auto chooses = [&](sync::TextId id, const std::string& model) {
        texts.shrink(static_cast<std::size_t>(id));
        texts.restore(id, model + std::to_string(id));
        auto row = answer(0);
        row.model = id;
        return filter.count(row).has_value();
    };
    constexpr sync::TextId kFirstLater = 1 << 20;
    CHECK(chooses(kFirstLater - 1, "gpt-"));
    CHECK(chooses(kFirstLater - 1, "claude-"));  // no text changes in fact: that shows the memory
    for (const auto id : {kFirstLater, kFirstLater + 1, 3 * kFirstLater}) {
        CHECK(chooses(id, "gpt-"));
        CHECK_FALSE(chooses(id, "claude-"));
    }
}
