#include <doctest/doctest.h>

#include "alerts_fixture.h"
#include "alerts_meter_fixture.h"

// What the gateway tells of its channels, keys and users, and what rules on rows make of it.

namespace quotafuse::tests {
namespace {

using alerts::Dimension;
using alerts::Metric;
using alerts::Reason;
using sync::Extent;
using sync::Gauge;
using sync::ObjectKind;

void read(MeterRig& rig, ObjectKind kind, Extent extent) {
    rig.set(Gauge::extent, static_cast<std::int64_t>(kind), static_cast<double>(extent));
}

MeterRig silent_keys() {
    auto rule = meter_rule(Metric::since_last, 30);
    rule.by = {Dimension::token};
    return MeterRig{rule};
}

/// Changes from now on.
std::vector<sync::GaugeChange> changes(Watchman& watchman, Gauge gauge,
                                       std::vector<std::pair<std::int64_t, double>> values) {
    std::vector<sync::GaugeChange> all;
    for (const auto& [object, value] : values) {
        all.push_back({{gauge, object, 0, 0}, base::unix_seconds(watchman.engine().time()), value});
    }
    return all;
}

sync::GaugeChange extent(Watchman& watchman, ObjectKind kind, Extent extent) {
    return changes(watchman, Gauge::extent,
                   {{static_cast<std::int64_t>(kind), static_cast<double>(extent)}})
        .front();
}

}  // namespace

TEST_CASE("a key that has not been read yet is not deleted, one that was taken away is") {
    auto rig = silent_keys();
    rig.directory.tokens[5].name = "k";
    CHECK(rig.meter().deleted(number_key(6)));
    for (const auto some : {Extent::unread, Extent::begun, Extent::refused, Extent::most}) {
        CAPTURE(static_cast<int>(some));
        read(rig, ObjectKind::tokens, some);
        CHECK_FALSE(rig.meter().deleted(number_key(6)));
    }
    read(rig, ObjectKind::tokens, Extent::all);
    CHECK(rig.meter().deleted(number_key(6)));
    CHECK_FALSE(rig.meter().deleted(number_key(5)));

    read(rig, ObjectKind::tokens, Extent::most);
    rig.set(Gauge::token_status, 7, 1);
    CHECK_FALSE(rig.meter().deleted(number_key(7)));
    rig.set(Gauge::token_status, 7, std::nullopt);
    CHECK(rig.meter().deleted(number_key(7)));
    rig.set(Gauge::token_status, 7, 4);  // used up is not switched off
    CHECK_FALSE(rig.meter().deleted(number_key(7)));
    rig.set(Gauge::token_status, 7, 2);
    CHECK(rig.meter().deleted(number_key(7)));
}

TEST_CASE("channels are known from the last run until they have been read again") {
    MeterRig rig{meter_rule(Metric::since_last, 30)};
    rig.directory.channels[3].status = 1;
    read(rig, ObjectKind::channels, Extent::begun);
    CHECK_FALSE(rig.meter().deleted(number_key(4)));  // the first run, and not all are known
    read(rig, ObjectKind::channels, Extent::all);
    CHECK(rig.meter().deleted(number_key(4)));
    read(rig, ObjectKind::channels, Extent::begun);
    CHECK(rig.meter().deleted(number_key(4)));
    CHECK_FALSE(rig.meter().deleted(number_key(3)));
}

TEST_CASE("a rule on silent keys waits until deleted ones can be told") {
    auto rig = silent_keys();
    CHECK(rig.meter().warmed_up() == 1);
    read(rig, ObjectKind::tokens, Extent::begun);
    CHECK(rig.meter().warmed_up() < 1);
    for (const auto through : {Extent::refused, Extent::most, Extent::all}) {
        read(rig, ObjectKind::tokens, through);
        CHECK(rig.meter().warmed_up() == 1);
    }
    auto spending = meter_rule(Metric::tokens, 1);
    spending.by = {Dimension::token};
    MeterRig other{spending};
    read(other, ObjectKind::tokens, Extent::begun);
    CHECK(other.meter().warmed_up() == 1);
}

TEST_CASE("what the first looks at the gateway find is one message, however many slices it takes") {
    Watchman watchman{"rules: [{name: left, metric: token_remaining, below: 1}]"};
    const auto slice = [&](std::int64_t first, Extent so_far) {
        auto news = changes(watchman, Gauge::token_remaining,
                            {{first, 10}, {first + 1, 20}, {first + 2, 5'000'000}});
        news.push_back(extent(watchman, ObjectKind::tokens, so_far));
        watchman.observe(news);
    };
    watchman.observe({extent(watchman, ObjectKind::channels, Extent::all),
                      extent(watchman, ObjectKind::tokens, Extent::begun)});
    CHECK(watchman.run_to(30).empty());
    slice(1, Extent::begun);
    CHECK(watchman.run_to(60).empty());
    REQUIRE(watchman.engine().overview().warming.size() == 1);
    slice(11, Extent::all);
    const auto told = watchman.run_to(90);
    REQUIRE(told.size() == 1);
    CHECK(told.front().reason == Reason::first_look);
    CHECK(told.front().series.size() == 4);
    CHECK(watchman.engine().overview().firing == 1);
}

TEST_CASE("a channel that is switched on again and stays silent is watched anew") {
    const auto status = [](Watchman& watchman, int value) {
        watchman.observe(changes(watchman, Gauge::channel_status, {{3, double(value)}}));
        watchman.directory().channels[3].status = value;
        watchman.tell();
    };
    std::string rule;
    std::int64_t window = 0;
    SUBCASE("by the time since its last request, also when that has left the window") {
        rule = "{name: quiet, metric: since_last, by: [channel], window: 10m, above: 5m}";
        window = 600;
    }
    SUBCASE("by its requests") {
        rule = "{name: quiet, metric: requests, by: [channel], window: 30m, below: 4}";
        window = 1800;
    }
    Watchman watchman{"rules: [" + rule + "]"};
    status(watchman, 1);
    watchman.run_to(1);
    for (const std::int64_t second : {2, 3, 4}) watchman.add({request(second)});
    CHECK(watchman.run_to(200).empty());
    status(watchman, 3);
    CHECK(watchman.run_to(1000).empty());  // nobody expects anything of it
    status(watchman, 1);
    // Its silence until now was no fault: it has one window to be heard of.
    CHECK(watchman.run_to(1000 + window).empty());
    const auto told = watchman.run_to(1000 + window + 10);
    REQUIRE(told.size() == 1);
    CHECK(told.front().reason == Reason::first);
    CHECK(told.front().key.front().id == 3);
}

TEST_CASE("also where it was an alert that ended when it was switched off") {
    const auto status = [](Watchman& watchman, int value) {
        watchman.observe(changes(watchman, Gauge::channel_status, {{3, double(value)}}));
        watchman.directory().channels[3].status = value;
        watchman.tell();
    };
    Watchman watchman{
        "rules: [{name: quiet, metric: since_last, by: [channel], window: 10m, above: 5m}]"};
    status(watchman, 1);
    watchman.run_to(1);
    watchman.add({request(2)});
    // A channel is expected to be heard of once it has been for a window.
    REQUIRE(watchman.run_to(700).size() == 1);
    status(watchman, 3);
    REQUIRE(watchman.run_to(710).size() == 1);  // it is gone
    status(watchman, 1);
    CHECK(watchman.run_to(710 + 600).empty());
    CHECK(watchman.run_to(710 + 620).size() == 1);
}

}  // namespace quotafuse::tests
