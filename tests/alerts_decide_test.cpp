#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "alerts_decide_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("an alert that clears before its hold time is never announced") {
    auto rule = above(10);
    rule.hold = 60s;
    Play play{rule};
    CHECK(play.hold(11, 60).empty());
    CHECK(play.state.phase == Phase::pending);
    CHECK(play.hold(10, 1).empty());
    CHECK(play.state.phase == Phase::inactive);
    CHECK(play.hold(11, 61) == Told{{1'000'121, Reason::first}});
    CHECK(play.state.began == base::from_unix(1'000'061));
}

TEST_CASE("a value equal to the limit does not fire, and between clear and limit nothing is over") {
    auto rule = above(10);
    rule.clear = 5;
    Play play{rule};
    CHECK(play.second(10).reason == Reason::inactive);
    CHECK(play.second(10.5).reason == Reason::first);
    CHECK(play.second(7).reason == Reason::firing);
    const auto over = play.second(5);
    CHECK(over.reason == Reason::resolved);
    CHECK(over.ended == Ending::recovered);
    CHECK(over.state.peak == 10.5);
}

TEST_CASE("below is the mirror of above") {
    auto rule = above(10);
    rule.below = true;
    rule.clear = 20;
    Play play{rule};
    CHECK(play.second(10).reason == Reason::inactive);
    CHECK(play.second(9).reason == Reason::first);
    CHECK(play.second(4).reason == Reason::firing);
    CHECK(play.second(19).reason == Reason::firing);
    CHECK(play.second(20).reason == Reason::resolved);
    CHECK(play.state.peak == 4);
    play.facts().ready = false;
    CHECK(play.second(0).reason == Reason::short_history);
    play.facts().ready = true;
    CHECK(play.second(0).reason == Reason::first);
    play.facts().gone = true;
    CHECK(play.second(0).ended == Ending::gone);
}

TEST_CASE("an alert is over only after it has been gone for keep_firing_for") {
    auto rule = above(10);
    rule.keep_firing = 30s;
    Play play{rule};
    play.second(11);
    CHECK(play.hold(3, 30).empty());
    CHECK(play.second(11).reason == Reason::firing);
    CHECK(play.hold(3, 30).empty());
    CHECK(play.second(3).reason == Reason::resolved);
}

TEST_CASE("a ratio without requests starts nothing and ends as no traffic, not as recovered") {
    auto rule = above(10);
    rule.min_requests = 20;
    rule.keep_firing = 5s;
    Play play{rule};
    CHECK(play.second(50, 19).reason == Reason::few_requests);
    CHECK(play.second(std::nullopt, 0).reason == Reason::no_value);
    CHECK(play.second(50, 20).reason == Reason::first);
    CHECK(play.second(50, 3).reason == Reason::firing);  // it gates the start only
    CHECK(play.hold(std::nullopt, 5).empty());
    CHECK(play.second(std::nullopt, 0).ended == Ending::no_traffic);
}

TEST_CASE(
    "an action is asked for once in an episode, in the active hours, whatever the cooldown says") {
    auto rule = above(10);
    rule.resolved = false;
    rule.action = alerts::RuleAction{};
    Play play{rule};
    play.facts().in_hours = false;
    CHECK_FALSE(play.second(11).act);
    play.facts().in_hours = true;
    const auto first = play.second(11);
    CHECK(first.act);
    CHECK(first.reason == Reason::hours_began);
    CHECK_FALSE(play.second(11).act);
    play.second(1);
    const auto again = play.second(11);
    CHECK(again.act);
    CHECK(again.reason == Reason::action);
    play.second(1);
    play.rule().action->always = true;
    play.facts().in_hours = false;
    CHECK(play.second(11).act);
}

TEST_CASE("what the first look finds is told as such and trips nothing until it has cleared") {
    auto rule = above(10);
    rule.hold = 2s;
    rule.action = alerts::RuleAction{};
    Play play{rule};
    play.facts().first_look = true;
    play.second(11);
    play.second(11);
    const auto found = play.second(11);
    CHECK(found.reason == Reason::first_look);
    CHECK_FALSE(found.act);
    CHECK_FALSE(play.second(11).act);
    play.second(1);
    play.hold(11, 2);
    const auto next = play.second(11);
    CHECK(next.reason == Reason::first);
    CHECK(next.act);
}

TEST_CASE("what is found late asks for its action in the first second that is on time") {
    auto rule = above(10);
    rule.action = alerts::RuleAction{.always = true};
    Play play{rule};
    play.facts().late = true;
    const auto first = play.second(11);
    CHECK(first.reason == Reason::first);
    CHECK_FALSE(first.act);
    CHECK_FALSE(play.second(11).act);
    play.facts().late = false;
    const auto on_time = play.second(11);
    CHECK(on_time.act);
    CHECK(on_time.reason == Reason::action);
    CHECK_FALSE(play.second(11).act);
}

TEST_CASE("an episode whose channel was deleted ends as gone when its rows have left") {
    Play play{above(10)};
    play.second(11);
    play.facts().deleted = true;
    CHECK(play.second(11).reason == Reason::firing);
    CHECK(play.second(1).ended == Ending::gone);
}

TEST_CASE("a value within the usual range starts nothing, and ends nothing") {
    Play play{above(10)};
    play.facts().unusual = false;
    CHECK(play.second(11).reason == Reason::usual_range);
    CHECK(play.state.phase == Phase::inactive);
    play.facts().unusual = true;
    CHECK(play.second(11).reason == Reason::first);
    play.facts().unusual = false;
    CHECK(play.second(11).reason == Reason::firing);
    CHECK(play.second(10).reason == Reason::resolved);
}

