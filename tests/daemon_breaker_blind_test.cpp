// What was switched off, and cannot be looked at.

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "daemon_announcer_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using circuit_breaker::Target;

namespace {

/// Channel 1 and key 17 are off by our hand.
void disable(Desk& desk) {
    desk.gateway(
        "INSERT INTO tokens(id, user_id, `key`, status, name) VALUES(17, 4, 'sk', 2, 'ci'); "
        "UPDATE channels SET status = 3, other_info = '{\"quotafuse\":{\"trip\":\"c\"}}' "
        "WHERE id = 1; UPDATE abilities SET enabled = 0 WHERE channel_id = 1");
    auto& circuits = desk.audit().circuits();
    circuits.put({.trip_id = "c",
                  .target = Target::of_channel(1),
                  .opened_at = desk.clock.now(),
                  .status_written = 3});
    circuits.put({.trip_id = "k",
                  .target = Target::of_token(17),
                  .opened_at = desk.clock.now(),
                  .status_written = 2});
}

std::string newest(Desk& desk) {
    const auto texts = desk.texts("a");
    REQUIRE(!texts.empty());
    return texts.back();
}

}  // namespace

TEST_CASE("keys that cannot be looked at for a minute are told once, and so is their end") {
    Desk desk{burn_rule("burn", 1)};
    const auto look = [&] {
        desk.clock.advance(6s);
        desk.second();
        desk.take_look();
        desk.second();
    };
    const auto told = [&] {
        return std::ranges::count_if(desk.texts("a"), [](const std::string& text) {
            return contains(text, "breaker-blind");
        });
    };
    disable(desk);
    desk.gateway("ALTER TABLE tokens RENAME TO hidden");
    look();
    desk.clock.advance(40s);
    look();
    CHECK(!desk.self_alerts().fires("breaker-blind"));
    desk.clock.advance(20s);
    look();
    CHECK(desk.self_alerts().fires("breaker-blind"));
    CHECK(told() == 1);
    CHECK(contains(newest(desk), "cannot be looked after · keys"));
    CHECK(contains(newest(desk), "`quotafuse check --online`"));

    // Channels are looked at all the same.
    desk.gateway(
        "UPDATE channels SET status = 1 WHERE id = 1; "
        "UPDATE abilities SET enabled = 1 WHERE channel_id = 1");
    desk.clock.advance(100s);
    look();
    REQUIRE(desk.circuit());
    CHECK(desk.circuit()->trip_id == "k");
    bool restarted = false;
    bool gone = false;
    SUBCASE("in one life, until they can be read") {}
    SUBCASE("in one life, until there are none") {
        gone = true;
    }
    SUBCASE("over a restart, until they can be read") {
        restarted = true;
    }
    SUBCASE("over a restart, until there are none") {
        restarted = true;
        gone = true;
    }
    if (restarted) {
        desk.open();
        desk.second();
        CHECK(desk.self_alerts().fires("breaker-blind"));
        desk.take_look();
    }
    look();
    CHECK(desk.self_alerts().fires("breaker-blind"));
    CHECK(told() == 1);
    if (gone) {
        desk.audit().circuits().remove("k");
        desk.seconds(2);
    } else {
        desk.gateway("ALTER TABLE hidden RENAME TO tokens");
        look();
    }
    CHECK(!desk.self_alerts().fires("breaker-blind"));
    CHECK(told() == 2);
    CHECK(contains(newest(desk), "Resolved"));
}

TEST_CASE("while the gateway cannot be read at all, no second alert says so") {
    Desk desk{burn_rule("burn", 1)};
    disable(desk);
    desk.self_alerts().set(alerts::SelfAlert::source_stale, {}, true, "the gateway is down");
    desk.gateway("ALTER TABLE channels RENAME TO hidden");
    const auto look = [&] {
        desk.clock.advance(80s);
        desk.second();
        desk.take_look();
        desk.second();
    };
    look();
    look();
    CHECK(!desk.self_alerts().fires("breaker-blind"));
    desk.self_alerts().set(alerts::SelfAlert::source_stale, {}, false, {});
    look();
    desk.second();
    CHECK(desk.self_alerts().fires("breaker-blind"));
}

TEST_CASE("a Chinese reader is told in Chinese what cannot be looked after, and what to do") {
    Desk desk{burn_rule("burn", 1)};
    desk.config().language = Language::chinese;
    desk.open();
    disable(desk);
    desk.gateway("ALTER TABLE tokens RENAME TO hidden");
    for (int i = 0; i < 2; ++i) {
        desk.clock.advance(61s);
        desk.second();
        desk.take_look();
        desk.second();
    }
    CHECK(contains(newest(desk), "无法照看已禁用的对象 · 令牌"));
    CHECK(contains(newest(desk), "无法照看 quotafuse 禁用的令牌："));
    CHECK(contains(newest(desk), "`quotafuse grants`"));
}
