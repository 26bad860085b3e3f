#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/decide.h"

using namespace quotafuse;
using namespace std::chrono_literals;
using alerts::Ending;
using alerts::Facts;
using alerts::Phase;
using alerts::Reason;
using alerts::Rule;

namespace {

/// One series whose seconds are played one by one.
class Play {
public:
    explicit Play(Rule rule) : rule_(std::move(rule)) {}

    alerts::Decision second(std::optional<double> value, std::int64_t requests = 100) {
        facts_.at = base::from_unix(now_++);
        facts_.value = value;
        facts_.requests = requests;
        const auto decision = alerts::decide(state, facts_, rule_);
        state = decision.state;
        facts_.first_look = false;
        return decision;
    }
    /// So many seconds with one value; what was told, with the second it was told in.
    std::vector<std::pair<std::int64_t, Reason>> hold(std::optional<double> value,
                                                      std::int64_t seconds) {
        std::vector<std::pair<std::int64_t, Reason>> told;
        for (std::int64_t i = 0; i < seconds; ++i) {
            const auto reason = second(value).reason;
            if (is_told(reason)) told.emplace_back(now_ - 1, reason);
        }
        return told;
    }
    Facts& facts() { return facts_; }
    Rule& rule() { return rule_; }
    std::int64_t now() const { return now_; }
    void jump(std::int64_t seconds) { now_ += seconds; }
    alerts::AlertState state;

private:
    Rule rule_;
    Facts facts_;
    std::int64_t now_ = 1'000'000;
};

Rule above(double limit) {
    Rule rule;
    rule.limit = rule.clear = limit;
    return rule;
}

using Told = std::vector<std::pair<std::int64_t, Reason>>;

}  // namespace

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

TEST_CASE("without room in the list nobody is told, but the breaker is asked") {
    Play play{above(10)};
    play.facts().room = false;
    CHECK(play.second(11).reason == Reason::max_series);
    play.rule().action = alerts::RuleAction{};
    CHECK(play.second(11).reason == Reason::action);
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
