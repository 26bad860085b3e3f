#include <memory>

#include <doctest/doctest.h>

#include "alerts/window.h"
#include "alerts_window_scenes.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

std::vector<alerts::WindowRecord> records_now(Scene& scene) {
    return scene.windows().records(scene.now() - 1s);
}

void go_on(Scene& scene, int ticks) {
    for (int tick = 0; tick < ticks; ++tick) {
        scene.add_rows();
        scene.advance_a_little();
        scene.check();
    }
}

/// Windows of a quarter of an hour and more: the others have no record.
std::size_t longer_ones(const Scene& scene) {
    const auto& samples = scene.samples();
    return static_cast<std::size_t>(
        std::count_if(samples.begin(), samples.end(),
                      [](const Sample& sample) { return longest(sample.spec.frame) >= 15min; }));
}

}  // namespace

TEST_CASE(
    "windows that are taken over from records say what all rows say, those come since included") {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, seed % 2 == 0 ? kBeforeSpring : kBeforeAutumn};
        for (int round = 0; round < 4; ++round) {
            go_on(scene, 30);
            scene.advance_by(1s);
            const auto records = records_now(scene);
            REQUIRE(records.size() == longer_ones(scene));
            go_on(scene, static_cast<int>(scene.below(60)));
            if (round == 2) scene.advance_by(2h);
            scene.add_rows();
            scene.open(records);
            // A calendar period may have begun since.
            if (round < 2) REQUIRE(scene.full() + 3 >= longer_ones(scene));
            scene.check();
            go_on(scene, 5);
            scene.warm_up();
            go_on(scene, 30);
        }
    }
}

TEST_CASE("a start with records reads what came since, not what was before") {
    Scene scene{1, kBeforeAutumn};
    go_on(scene, 100);
    scene.advance_by(1s);
    const auto records = records_now(scene);
    scene.rows.rows_read = 0;
    scene.open({});
    scene.warm_up();
    const auto without = scene.rows.rows_read;
    scene.rows.rows_read = 0;
    scene.open(records);
    CHECK(scene.rows.rows_read < without / 20);
    scene.check();
}

TEST_CASE("a record that does not fit is left alone, and its window warms up") {
    Scene scene{2, kBeforeSpring};
    go_on(scene, 50);
    scene.advance_by(1s);
    const auto records = records_now(scene);
    SUBCASE("because it is of another window") {
        auto others = records;
        for (auto& record : others) ++record.spec;
        scene.open(others);
    }
    SUBCASE("because its bytes are damaged") {
        for (int round = 0; round < 30; ++round) {
            auto damaged = records;
            for (auto& record : damaged) {
                const auto at = scene.below(static_cast<std::uint32_t>(record.bytes.size()));
                if (round % 3 == 0) {
                    record.bytes.resize(at);
                } else {
                    record.bytes[at] = static_cast<char>(record.bytes[at] ^ (1 << scene.below(8)));
                }
            }
            scene.open(damaged);
            scene.check();
        }
    }
    SUBCASE("because channels have other names, providers or tags now") {
        const auto before = scene.full();
        scene.rename_a_channel();
        scene.rename_a_channel();
        scene.open(records);
        CHECK(scene.full() < before);
    }
    SUBCASE("because it is of a time to come") {
        scene.advance_by(-3h);
        scene.open(records);
    }
    SUBCASE("because it is too old") {
        scene.advance_by(26h);
        scene.open(records);
    }
    scene.check();
    scene.warm_up();
    scene.check();
    go_on(scene, 20);
}

TEST_CASE("names that change after a start with records empty the windows that go by them") {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, kBeforeSpring};
        go_on(scene, 20);
        scene.advance_by(1s);
        scene.open(records_now(scene));
        const auto full = scene.full();
        scene.rename_a_channel();
        scene.check();
        for (int i = 0; i < 20; ++i) {
            scene.rename_a_channel();
            scene.check();
        }
        CHECK(scene.full() < full);
        scene.warm_up();
        // Also where the names of then come back.
        scene.open(records_now(scene));
        for (int i = 0; i < 20; ++i) scene.rename_a_channel();
        scene.check();
    }
}

