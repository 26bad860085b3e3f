#include <doctest/doctest.h>

#include "alerts/window.h"
#include "alerts_window_scenes.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("every window says at every second what a pass over all rows says") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, seed % 2 == 0 ? kBeforeSpring : kBeforeAutumn};
        for (int tick = 0; tick < 500; ++tick) {
            scene.add_rows();
            scene.advance_a_little();
            scene.prepare_a_little();
            if (tick % 25 == 24) scene.rename_a_channel();
            if (tick % 25 == 24 && tick % 2 == 0) scene.warm_up();
            scene.check();
        }
        REQUIRE(scene.checked() > 8000);
    }
}

TEST_CASE(
    "windows are exact across midnight, the ends of weeks and months, and changes of the clock") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, seed % 2 == 0 ? kBeforeSpring : kBeforeAutumn};
        for (int tick = 0; tick < 150; ++tick) {
            scene.add_rows();
            scene.advance_by(std::chrono::minutes{1 + static_cast<int>(scene.below(70))});
            scene.warm_up();
            scene.check();
        }
    }
}

TEST_CASE("a reading that fails half-moves no window: the same call, made again, moves it") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, kBeforeAutumn};
        for (int tick = 0; tick < 300; ++tick) {
            scene.rows.failures = 3;
            scene.add_rows();
            scene.advance_a_little();
            if (tick % 50 == 49) scene.advance_by(40min);
            for (int i = 0; i < 3; ++i) scene.prepare_a_little();
            scene.rows.failures = 0;
            scene.check();
        }
        REQUIRE(scene.checked() > 2000);
    }
}

TEST_CASE("rows that the store deletes leave every window that still holds them") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, kBeforeSpring};
        std::size_t held = 0;
        for (int tick = 0; tick < 300; ++tick) {
            scene.add_rows();
            scene.advance_a_little();
            scene.prepare_a_little();
            if (tick % 7 == 0) held += scene.delete_rows_older_than(400s - 1s * tick);
            scene.check();
        }
        REQUIRE(held > 50);
    }
}

TEST_CASE(
    "a series is told as changed when its rows change, and as gone when its last one leaves") {
    Scene scene{3, kBeforeAutumn};
    scene.follow_changes();
    for (int tick = 0; tick < 600; ++tick) {
        scene.add_rows();
        scene.advance_a_little();
        if (tick == 300) scene.rename_a_channel();
        if (tick % 40 == 39) {
            scene.warm_up();
            scene.advance_by(25min);
        }
        scene.check_followed();
    }
}

TEST_CASE("windows are exact where rows are many, too, and few of them are kept in memory") {
    StoredRows rows;
    std::mt19937 random{1};
    alerts::WindowSet windows{rows, 500};
    std::vector<Sample> samples;
    for (const auto length : {60s, 90s, 117s}) {
        for (const auto delay : {0s, 3s}) {
            auto& sample = samples.emplace_back();
            sample.name = "many";
            sample.spec.frame = alerts::Frame::rolling(length);
            sample.spec.delay = delay;
            sample.spec.by = {alerts::Dimension::channel};
            windows.share(sample.spec, {});
        }
    }
    windows.start(kBeforeAutumn, {});
    windows.warm_up(50ms, Scene::ignore);
    for (int second = 1; second <= 400; ++second) {
        const auto now = kBeforeAutumn + std::chrono::seconds{second};
        // Busy minutes and quiet ones, rows of this second and the next, and some that are late.
        for (auto n = second / 60 % 2 == 0 ? 40 : 2; n > 0; --n) {
            const auto late = std::chrono::seconds{random() % 9 == 0 ? random() % 130 : 0};
            auto row = plain_row(now - late - std::chrono::seconds{random() % 2});
            row.channel = 1 + static_cast<std::int64_t>(random() % 7);
            windows.feed(rows.add(row));
        }
        if (second == 300) {
            for (const auto& row : rows.remove_before(base::unix_seconds(now - 100s))) {
                windows.forget(row);
            }
        }
        windows.advance(now, Scene::ignore);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            check_window(samples[i], *windows.windows()[i], rows, {}, now);
        }
        windows.settle();
    }
}

TEST_CASE("a window that has overflowed is in error and empty, and the others go on") {
    StoredRows rows;
    alerts::WindowSet windows{rows};
    alerts::WindowSpec by_user;
    by_user.by = {alerts::Dimension::user};
    by_user.frame = alerts::Frame::rolling(1h);
    auto by_channel = by_user;
    by_channel.by = {alerts::Dimension::channel};
    auto& many = windows.share(by_user, {});
    auto& few = windows.share(by_channel, {});
    windows.start(kBeforeAutumn, {});
    const auto ignore = [](const sync::Row&) {};
    windows.warm_up(50ms, ignore);
    for (int i = 0; i <= static_cast<int>(alerts::kMostSeries); ++i) {
        auto row = plain_row(kBeforeAutumn);
        row.user = i + 1;
        CHECK_FALSE(many.overflowed());
        windows.feed(rows.add(row));
    }
    CHECK(many.overflowed());
    CHECK(many.size() == 0);
    CHECK_FALSE(few.overflowed());
    REQUIRE(few.find(alerts::SeriesKey{{{{3, 0}}}}) != nullptr);
    CHECK(few.find(alerts::SeriesKey{{{{3, 0}}}})->sums.requests ==
          static_cast<std::int64_t>(alerts::kMostSeries) + 1);
    windows.advance(kBeforeAutumn + 2s, ignore);
    windows.advance(kBeforeAutumn + 3s, ignore);
    CHECK(many.size() == 0);
    CHECK(few.warmed_up() == 1);
}

