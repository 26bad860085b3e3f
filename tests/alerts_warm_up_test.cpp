#include <ctime>

#include <doctest/doctest.h>

#include "alerts/window.h"
#include "alerts_window_scenes.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds cpu_time() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

alerts::WindowSpec rolling(std::chrono::seconds length, std::chrono::seconds delay = 0s) {
    alerts::WindowSpec spec;
    spec.frame = alerts::Frame::rolling(length);
    spec.by = {alerts::Dimension::channel};
    spec.delay = delay;
    return spec;
}

}  // namespace

TEST_CASE(
    "a window that warms up slice by slice, while rows come and time goes on, becomes exact") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        Scene scene{seed, seed % 2 == 0 ? kBeforeSpring : kBeforeAutumn};
        scene.open({});
        bool more = true;
        std::size_t ticks = 0;
        for (; more; ++ticks) {
            REQUIRE(ticks < 100'000);
            scene.rows.failures = seed % 2 == 0 ? 1 : 0;
            scene.add_rows();
            scene.advance_a_little();
            if (ticks == 40) scene.rename_a_channel();
            for (int slice = 0; slice < 250; ++slice) {
                insist([&] { more = scene.windows().warm_up(0ms, Scene::ignore); });
            }
            scene.rows.failures = 0;
            scene.check();
        }
        CHECK(ticks > 20);
        CHECK(scene.full() == scene.samples().size());
    }
}

TEST_CASE("short windows are full first, and a window says how far it is") {
    StoredRows rows;
    for (int second = 0; second < 40 * 3600; second += 20) {
        rows.add(plain_row(kBeforeAutumn - std::chrono::seconds{second}));
    }
    alerts::WindowSet windows{rows};
    const auto& day = windows.share(rolling(24h), {});
    const auto& hour = windows.share(rolling(1h), {});
    const auto& late = windows.share(rolling(1h, 3s), {});
    windows.start(kBeforeAutumn, {});
    CHECK(day.warmed_up() == 0);
    double former = 0;
    bool hour_was_first = false;
    for (bool more = true; more;) {
        more = windows.warm_up(0ms, Scene::ignore);
        CHECK(day.warmed_up() > former);
        former = day.warmed_up();
        CHECK((former == 1) == !more);
        hour_was_first = hour_was_first || (hour.warmed_up() == 1 && former < 0.1);
    }
    CHECK(hour_was_first);
    CHECK(late.warmed_up() == 1);
    CHECK(day.find(alerts::SeriesKey{{{{3, 0}}}})->sums.requests == 24 * 180);
}

TEST_CASE("a slice takes about as long as it may") {
    StoredRows rows;
    for (int i = 0; i < 300'000; ++i) {
        rows.add(plain_row(kBeforeAutumn - std::chrono::seconds{i / 5}));
    }
    alerts::WindowSet windows{rows};
    for (int i = 1; i <= 20; ++i) windows.share(rolling(i * 1h), {});
    windows.start(kBeforeAutumn, {});
    std::chrono::nanoseconds most{0};
    int slices = 0;
    for (bool more = true; more; ++slices) {
        const auto began = cpu_time();
        more = windows.warm_up(10ms, Scene::ignore);
        most = std::max(most, cpu_time() - began);
    }
    CHECK(slices > 3);
    // Far more than it takes on a busy machine with sanitizers, far less than all of it at once.
    INFO("the longest slice took " << most / 1ms << " ms of CPU");
    CHECK(most < 400ms);
}

TEST_CASE("nothing is said of windows that go by names before names are known") {
    Scene scene{5, kBeforeAutumn};
    const auto all = scene.full();
    scene.forget_names();
    scene.open({});
    bool more = true;
    while (more) more = scene.windows().warm_up(5ms, Scene::ignore);
    CHECK(scene.full() == all - 2);
    for (const auto& window : scene.windows().windows()) {
        const bool waits = window->warmed_up() < 1;
        if (waits) CHECK(window->warmed_up() == 0);
        if (waits) CHECK(window->size() == 0);
    }
    scene.add_rows();
    scene.advance_by(1s);
    scene.name_channels();
    CHECK(scene.full() == all - 2);
    scene.warm_up();
    scene.check();
}

TEST_CASE(
    "a window is filled anew when a channel comes to match, and not for a name that it never asked "
    "of") {
    StoredRows rows;
    sync::Directory directory;
    directory.known = true;
    directory.channels[3].name = "openai";
    directory.channels[4].name = "azure-us";
    alerts::WindowSet windows{rows};
    auto spec = rolling(1h);
    spec.where = {{alerts::Dimension::channel, {{false, std::nullopt, "azure-*"}}}};
    auto& azure = windows.share(spec, {});
    auto& all = windows.share(rolling(1h), {});
    windows.use(directory);
    windows.start(kBeforeAutumn, {});
    windows.warm_up(50ms, Scene::ignore);
    windows.feed(rows.add(plain_row(kBeforeAutumn - 10s)));
    CHECK(azure.size() == 0);
    directory.channels[5].name = "azure-new";
    directory.channels[4].name = "openai-4";
    windows.use(directory);
    CHECK(azure.warmed_up() == 1);
    directory.channels[3].name = "azure-eu";
    windows.use(directory);
    CHECK(azure.warmed_up() < 1);
    CHECK(all.warmed_up() == 1);
    CHECK(all.size() == 1);
    CHECK_FALSE(windows.warm_up(50ms, Scene::ignore));
    CHECK(azure.size() == 1);
}

