#include <algorithm>

#include <SQLiteCpp/Exception.h>
#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

TEST_CASE(
    "a silent outage grows past its limit in its second, over restarts, and ends with a row") {
    Watchman watchman{
        "rules: [{name: silent, metric: since_last, by: [channel], window: 15m, above: 600, "
        "cooldown: 2h}]"};
    watchman.run_to(1);
    watchman.add({request(2)});  // it needs one window of history
    watchman.run_to(400);
    watchman.add({request(401)});
    SUBCASE("undisturbed") {}
    SUBCASE("over a restart while its row is in the window") {
        watchman.run_to(500);
        watchman.restart(500);
    }
    CHECK(watchman.run_to(401 + 600 + 3).empty());
    const auto told = watchman.run_to(401 + 601 + 3);  // it looks three seconds back
    REQUIRE(told.size() == 1);
    CHECK(told.front().value == 601.0);
    CHECK(told.front().key.front().id == 3);
    const auto growing = watchman.run_to(4000);
    CHECK(growing.empty());
    watchman.restart(4000);  // its row has left the window long ago
    CHECK(watchman.run_to(4001).empty());
    REQUIRE(watchman.engine().overview().alerts.size() == 1);
    CHECK(watchman.engine().overview().alerts.front().value == 4001.0 - 3 - 401);
    SUBCASE("a row ends it") {
        watchman.add({request(4002)});
        const auto over = watchman.run_to(4010);
        REQUIRE(over.size() == 1);
        CHECK(over.front().ended == alerts::Ending::recovered);
        CHECK(over.front().at == at(4005));
    }
    SUBCASE("so does a person who switches the channel off") {
        watchman.directory().channels[3].status = 2;
        watchman.tell();
        const auto over = watchman.run_to(4002);
        REQUIRE(over.size() == 1);
        CHECK(over.front().ended == alerts::Ending::gone);
        CHECK(watchman.run_to(9000).empty());
    }
    SUBCASE("and a week without a row") {
        const auto later = watchman.run_to(8 * 86'400);
        REQUIRE_FALSE(later.empty());
        CHECK(later.back().ended == alerts::Ending::gone);
        CHECK(later.back().at == at(401 + 7 * 86'400));
    }
}

TEST_CASE("a drop against the window before is told with both values") {
    Watchman watchman{
        "rules: [{name: drop, metric: requests, by: [channel], window: 5m, compare_to: previous, "
        "below: -50}]"};
    for (std::int64_t t = 1; t <= 900; ++t) {
        watchman.run_to(t - 1);
        watchman.add({request(t)});
    }
    CHECK(watchman.run_to(903).empty());
    const auto told = watchman.run_to(1200);
    REQUIRE(told.size() == 1);
    const auto& notice = told.front();
    CHECK(notice.reason == Reason::first);
    CHECK(notice.unit == "percent");
    CHECK(notice.compare_to == alerts::Comparison::previous);
    CHECK(notice.at == at(900 + 151 + 3));
    CHECK(notice.now == 149.0);
    CHECK(notice.base == 300.0);
    CHECK(*notice.value == doctest::Approx(-50.33).epsilon(0.001));
    REQUIRE(watchman.engine().overview().alerts.size() == 1);
    CHECK(watchman.engine().overview().alerts.front().unit == "percent");
}

TEST_CASE("an alert carries what makes it up, and goes out without where that cannot be read") {
    const std::string rule =
        "rules: [{name: burn, metric: tokens, by: [channel], window: 5m, above: 10000}]";
    Watchman watchman{rule};
    watchman.run_to(10);
    auto rows = requests(11, 8, 1000);
    for (auto& row : rows) row.model = "claude-opus";
    watchman.add(rows);
    watchman.add(requests(11, 8, 500));
    SUBCASE("by the dimensions that it does not group by") {
        const auto told = watchman.run_to(18);
        REQUIRE(told.size() == 1);
        const auto& contributions = told.front().contributions;
        const auto by_model = std::ranges::find(contributions, alerts::Dimension::model,
                                                &alerts::Contribution::dimension);
        REQUIRE(by_model != contributions.end());
        REQUIRE(by_model->parts.size() == 2);
        CHECK(by_model->parts[0].name.text == "claude-opus");
        CHECK(by_model->parts[0].share == doctest::Approx(66.67).epsilon(0.001));
        CHECK(std::ranges::count(contributions, alerts::Dimension::channel,
                                 &alerts::Contribution::dimension) == 0);
    }
    SUBCASE("a store that fails in just that moment costs the explanation only") {
        /// Fails when it is read as for an explanation, which looks at one second, then at two,
        /// and so on. Windows read single seconds and large blocks.
        class Failing final : public sync::RowReader {
        public:
            explicit Failing(sync::Store& store) : store_(store) {}
            const sync::Texts& texts() const override { return store_.texts(); }
            std::optional<std::int64_t> first_row() override { return store_.first_row(); }
            void read(std::int64_t after, std::int64_t until,
                      const std::function<void(const sync::Row&)>& visit) override {
                if (armed && until - after == 2) {
                    failed = true;
                    throw SQLite::Exception("disk I/O error");
                }
                store_.read(after, until, visit);
            }
            void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                           const std::function<void(const sync::Row&)>& visit) override {
                store_.read_late(after, until, seen, visit);
            }
            bool armed = false;
            bool failed = false;

        private:
            sync::Store& store_;
        };
        Failing reader{watchman.mirror().store()};
        alerts::Engine engine{rules_from(rule), reader};
        engine.restore({}, at(10));
        while (engine.warm_up(std::chrono::milliseconds{50})) {
        }
        engine.advance(at(11));
        reader.armed = true;
        std::vector<alerts::Notice> told;
        for (std::int64_t t = 12; t <= 18; ++t) {
            for (auto& notice : engine.advance(at(t)).notices) told.push_back(notice);
        }
        REQUIRE(told.size() == 1);
        CHECK(told.front().at == at(17));
        CHECK(told.front().reason == Reason::first);
        CHECK(told.front().contributions.empty());
        CHECK(reader.failed);
    }
}

TEST_CASE("a gauge fires with the second after it was seen, and is gone with its object") {
    Watchman watchman{"rules: [{name: down, metric: channel_down, above: 0}]"};
    const auto status = [&](std::int64_t channel, std::optional<double> value) {
        watchman.observe({{{sync::Gauge::channel_status, channel, 0, 0},
                           base::unix_seconds(watchman.engine().time()),
                           value}});
    };
    status(3, 1);
    status(4, 1);
    CHECK(watchman.run_to(10).empty());
    status(3, 3);
    const auto told = watchman.run_to(11);
    REQUIRE(told.size() == 1);
    CHECK(told.front().key.front().display == "3 (azure-eu)");
    CHECK(told.front().value == 1.0);
    watchman.restart(11);
    CHECK(watchman.run_to(20).empty());
    CHECK(watchman.engine().overview().firing == 1);
    SUBCASE("when it is back") {
        status(3, 1);
        const auto over = watchman.run_to(21);
        REQUIRE(over.size() == 1);
        CHECK(over.front().ended == alerts::Ending::recovered);
    }
    SUBCASE("when it was deleted") {
        status(3, std::nullopt);
        const auto over = watchman.run_to(21);
        REQUIRE(over.size() == 1);
        CHECK(over.front().ended == alerts::Ending::gone);
    }
}

TEST_CASE("what was gone and is back is as any other, however its alert ends then") {
    Watchman watchman{
        "rules: [{name: redundancy, metric: healthy_channels, below: 2, cooldown: 1h}]"};
    sync::LogEntry row = request(1);
    row.group = "vip";
    const auto texts = watchman.mirror().append({row}, at(1)).at(0);
    const sync::GaugeKey pair{sync::Gauge::healthy_channels, 0, texts.group, texts.model};
    const auto observe = [&](sync::GaugeKey key, std::optional<double> value) {
        watchman.observe({{key, base::unix_seconds(watchman.engine().time()), value}});
    };
    const sync::GaugeKey channel{sync::Gauge::channel_status, 3, 0, 0};
    observe(channel, 1);
    observe(pair, 2);
    CHECK(watchman.run_to(5).empty());
    observe(pair, 1);
    CHECK(reasons(watchman.run_to(6)) == std::vector{Reason::first});
    // The channel is deleted, and its abilities with it.
    observe(pair, std::nullopt);
    observe(channel, std::nullopt);
    const auto gone = watchman.run_to(7);
    REQUIRE(gone.size() == 1);
    CHECK(gone.front().ended == alerts::Ending::gone);
    observe(pair, 1);
    CHECK(reasons(watchman.run_to(8)) == std::vector{Reason::first});
    observe(pair, 2);
    const auto over = watchman.run_to(9);
    REQUIRE(over.size() == 1);
    CHECK(over.front().ended == alerts::Ending::recovered);
}

TEST_CASE("the alert about a silent object ends as gone when a person switches the object off") {
    Watchman watchman{R"(rules:
  - {name: key, metric: requests, by: [token], window: 5m, below: 1}
  - {name: channel, metric: since_last, by: [channel], window: 5m, above: 200}
)"};
    watchman.run_to(1);
    watchman.add({request(2)});
    REQUIRE(watchman.run_to(400).size() == 2);
    std::string ended;
    SUBCASE("a key") {
        ended = "key";
        watchman.observe({{{sync::Gauge::token_status, 12, 0, 0}, kMonday + 400, 2}});
    }
    SUBCASE("a channel") {
        ended = "channel";
        watchman.directory().channels[3].status = 2;
        watchman.tell();
    }
    SUBCASE("a channel that was deleted") {
        ended = "channel";
        watchman.directory().channels.erase(3);
        watchman.tell();
    }
    const auto over = watchman.run_to(402);
    REQUIRE(over.size() == 1);
    CHECK(over.front().rule == ended);
    CHECK(over.front().ended == alerts::Ending::gone);
}

TEST_CASE("a rule that warms up neither fires nor resolves, and delays no other") {
    const std::string rules = R"(rules:
  - {name: month, metric: tokens, by: [channel], window: 30d, above: 1000}
  - {name: minute, metric: tokens, by: [channel], window: 1m, above: 1000, cooldown: 1m}
)";
    Watchman watchman{rules};
    watchman.run_to(10);
    for (std::int64_t day = 1; day <= 20; ++day) {
        watchman.mirror().append(requests(-day * 86'400, 5000, 1, 4), at(10));
    }
    watchman.add(requests(11, 1, 5000));
    CHECK(watchman.run_to(12).size() == 2);
    // As after a kill: the windows are empty, and warm up slice by slice.
    alerts::Engine engine{rules_from(rules), watchman.mirror().store()};
    engine.use(watchman.directory());
    engine.restore(alerts::load_state(watchman.mirror().database().handle()), at(13));
    const auto is_warming = [&] {
        const auto view = engine.overview();
        return std::ranges::count(view.warming, "month", &alerts::Overview::Warming::rule) == 1;
    };
    while (engine.report("minute")->warmed_up < 1) {
        REQUIRE(engine.warm_up(std::chrono::milliseconds{0}));
    }
    REQUIRE(is_warming());
    CHECK(engine.report("month")->warmed_up < 1);
    const auto over = engine.advance(at(80));
    REQUIRE(over.notices.size() == 1);
    CHECK(over.notices.front().rule == "minute");
    CHECK(over.notices.front().reason == Reason::resolved);
    CHECK(is_warming());
    const auto view = engine.overview();
    REQUIRE(view.alerts.size() == 1);  // as it was
    CHECK(view.alerts.front().rule == "month");
    CHECK(view.alerts.front().phase == alerts::Phase::firing);
    while (engine.warm_up(std::chrono::milliseconds{50})) {
    }
    CHECK_FALSE(is_warming());
    // What the rows of the mirror add up to comes to light now: channel 4 has 100,000 tokens.
    const auto ready = engine.advance(at(81));
    REQUIRE(ready.notices.size() == 1);
    CHECK(ready.notices.front().rule == "month");
    CHECK(ready.notices.front().key.front().id == 4);
    CHECK(ready.notices.front().reason == Reason::first);
}

TEST_CASE("a clock set back an hour goes on from there, and one set forward a day is followed") {
    Watchman watchman{
        "rules: [{name: burn, metric: tokens, by: [channel], window: 5m, above: 1000, cooldown: "
        "30m}]",
        20'000};
    watchman.run_to(20'010);
    watchman.add(requests(20'011, 1, 5000));
    CHECK(reasons(watchman.run_to(20'020)) == std::vector{Reason::first});
    SUBCASE("back: the alert is over where its rows are in the future, and they count later") {
        const auto back = watchman.run_to(16'420);
        CHECK(watchman.engine().time() == at(16'420));
        CHECK(back.empty());
        CHECK(reasons(watchman.run_to(16'430)) == std::vector{Reason::resolved});
        CHECK(watchman.run_to(20'010).empty());
        CHECK(reasons(watchman.run_to(20'011)) == std::vector{Reason::first});
    }
    SUBCASE("forward: what was missed is gone through, once") {
        watchman.add(requests(60'000, 1, 5000));
        const auto all = watchman.run_to(20'020 + 86'400);
        CHECK(reasons(all) == std::vector{Reason::resolved, Reason::first, Reason::resolved});
        CHECK(all[0].at == at(20'311));
        CHECK(all[1].at == at(60'000));
        CHECK(watchman.run_to(20'020 + 86'500).empty());
    }
}
