#include <doctest/doctest.h>

#include "alerts_decide_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("reminders come at the end of the cooldown and double up to half a day") {
    auto rule = above(10);
    rule.cooldown = 1h;
    Play play{rule};
    const auto start = play.now();
    Told expected{{start, Reason::first}};
    std::int64_t when = 3600;
    for (const std::int64_t gap : {2, 4, 8, 12, 12}) {
        expected.emplace_back(start + when, Reason::reminder);
        when += gap * 3600;
    }
    CHECK(play.hold(11, when) == expected);
}

TEST_CASE("a firing after a told resolution is told, within the cooldown too") {
    Play play{above(10)};
    CHECK(play.second(11).reason == Reason::first);
    CHECK(play.second(1).reason == Reason::resolved);
    CHECK(play.second(11).reason == Reason::first);
    CHECK(play.second(1).reason == Reason::resolved);
}

namespace {

/// So many episodes of one second, one every ten minutes; what was told.
std::vector<Reason> flap(Play& play, int episodes) {
    std::vector<Reason> told;
    for (int i = 0; i < episodes; ++i) {
        for (const auto& [when, reason] : play.hold(11, 1)) told.push_back(reason);
        for (const auto& [when, reason] : play.hold(1, 599)) told.push_back(reason);
    }
    return told;
}

const std::vector kTwiceThenFlapping{Reason::first, Reason::resolved, Reason::first,
                                     Reason::resolved, Reason::flapping};

}  // namespace

TEST_CASE("the third episode in an hour says that it flaps, and its cooldown mutes what follows") {
    Play play{above(10)};
    CHECK(flap(play, 6) == kTwiceThenFlapping);
    CHECK(play.second(11).reason == Reason::cooldown);
    CHECK(play.second(1).reason == Reason::cooldown);
    SUBCASE("people hear once that it is over, when the cooldown has ended") {
        const auto flapped_at = 1'000'000 + 1200;
        CHECK(play.hold(1, 5000) == Told{{flapped_at + 3600, Reason::resolved}});
        CHECK(play.second(11).reason == Reason::first);  // the hour of the three is long gone
    }
    SUBCASE("while it goes on flapping they hear it once in a cooldown") {
        play.hold(1, 598);
        CHECK(flap(play, 7) == std::vector{Reason::flapping});
        CHECK(flap(play, 1) == std::vector{Reason::flapping});
    }
    SUBCASE("what comes to stay is told at the end of the cooldown, as any alert from then on") {
        CHECK(play.hold(11, 6000) ==
              Told{{1'000'000 + 4800, Reason::flapping}, {1'000'000 + 8400, Reason::reminder}});
        CHECK(play.second(1).reason == Reason::resolved);
    }
}

