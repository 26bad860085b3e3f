#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

namespace {

/// The rule that is inhibited stands first: it is evaluated after the other all the same.
const std::string kByChannel = R"(rules:
  - name: burn
    metric: tokens
    by: [channel, model]
    window: 1m
    above: 1000
    inhibited_by: [failing]
    action: {disable_channel: {mode: live}}
  - {name: failing, metric: errors, by: [channel], window: 5m, above: 2}
)";

std::vector<sync::LogEntry> failures(std::int64_t when, std::int64_t channel) {
    auto entry = failure(when);
    entry.channel = channel;
    return {entry, entry, entry};
}

std::vector<std::string> told(const std::vector<alerts::Notice>& notices) {
    std::vector<std::string> lines;
    for (const auto& notice : notices) {
        lines.push_back(notice.rule + " " +
                        std::to_string(notice.key.empty() ? 0 : *notice.key.front().id) + " " +
                        std::string{reason_name(notice.reason)});
    }
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("what fires mutes series that are equal in the keys both rules have, and no others") {
    Watchman watchman{kByChannel};
    watchman.run_to(5);
    watchman.add(requests(6, 1, 5000, 3));
    watchman.add(requests(6, 1, 5000, 4));
    watchman.add(failures(6, 3));
    // In one second, so the inhibitor has to be evaluated first.
    const auto notices = watchman.run_to(6);
    CHECK(told(notices) == Lines{"failing 3 first", "burn 4 first"});
    CHECK_FALSE(notices.back().actions.empty());
    const auto view = watchman.engine().overview();
    REQUIRE(view.alerts.size() == 3);
    for (const auto& alert : view.alerts) {
        CHECK(alert.inhibited == (alert.rule == "burn" && alert.key.front().id == 3));
    }
    CHECK(watchman.engine().report("burn")->firing == 2);
}

TEST_CASE("what still fires when its inhibitor is over is told and acts then") {
    Watchman watchman{kByChannel};
    watchman.run_to(5);
    watchman.add(failures(6, 3));
    CHECK(told(watchman.run_to(6)) == Lines{"failing 3 first"});
    watchman.run_to(290);
    watchman.add(requests(291, 1, 5000, 3));
    CHECK(watchman.run_to(305).empty());
    watchman.restart(305);
    const auto notices = watchman.run_to(306);
    CHECK(told(notices) == Lines{"failing 3 resolved", "burn 3 first"});
    CHECK(notices.back().since == at(291));
    CHECK(notices.back().actions == std::vector{disabling(3)});
}

TEST_CASE("what came and went while it was inhibited is never told") {
    Watchman watchman{kByChannel};
    watchman.run_to(5);
    watchman.add(failures(6, 3));
    watchman.run_to(10);
    watchman.add(requests(11, 1, 5000, 3));
    CHECK(watchman.run_to(305).empty());
    CHECK(told(watchman.run_to(400)) == Lines{"failing 3 resolved"});
}

TEST_CASE("an inhibitor that is only pending mutes nothing") {
    auto rules = kByChannel;
    rules.replace(rules.find("above: 2}"), 9, "above: 2, for: 1m}");
    Watchman watchman{rules};
    watchman.run_to(5);
    watchman.add(requests(6, 1, 5000, 3));
    watchman.add(failures(6, 3));
    CHECK(told(watchman.run_to(6)) == Lines{"burn 3 first"});
}

TEST_CASE("rules without a common key mute each other as a whole") {
    Watchman watchman{R"(rules:
  - {name: burn, metric: tokens, by: [token], window: 1m, above: 1000, inhibited_by: [down]}
  - {name: down, metric: errors, by: [channel], window: 1m, above: 2, inhibited_by: [site]}
  - {name: site, metric: errors, window: 1m, above: 5}
)"};
    watchman.run_to(5);
    watchman.add(requests(6, 1, 5000, 3));
    watchman.add(failures(6, 4));
    CHECK(told(watchman.run_to(6)) == Lines{"down 4 first"});
    // Muted itself, it still mutes: `site` explains both.
    watchman.add(failures(7, 5));
    CHECK(told(watchman.run_to(7)) == Lines{"site 0 first"});
    CHECK(told(watchman.run_to(65)) == Lines{});
}

TEST_CASE("a disabled inhibitor mutes nothing") {
    auto rules = kByChannel;
    rules.replace(rules.find("above: 2}"), 9, "above: 2, enabled: false}");
    Watchman watchman{rules};
    watchman.run_to(5);
    watchman.add(requests(6, 1, 5000, 3));
    watchman.add(failures(6, 3));
    CHECK(told(watchman.run_to(6)) == Lines{"burn 3 first"});
}

TEST_CASE("a built-in alert mutes the rules that name it") {
    Watchman watchman{
        "rules: [{name: burn, metric: tokens, window: 1m, above: 1000, inhibited_by: "
        "[clock-skew]}]"};
    bool skewed = true;
    watchman.engine().use_self_alerts(
        [&](std::string_view name, base::Second) { return name == "clock-skew" && skewed; });
    watchman.run_to(5);
    watchman.add(requests(6, 1, 5000, 3));
    CHECK(watchman.run_to(10).empty());
    skewed = false;
    CHECK(told(watchman.run_to(11)) == Lines{"burn 0 first"});
}

TEST_CASE("an inhibitor that cannot be judged yet holds what it may mute, but not for ever") {
    // Which rows `site` chooses goes by names, which are not known at first.
    Mirror mirror;
    alerts::Engine engine{rules_from(R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 5m
    above: 1000
    inhibited_by: [site]
    action: {disable_channel: {mode: live}}
  - {name: site, metric: errors, window: 5m, above: 2, where: {channel: "azure-*"}}
)"),
                          mirror.store()};
    engine.restore({}, at(0));
    const auto warm_up = [&] {
        while (engine.warm_up(std::chrono::milliseconds{50})) {
        }
    };
    const auto run_to = [&](std::int64_t second) {
        std::vector<alerts::Notice> notices;
        while (engine.time() < at(second)) {
            auto step = engine.advance(at(second));
            std::move(step.notices.begin(), step.notices.end(), std::back_inserter(notices));
        }
        return notices;
    };
    warm_up();
    engine.advance(at(1));
    engine.feed(mirror.append(requests(2, 1, 5000, 3), at(1)));
    engine.feed(mirror.append(requests(250, 1, 5000, 3), at(1)));
    engine.feed(mirror.append(requests(500, 1, 5000, 3), at(1)));
    CHECK(run_to(60).empty());
    REQUIRE(engine.overview().warming.size() == 1);
    CHECK(engine.overview().alerts.front().inhibited);
    sync::Directory directory;
    directory.known = true;
    directory.channels[3] = {"azure-eu", 1, 0, 0};
    SUBCASE("it fires, as it turns out") {
        engine.feed(mirror.append(failures(61, 3), at(60)));
        engine.use(directory);
        warm_up();
        CHECK(told(run_to(61)) == Lines{"site 0 first look"});
    }
    SUBCASE("it does not") {
        engine.use(directory);
        warm_up();
        const auto notices = run_to(61);
        REQUIRE(told(notices) == Lines{"burn 3 first"});
        CHECK_FALSE(notices.front().actions.empty());
    }
    SUBCASE("it never gets what it needs") {
        CHECK(run_to(600).empty());
        const auto notices = run_to(601);
        REQUIRE(told(notices) == Lines{"burn 3 first"});
        CHECK_FALSE(notices.front().actions.empty());
    }
}