TEST_CASE(
    "at the hour the series of a window of weeks ago that have no rows any more are told as gone") {
    StoredRows rows;
    auto lost = plain_row(kBeforeAutumn - 168h - 2h);
    lost.channel = 9;
    rows.add(lost);
    rows.add(plain_row(kBeforeAutumn - 168h - 45min));
    for (const bool prepared : {true, false}) {
        alerts::WindowSet windows{rows};
        auto spec = rolling(2h);
        spec.base = alerts::Comparison::usual;
        spec.week = 1;
        auto& usual = windows.share(spec, {});
        windows.start(kBeforeAutumn, {});
        for (bool more = true; more && (prepared || usual.warmed_up() < 1);) {
            more = windows.warm_up(1ms, Scene::ignore);
        }
        REQUIRE(usual.warmed_up() == 1);
        CHECK(usual.size() == 2);
        // Comes late, and will not be in the next hour's.
        auto late = lost;
        late.channel = 8;
        windows.feed(rows.add(late));
        CHECK(usual.size() == 3);
        windows.settle();
        windows.advance(kBeforeAutumn + 30min, Scene::ignore);
        CHECK(usual.size() == 1);
        std::map<std::int64_t, bool> told;
        usual.changed([&](const alerts::SeriesKey& key, const alerts::Measure* measure) {
            told[key.parts[0].number] = measure != nullptr;
        });
        for (const auto channel : {8, 9}) {
            REQUIRE(told.contains(channel));
            CHECK_FALSE(told[channel]);
        }
        rows.remove(late.channel);
    }
}

TEST_CASE("a window by provider is filled anew whenever a channel of its rows gets another one") {
    StoredRows rows;
    sync::Directory directory;
    directory.known = true;
    directory.channels[3].provider = rows.text("OpenAI");
    alerts::WindowSet windows{rows};
    auto spec = rolling(1h);
    spec.by = {alerts::Dimension::provider};
    const auto& window = windows.share(spec, {});
    windows.use(directory);
    windows.start(kBeforeAutumn, {});
    rows.add(plain_row(kBeforeAutumn - 10s));
    windows.warm_up(50ms, Scene::ignore);
    for (const auto* const provider : {"Azure", "Mistral"}) {
        directory.channels[4].name += "x";  // something else, which changes nothing here
        windows.use(directory);
        CHECK(window.warmed_up() == 1);
        directory.channels[3].provider = rows.text(provider);
        windows.use(directory);
        CHECK(window.warmed_up() < 1);
        windows.warm_up(50ms, Scene::ignore);
        CHECK(window.find(alerts::SeriesKey{{{{0, rows.text(provider)}}}}) != nullptr);
    }
}

TEST_CASE("a clock that goes back or far ahead fills windows anew") {
    for (const auto step : {std::chrono::seconds{-3600}, std::chrono::seconds{86400}}) {
        Scene scene{4, kBeforeAutumn};
        scene.advance_by(step);
        scene.check();
        CHECK(scene.full() < scene.samples().size());
        scene.warm_up();
        scene.check();
        for (int tick = 0; tick < 20; ++tick) {
            scene.add_rows();
            scene.advance_a_little();
            scene.check();
        }
    }
}

TEST_CASE("what a window of weeks ago needs at the hour is made ready before it, or had at once") {
    StoredRows rows;
    for (int hour = 160; hour < 176; ++hour) {
        for (int i = 0; i < 3600; ++i) {
            rows.add(plain_row(kBeforeAutumn - hour * 1h - std::chrono::seconds{i}));
        }
    }
    const auto read_at_the_hour = [&](std::chrono::seconds length, bool prepared) {
        auto spec = rolling(length);
        spec.base = alerts::Comparison::usual;
        spec.week = 1;
        alerts::WindowSet windows{rows};
        auto& usual = windows.share(spec, {});
        windows.start(kBeforeAutumn, {});
        std::size_t at_the_hour = 0;
        for (auto t = kBeforeAutumn; t <= kBeforeAutumn + 4h; t += 1min) {
            const auto before = rows.rows_read;
            windows.advance(t, Scene::ignore);
            const bool moved = t > kBeforeAutumn && t.time_since_epoch() % 1h == 0s;
            if (t > kBeforeAutumn) CHECK(usual.warmed_up() == 1);
            at_the_hour += moved ? rows.rows_read - before : 0;
            // A row that comes late while that goes on is in it, too.
            auto late = plain_row(t - 168h - std::chrono::seconds{t.time_since_epoch() % 7000s});
            windows.feed(rows.add(late));
            for (bool more = prepared || usual.warmed_up() < 1; more;) {
                more = windows.warm_up(1ms, Scene::ignore);
            }
            Sample sample;
            sample.name = "usual";
            sample.spec = spec;
            check_window(sample, usual, rows, {}, t);
        }
        return at_the_hour;
    };
    // Of up to an hour it shares no row with the one before it.
    for (const auto length : {30min, 60min, 120min}) {
        CHECK(read_at_the_hour(length, true) == 0);
        CHECK(read_at_the_hour(length, false) > 5000);
    }
}