TEST_CASE("a flapping series that kept still for an hour is over, however long its cooldown") {
    auto rule = above(10);
    rule.cooldown = 24h;
    Play play{rule};
    CHECK(flap(play, 4) == kTwiceThenFlapping);
    const auto last_end = 1'000'000 + 1801;
    CHECK(play.hold(1, 10'000) == Told{{last_end + 3600, Reason::resolved}});
    CHECK(play.second(11).reason == Reason::first);
}

TEST_CASE("three episodes in more than an hour do not flap") {
    Play play{above(10)};
    for (int i = 0; i < 5; ++i) {
        CHECK(play.second(11).reason == Reason::first);
        CHECK(play.hold(1, 1800).size() == 1);
    }
}

TEST_CASE("the breaker is asked in every episode of a flapping series") {
    auto rule = above(10);
    rule.action = alerts::RuleAction{};
    Play play{rule};
    flap(play, 3);
    const auto next = play.second(11);
    CHECK(next.act);
    CHECK(next.reason == Reason::action);
}

TEST_CASE(
    "where resolutions are not told the cooldown mutes, and what still fires at its end is told") {
    auto rule = above(10);
    rule.resolved = false;
    rule.cooldown = 2h;
    Play play{rule};
    CHECK(play.second(11).reason == Reason::first);
    CHECK(play.second(1).reason == Reason::resolved_off);
    CHECK(play.second(11).reason == Reason::cooldown);
    CHECK(play.second(1).reason == Reason::not_told);
    const auto left = 7200 - 4;
    CHECK(play.hold(11, left).empty());
    CHECK(play.second(11).reason == Reason::first);
}

TEST_CASE("a jump of the clock leaves at most one cooldown") {
    auto rule = above(10);
    rule.cooldown = 1h;
    Play play{rule};
    play.hold(11, 2 * 3600);  // one reminder: muted for two hours
    play.jump(-10 * 24 * 3600);
    const auto now = play.now();
    CHECK(play.hold(11, 3601) == Told{{now + 3600, Reason::reminder}});
}

TEST_CASE(
    "outside the active hours nobody is told, and at their start what still fires is announced") {
    Play play{above(10)};
    play.facts().in_hours = false;
    CHECK(play.second(11).reason == Reason::outside_hours);
    CHECK(play.second(11).state.phase == Phase::firing);
    play.facts().in_hours = true;
    CHECK(play.second(11).reason == Reason::hours_began);
    play.facts().in_hours = false;
    CHECK(play.second(1).reason == Reason::outside_hours);
    CHECK(play.second(1).state.phase == Phase::inactive);
    play.facts().in_hours = true;
    CHECK(play.second(1).reason == Reason::resolved);  // told before, so its end is owed
    CHECK(play.second(1).reason == Reason::inactive);
    play.facts().in_hours = false;
    play.second(11);
    CHECK(play.second(1).reason == Reason::not_told);
}

TEST_CASE("without room in the list nobody is told, but the breaker is asked") {
    Play play{above(10)};
    play.facts().room = false;
    CHECK(play.second(11).reason == Reason::max_series);
    play.rule().action = alerts::RuleAction{};
    CHECK(play.second(11).reason == Reason::action);
}

TEST_CASE("a silence of notices lets the breaker act and says so, one of actions holds it, too") {
    auto rule = above(10);
    rule.action = alerts::RuleAction{};
    Play play{rule};
    play.facts().silenced = true;
    SUBCASE("the action is told, and the alert itself is still to come") {
        const auto acted = play.second(11);
        CHECK(acted.act);
        CHECK(acted.reason == Reason::action);
        CHECK_FALSE(acted.state.told);
        CHECK_FALSE(acted.state.mute_until);
        CHECK(acted.state.sequence == 1);
        CHECK(play.second(11).reason == Reason::silenced);
        play.facts().silenced = false;
        const auto first = play.second(11);
        CHECK(first.reason == Reason::first);
        CHECK_FALSE(first.act);
        CHECK(first.state.sequence == 2);
    }
    SUBCASE("a held action is asked for at the end of the silence") {
        play.facts().actions_held = true;
        const auto held = play.second(11);
        CHECK_FALSE(held.act);
        CHECK(held.reason == Reason::silenced);
        play.facts().silenced = play.facts().actions_held = false;
        const auto first = play.second(11);
        CHECK(first.act);
        CHECK(first.reason == Reason::first);
    }
}

TEST_CASE("what is inhibited is neither told nor acted upon, and both follow when that is over") {
    auto rule = above(10);
    rule.action = alerts::RuleAction{};
    Play play{rule};
    play.facts().inhibited = true;
    const auto held = play.second(11);
    CHECK(held.reason == Reason::inhibited);
    CHECK_FALSE(held.act);
    CHECK_FALSE(held.state.mute_until);
    play.facts().inhibited = false;
    const auto first = play.second(11);
    CHECK(first.reason == Reason::first);
    CHECK(first.act);
}

TEST_CASE("what waited for the hours and then for a silence is announced as any alert") {
    Play play{above(10)};
    play.facts().in_hours = false;
    CHECK(play.second(11).reason == Reason::outside_hours);
    play.facts().in_hours = true;
    play.facts().silenced = true;
    CHECK(play.second(11).reason == Reason::silenced);
    play.facts().silenced = false;
    CHECK(play.second(11).reason == Reason::first);
}