namespace {

/// A site whose only window is an hour long and has a row in each second.
struct OneHour {
    OneHour() {
        for (int second = 0; second < 3600; ++second) {
            rows.add(plain_row(now - std::chrono::seconds{second}));
        }
        // Many in one second: not all of them are deleted in one step.
        for (int i = 0; i < 10; ++i) rows.add(plain_row(now - 3300s));
        start({});
        windows->warm_up(1s, Scene::ignore);
    }
    void start(const std::vector<alerts::WindowRecord>& records) {
        windows = std::make_unique<alerts::WindowSet>(rows);
        sample.spec.frame = alerts::Frame::rolling(1h);
        sample.spec.by = {alerts::Dimension::channel};
        window = &windows->share(sample.spec, {});
        windows->start(now, records);
    }
    std::vector<alerts::WindowRecord> records() const { return windows->records(now); }
    void forget(std::size_t most) {
        for (const auto& row : rows.remove_before(base::unix_seconds(now - 3299s), most)) {
            windows->forget(row);
        }
    }
    /// That nothing which was deleted is in it, now and when its rows have left.
    void check() {
        windows->warm_up(1s, Scene::ignore);
        for (const auto step : {0min, 1min, 30min, 59min}) {
            windows->advance(now + step, Scene::ignore);
            check_window(sample, *window, rows, {}, now + step);
        }
    }

    const base::Second now = kBeforeAutumn;
    StoredRows rows;
    Sample sample;
    std::unique_ptr<alerts::WindowSet> windows;
    alerts::Window* window = nullptr;
};

}  // namespace

TEST_CASE("rows that were deleted after a record was taken are not in the window it is taken for") {
    OneHour site;
    SUBCASE("some, after it") {
        const auto records = site.records();
        site.forget(100);
        site.start(records);
        CHECK(site.window->warmed_up() < 1);
    }
    SUBCASE("of a second that had lost others before") {
        site.forget(305);
        const auto records = site.records();
        site.forget(2);
        site.start(records);
        CHECK(site.window->warmed_up() < 1);
    }
    SUBCASE("all of them before it: it is as good as ever") {
        site.forget(400);
        site.start(site.records());
        CHECK(site.window->warmed_up() == 1);
    }
    SUBCASE("none that any window reaches back to") {
        const auto records = site.records();
        site.rows.add(plain_row(site.now - 2h));
        site.rows.remove_before(base::unix_seconds(site.now - 1h));
        site.start(records);
        CHECK(site.window->warmed_up() == 1);
    }
    site.check();
}

TEST_CASE("a record is of one window only: each part of what makes a window counts") {
    StoredRows rows;
    alerts::WindowSet windows{rows};
    alerts::WindowSpec spec;
    spec.frame = alerts::Frame::rolling(1h);
    std::vector<alerts::WindowSpec> specs;
    const auto vary = [&](auto change) {
        auto other = spec;
        change(other);
        specs.push_back(other);
    };
    using alerts::Dimension;
    vary([](auto&) {});
    vary([](auto& s) { s.where = {{Dimension::model, {{false, std::nullopt, "gpt-*"}}}}; });
    vary([](auto& s) { s.where = {{Dimension::model, {{true, std::nullopt, "gpt-*"}}}}; });
    vary([](auto& s) { s.where = {{Dimension::group, {{false, std::nullopt, "gpt-*"}}}}; });
    vary([](auto& s) { s.where = {{Dimension::token, {{false, 3, {}}}}}; });
    vary([](auto& s) { s.where = {{Dimension::token, {{false, 4, {}}}}}; });
    vary([](auto& s) { s.errors_when.emplace(); });
    vary([](auto& s) {
        s.errors_when = alerts::ErrorsWhen{alerts::Condition{Dimension::status, {{false, 429, {}}}},
                                           std::nullopt};
    });
    vary([](auto& s) { s.of_attempts = true; });
    vary([](auto& s) { s.by = {Dimension::channel}; });
    vary([](auto& s) { s.by = {Dimension::channel, Dimension::model}; });
    vary([](auto& s) { s.frame.length = 2h; });
    vary([](auto& s) { s.frame.kind = alerts::Frame::Kind::today; });
    vary([](auto& s) { s.base = alerts::Comparison::yesterday; });
    vary([](auto& s) { s.delay = 3s; });
    for (const auto& one : specs) windows.share(one, {});
    std::set<std::uint64_t> hashes;
    const auto take_hashes = [&](alerts::WindowSet& set) {
        set.start(kBeforeSpring, {});
        while (set.warm_up(1ms, Scene::ignore)) {
        }
        for (const auto& record : set.records(kBeforeSpring - 1s)) hashes.insert(record.spec);
    };
    for (const auto metric : {alerts::Metric::latency_p50, alerts::Metric::ttft_p50,
                              alerts::Metric::final_error_rate, alerts::Metric::distinct_ips,
                              alerts::Metric::distinct_tokens, alerts::Metric::distinct_users}) {
        // Windows of one set share their parts, so each of these is in a set of its own.
        alerts::WindowSet alone{rows};
        alone.share(spec, alerts::parts_of(metric));
        take_hashes(alone);
    }
    take_hashes(windows);
    CHECK(hashes.size() == specs.size() + 6);
}
