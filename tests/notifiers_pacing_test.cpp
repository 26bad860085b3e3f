#include <doctest/doctest.h>

#include "notifiers/pacing.h"
#include "support/fake_clock.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

const Outcome kOk{};
const Outcome kFailed{Outcome::Kind::transient, 0s, "HTTP 502", 0};
const Outcome kRefused{Outcome::Kind::permanent, 0s, "HTTP 403", 0};

Outcome asks_for(std::chrono::seconds wait) {
    return {Outcome::Kind::transient, wait, "slow down", 0};
}

std::chrono::milliseconds wait_of(const Pacing& pacing, const base::Clock& clock,
                                  const std::string& name) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(pacing.ready_at(name) -
                                                                 clock.mono());
}

}  // namespace

TEST_CASE(
    "after failures a notifier waits longer and longer, up to ten minutes, until one succeeds") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 0ms, 0});
    CHECK(pacing.ready("a"));
    auto longest = 0ms;
    for (int failures = 0; failures < 40; ++failures) {
        pacing.begin("a");
        pacing.note("a", kFailed);
        const auto bound =
            std::min<std::chrono::milliseconds>(10min, 1s * (1LL << std::min(failures, 20)));
        const auto wait = wait_of(pacing, clock, "a");
        CHECK(wait >= bound / 10);
        CHECK(wait <= bound);
        longest = std::max(longest, wait);
        CHECK_FALSE(pacing.ready("a"));
        clock.advance(wait);
        CHECK(pacing.ready("a"));
    }
    CHECK(longest > 5min);
    pacing.note("a", kOk);
    pacing.note("a", kFailed);
    CHECK(wait_of(pacing, clock, "a") <= 1s);
}

TEST_CASE("a refusal for good delays nothing") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 0ms, 0});
    pacing.begin("a");
    pacing.note("a", kRefused);
    CHECK(pacing.ready("a"));
}

TEST_CASE(
    "the wait that a service asks for holds for all notifiers of that robot, an hour at most") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 0ms, 0});
    pacing.add("b", {"robot", 0ms, 0});
    pacing.add("c", {"another", 0ms, 0});
    pacing.begin("a");
    pacing.note("a", asks_for(60s));
    CHECK(wait_of(pacing, clock, "b") >= 60s);
    CHECK(wait_of(pacing, clock, "b") <= 61s);
    CHECK(pacing.ready("c"));
    pacing.note("a", asks_for(336h));
    CHECK(wait_of(pacing, clock, "b") >= 1h);
    CHECK(wait_of(pacing, clock, "b") <= 1h + 1s);
}

TEST_CASE("a step of the host's clock neither shortens nor lengthens a wait") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 0ms, 0});
    pacing.note("a", asks_for(60s));
    clock.step_wall(24h);
    CHECK_FALSE(pacing.ready("a"));
    clock.step_wall(-48h);
    clock.advance(61s);
    CHECK(pacing.ready("a"));
}

TEST_CASE(
    "no 60 seconds ever see more messages than a service takes, and a start counts as half of "
    "them") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 1050ms, 18});
    pacing.add("b", {"robot", 1050ms, 18});
    std::vector<base::MonoTime> sent;
    const auto started = clock.mono();
    for (int step = 0; step < 3000; ++step, clock.advance(100ms)) {
        const std::string name = step % 2 == 0 ? "a" : "b";
        if (!pacing.ready(name)) continue;
        pacing.begin(name);
        pacing.note(name, kOk);
        sent.push_back(clock.mono());
    }
    const auto between = [&](base::MonoTime from, base::MonoTime to) {
        return std::count_if(sent.begin(), sent.end(), [&](auto t) { return t >= from && t < to; });
    };
    CHECK(between(started, started + 60s) == 9);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        CHECK(between(sent[i], sent[i] + 60s) <= 18);
        if (i > 0) CHECK(sent[i] - sent[i - 1] >= 1050ms);
    }
    CHECK(sent.size() >= 80);
}

TEST_CASE("notifiers share a pace when they share a robot, whatever their names") {
    Settings settings;
    settings.type = Settings::Type::telegram;
    settings.bot_token = base::Secret{"1:a"};
    settings.chat_id = "-100";
    const auto group = pace_of(settings);
    CHECK(group.most_per_minute == 18);
    CHECK(group.spacing == 1050ms);
    settings.name = "another";
    CHECK(pace_of(settings).robot == group.robot);
    settings.chat_id = "100";
    CHECK(pace_of(settings).robot != group.robot);
    CHECK(pace_of(settings).most_per_minute == 0);

    settings.type = Settings::Type::feishu;
    settings.webhook = base::Secret{"https://x/1"};
    CHECK(pace_of(settings).most_per_minute == 90);
    CHECK(pace_of(settings).spacing == 250ms);
    settings.type = Settings::Type::wecom;
    CHECK(pace_of(settings).most_per_minute == 18);
}