TEST_CASE("a window that has overflowed tries again after its length, and is in error until then") {
    StoredRows rows;
    alerts::WindowSet windows{rows};
    alerts::WindowSpec spec;
    spec.by = {alerts::Dimension::user};
    spec.frame = alerts::Frame::rolling(10min);
    auto& window = windows.share(spec, {});
    const auto ignore = [](const sync::Row&) {};
    const auto fill = [&](base::Second first) {
        for (int i = 0; i <= static_cast<int>(alerts::kMostSeries); ++i) {
            auto row = plain_row(first + i / 1000 * 1s);
            row.user = i + 1;
            windows.feed(rows.add(row));
        }
    };
    const auto second = [&](base::Second t) {
        windows.advance(t, ignore);
        windows.settle();
        for (bool more = true; more;) more = windows.warm_up(1ms, ignore);
    };
    fill(kBeforeAutumn - 2min);
    windows.start(kBeforeAutumn, {});
    second(kBeforeAutumn + 1s);
    CHECK(window.overflowed());

    const auto before = rows.rows_read;
    for (auto t = 2s; t <= 10min; t += 1s) {
        second(kBeforeAutumn + t);
        REQUIRE(window.overflowed());
    }
    CHECK(rows.rows_read == before);  // nothing is read for it meanwhile

    const auto again = kBeforeAutumn + 10min + 1s;
    SUBCASE("it has too many still") {
        fill(kBeforeAutumn + 5min);
        second(again);
        CHECK(rows.rows_read > before);
        for (auto t = 0s; t < 10min; t += 1s) {
            second(again + t);
            REQUIRE(window.overflowed());
            REQUIRE(window.size() == 0);
        }
    }
    SUBCASE("it has few enough") {
        windows.feed(rows.add(plain_row(kBeforeAutumn + 5min)));
        windows.advance(again, ignore);
        CHECK(window.overflowed());  // not known before it is full
        second(again);
        CHECK_FALSE(window.overflowed());
        Sample sample;
        sample.spec = spec;
        check_window(sample, window, rows, {}, again);
        CHECK(window.size() == 1);
        second(again + 5min);
        check_window(sample, window, rows, {}, again + 5min);
        CHECK(window.size() == 0);
    }
}

TEST_CASE("windows with equal specs are one, which keeps the parts that any of them needs") {
    StoredRows rows;
    alerts::WindowSet windows{rows};
    alerts::WindowSpec spec;
    spec.by = {alerts::Dimension::channel};
    spec.frame = alerts::Frame::rolling(1h);
    auto& one = windows.share(spec, alerts::parts_of(alerts::Metric::tokens));
    auto& same = windows.share(spec, alerts::parts_of(alerts::Metric::latency_p95));
    CHECK(&one == &same);
    CHECK(one.parts().latency);
    CHECK_FALSE(one.parts().ips);
    spec.delay = 3s;
    CHECK(&windows.share(spec, {}) != &one);
    spec.delay = 0s;
    spec.errors_when.emplace();
    CHECK(&windows.share(spec, {}) != &one);
    CHECK(windows.windows().size() == 3);
}

TEST_CASE("rows are visited once, when they enter") {
    StoredRows rows;
    alerts::WindowSet windows{rows};
    for (const auto delay : {0s, 3s}) {
        alerts::WindowSpec spec;
        spec.frame = alerts::Frame::rolling(delay == 0s ? 1min : 10min);
        spec.delay = delay;
        windows.share(spec, {});
    }
    for (int second = -1000; second < 100; second += 2) {
        rows.add(plain_row(kBeforeAutumn + std::chrono::seconds{second}));
    }
    std::map<std::int64_t, int> visits;
    const auto visit = [&](const sync::Row& row) { ++visits[row.id]; };
    windows.start(kBeforeAutumn, {});
    while (windows.warm_up(1ms, visit)) {
    }
    for (int second = 1; second <= 50; ++second) {
        windows.advance(kBeforeAutumn + std::chrono::seconds{second}, visit);
    }
    for (const auto& [created, row] : rows.all()) {
        const auto after = created - base::unix_seconds(kBeforeAutumn);
        CAPTURE(after);
        const int expected = after > 50 ? 0 : 1;
        if (after > -590 || after < -615) {
            CHECK(visits[row.id] == (after < -615 ? 0 : expected));
        }
    }
}

TEST_CASE("the highest changed value is that of the second that is asked about") {
    StoredRows rows;
    alerts::WindowSet windows{rows};
    alerts::WindowSpec spec;
    spec.frame = {alerts::Frame::Kind::fixed, 0s, kBeforeAutumn - 10s, kBeforeAutumn + 1h};
    const auto& window = windows.share(spec, {});
    windows.start(kBeforeAutumn, {});
    windows.warm_up(50ms, Scene::ignore);
    CHECK_FALSE(window.highest_changed(alerts::Metric::tpm, 1));
    windows.feed(rows.add(plain_row(kBeforeAutumn)));
    CHECK(window.highest_changed(alerts::Metric::tpm, 1) == 600.0);
    CHECK(window.highest_changed(alerts::Metric::tokens, 1) == 100.0);
    windows.advance(kBeforeAutumn + 10s, Scene::ignore);
    CHECK(window.highest_changed(alerts::Metric::tpm, 1) == 300.0);
    windows.feed(rows.add(plain_row(kBeforeAutumn)));
    CHECK(window.highest_changed(alerts::Metric::tpm, 1) == 600.0);
    windows.settle();
    CHECK_FALSE(window.highest_changed(alerts::Metric::tpm, 1));
}