TEST_CASE(
    "a silence holds notices and starts no cooldown; what still fires at its end is told then") {
    Play play{above(10)};
    play.facts().silenced = true;
    CHECK(play.second(11).reason == Reason::silenced);
    CHECK(play.state.phase == Phase::firing);
    CHECK_FALSE(play.state.mute_until);
    CHECK(play.hold(11, 10'000).empty());
    play.facts().silenced = false;
    CHECK(play.second(11).reason == Reason::first);
    CHECK(play.state.began == base::from_unix(1'000'000));
    SUBCASE("a reminder that fell due within a silence comes at its end") {
        play.facts().silenced = true;
        CHECK(play.hold(11, 5000).empty());
        play.facts().silenced = false;
        CHECK(play.second(11).reason == Reason::reminder);
    }
    SUBCASE("so does the end of what was told before") {
        play.facts().silenced = true;
        CHECK(play.second(1).reason == Reason::silenced);
        CHECK(play.second(1).state.phase == Phase::inactive);
        play.facts().silenced = false;
        CHECK(play.second(1).reason == Reason::resolved);
        CHECK(play.second(1).reason == Reason::inactive);
    }
    SUBCASE("what came and went within one was never told, and its end is not either") {
        play.second(1);
        play.facts().silenced = true;
        CHECK(play.second(11).reason == Reason::silenced);
        CHECK(play.second(1).reason == Reason::not_told);
    }
}

TEST_CASE("a new period ends an episode without a word, and mutes nothing of what comes after it") {
    auto rule = above(10);
    rule.cooldown = 24h;
    Play play{rule};
    CHECK(play.second(11).reason == Reason::first);
    play.facts().new_period = true;
    const auto edge = play.second(11);
    CHECK(edge.reason == Reason::new_period);
    CHECK(edge.ended == Ending::new_period);
    CHECK(edge.state.phase == Phase::inactive);
    play.facts().new_period = false;
    CHECK(play.second(1).reason == Reason::inactive);
    const auto next = play.second(11);
    CHECK(next.reason == Reason::first);
    CHECK(next.state.began == base::from_unix(1'000'003));
}

TEST_CASE("what was pending at the edge of a period waits anew, and a cooldown ends there") {
    auto rule = above(10);
    rule.hold = 10s;
    rule.resolved = false;
    rule.cooldown = 24h;
    Play play{rule};
    CHECK(play.hold(11, 11).size() == 1);
    play.second(1);
    CHECK(play.hold(11, 9).empty());
    play.facts().new_period = true;
    CHECK(play.second(11).reason == Reason::pending);
    play.facts().new_period = false;
    CHECK(play.hold(11, 10) == Told{{1'000'031, Reason::first}});
}

namespace {

/// The same life cycle written down another way: from the whole history, not from a state.
struct Reference {
    std::vector<double> values;
    std::int64_t hold;
    std::int64_t keep;
    double limit;
    double clear;

    /// Whether the alert fires at each second.
    std::vector<bool> firing() const {
        std::vector<bool> is;
        bool on = false;
        std::int64_t over = 0;     // seconds that the value has been over the limit, in a row
        std::int64_t cleared = 0;  // … at or under clear
        for (const auto value : values) {
            over = value > limit ? over + 1 : 0;
            cleared = value <= clear ? cleared + 1 : 0;
            if (!on && over > hold) {
                on = true;
            } else if (on && cleared > keep) {
                on = false;
                over = 0;
            }
            is.push_back(on);
        }
        return is;
    }
};

}  // namespace

TEST_CASE("the life cycle equals that of a small reference over random histories") {
    std::mt19937 random{42};
    std::size_t fired = 0;
    for (int round = 0; round < 300; ++round) {
        auto rule = above(10);
        rule.clear = 6;
        rule.hold = std::chrono::seconds{random() % 4};
        rule.keep_firing = std::chrono::seconds{random() % 4};
        Reference reference{
            {}, rule.hold.count(), rule.keep_firing.count(), rule.limit, rule.clear};
        Play play{rule};
        std::vector<bool> is;
        double value = 8;
        for (int i = 0; i < 200; ++i) {
            value += static_cast<double>(random() % 7) - 3;
            value = std::min(15.0, std::max(0.0, value));
            reference.values.push_back(value);
            is.push_back(play.second(value).state.phase == Phase::firing);
            fired += is.back() ? 1 : 0;
        }
        REQUIRE(is == reference.firing());
    }
    CHECK(fired > 1000);
}

TEST_CASE(
    "every resolution follows a notice of its episode, and every notice of it has its own number") {
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        auto rule = above(10);
        rule.cooldown = std::chrono::seconds{1 + random() % 40};
        rule.keep_firing = std::chrono::seconds{random() % 3};
        Play play{rule};
        bool open = false;
        std::pair<base::Second, int> last{};
        for (int i = 0; i < 300; ++i) {
            play.facts().in_hours = random() % 20 != 0;
            play.facts().silenced = random() % 10 == 0;
            play.facts().inhibited = random() % 20 == 0;
            const auto decision = play.second(static_cast<double>(random() % 14));
            if (!is_told(decision.reason)) continue;
            const std::pair now{decision.state.began, decision.state.sequence};
            CHECK(last < now);
            last = now;
            if (decision.reason == Reason::resolved) CHECK(open);
            open = decision.reason != Reason::resolved;
        }
    }
}
