#include <doctest/doctest.h>

#include "base/failure.h"
#include "daemon_announcer_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

TEST_CASE("a silence that was ended mutes no more, and is kept as it held for replay") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.silences().add(R"({"rule": "one", "match": "channel=1", "for": "1h", "reason": "x"})");
    desk.tick();
    const auto ended = desk.silences().end(R"({"id": 1})");
    CHECK(contains(ended, R"("match":"channel=1")"));
    CHECK_THROWS_AS(desk.silences().end(R"({"id": 1})"), base::Failure);
    desk.row(1, 500, kStart + 2);
    desk.tick();
    CHECK(desk.texts("a").size() == 1);
    // By the second of the engine: it held in one, kStart + 2.
    const auto kept = desk.stored_silences();
    REQUIRE(kept.size() == 1);
    CHECK(kept[0].id == 1);
    CHECK(base::unix_seconds(kept[0].from) == kStart + 2);
    CHECK(base::unix_seconds(kept[0].until) == kStart + 3);
    const auto events = desk.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == alerts::EngineEvent::Kind::started);
}

TEST_CASE(
    "of what an outage of over a day made the engine skip nothing is on record as looked at") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1800);
    desk.clock.advance(25h);
    const auto resumed = base::unix_seconds(desk.clock.now()) - 24 * 3600;
    REQUIRE(resumed > kStart + 1800);
    while (desk.engine().time() < desk.clock.now()) {
        while (desk.engine().warm_up(1s)) {
        }
        desk.announcer().advance(desk.clock.now());
    }
    const auto events = desk.events();
    REQUIRE(events.size() > 3);
    CHECK(events[1].kind == alerts::EngineEvent::Kind::jumped);
    CHECK(base::unix_seconds(events[1].at) == resumed);
    CHECK(events[1].detail == std::to_string(kStart + 1));
    CHECK(events[2].kind == alerts::EngineEvent::Kind::late);
    CHECK(base::unix_seconds(events[2].at) == resumed + 1);
    CHECK(desk.differences() == "");
}

TEST_CASE("a start on a store that is ahead of the clock is on record, too") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.clock.step_wall(-1h);
    desk.open();
    const auto events = desk.events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].at == desk.clock.now());
    CHECK(events[0].detail == std::to_string(kStart + 1));
}

TEST_CASE("of a silenced alert nobody hears that its action came too late") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.silences().add(R"({"rule": "one", "for": "1h", "reason": "x"})");
    desk.row(1, 500, kStart + 1);
    {
        auto lock = desk.lock();
        CHECK_THROWS_AS(desk.tick(), SQLite::Exception);
        desk.clock.advance(300s);
        CHECK_THROWS_AS(desk.tick(), SQLite::Exception);
    }
    desk.announcer().advance(base::from_unix(kStart + 3));
    CHECK(desk.texts("a").empty());
    CHECK(desk.differences() == "");
}

TEST_CASE("a silence is not in effect when it could not be put on record") {
    Desk desk{burn_rule("one", 1)};
    desk.row(1, 1, kStart);
    desk.tick();
    {
        auto lock = desk.lock();
        CHECK_THROWS_AS(desk.silences().add(R"({"rule": "one", "for": "1h", "reason": "x"})"),
                        base::Failure);
    }
    CHECK(desk.silences().silences().empty());
    desk.row(1, 500, kStart + 1);
    desk.tick();
    CHECK(desk.texts("a").size() == 1);
}

TEST_CASE("windows on record spare a restart its warm-up") {
    Desk desk{burn_rule("one", 1)};
    for (int i = 0; i < 50; ++i) desk.row(1, 1, kStart - 60 * i);
    desk.tick();
    desk.file().save_windows();
    CHECK(desk.windows().size() == 1);
    desk.tick();
    desk.announcer().checkpoint();
    desk.open();
    CHECK(desk.engine().overview().warming.empty());
    desk.row(1, 60, kStart + 2);
    desk.tick();
    CHECK(desk.engine().overview().firing == 1);
}

TEST_CASE("a quiet minute of engine time is put on record, a busy one is already") {
    Desk desk{burn_rule("one", 1)};
    const auto saved = [&] { return desk.saved_time() - base::from_unix(kStart); };
    desk.row(1, 1, kStart);
    desk.tick();
    desk.announcer().checkpoint();
    CHECK(saved() == 1s);
    for (int i = 0; i < 59; ++i) {
        desk.tick();
        desk.announcer().checkpoint_if_due();
    }
    CHECK(saved() == 1s);
    desk.tick();
    desk.announcer().checkpoint_if_due();
    CHECK(saved() == 61s);
    desk.row(1, 500, kStart + 62);
    desk.tick();  // it fires, which is saved
    CHECK(saved() == 62s);
    for (int i = 0; i < 59; ++i) {
        desk.tick();
        desk.announcer().checkpoint_if_due();
    }
    CHECK(saved() == 62s);
}
