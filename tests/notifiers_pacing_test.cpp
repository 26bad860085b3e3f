#include <doctest/doctest.h>

#include "notifiers/pacing.h"
#include "support/chat_pair.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

const Outcome kOk{};
Outcome failed(Outcome::Kind kind) {
    Outcome outcome;
    outcome.kind = kind;
    return outcome;
}
const Outcome kFailed = failed(Outcome::Kind::transient);
const Outcome kRefused = failed(Outcome::Kind::permanent);

Outcome asks_for(std::chrono::seconds wait) {
    auto outcome = kFailed;
    outcome.wait = wait;
    return outcome;
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

TEST_CASE(
    "what an earlier run sent counts: no crash loop and no reload exceeds a service's window") {
    FakeClock clock{1'767'625'260};
    std::vector<base::MonoTime> sent;
    for (int run = 0; run < 30; ++run) {
        Pacing pacing{clock, 7};
        pacing.add("a", {"robot", 0ms, 18});
        pacing.add("b", {"robot", 0ms, 18});
        // As it is on record, in whole seconds.
        for (const auto at : sent) {
            const auto ago = std::chrono::ceil<std::chrono::seconds>(clock.mono() - at);
            if (ago <= 60s) pacing.recall(sent.size() % 2 == 0 ? "a" : "b", ago);
        }
        const auto end = clock.mono() + (run % 3 == 0 ? 70s : 3s);
        for (; clock.mono() < end; clock.advance(100ms)) {
            if (!pacing.ready("a")) continue;
            pacing.begin("a");
            pacing.note("a", kOk);
            sent.push_back(clock.mono());
        }
    }
    for (const auto from : sent) {
        const auto in_a_minute = std::count_if(sent.begin(), sent.end(),
                                               [&](auto t) { return t >= from && t < from + 60s; });
        CHECK(in_a_minute <= 18);
    }
    CHECK(sent.size() >= 9 * 10);
}

TEST_CASE("a second request of one send counts, so that the window is not exceeded") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 0ms, 18});
    clock.advance(2min);
    auto twice = kOk;
    twice.requests = 2;
    int sends = 0;
    for (; pacing.ready("a"); ++sends) {
        pacing.begin("a");
        pacing.note("a", twice);
    }
    CHECK(sends == 9);
}

TEST_CASE("a robot that was told to rest rests, though the message itself arrived") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    pacing.add("a", {"robot", 0ms, 0});
    auto arrived = kOk;
    arrived.wait = 60s;
    pacing.note("a", arrived);
    CHECK(wait_of(pacing, clock, "a") >= 60s);
}

TEST_CASE("notifiers share a pace when they share a robot, whatever their names") {
    const auto telegram = [](const std::string& chat) {
        return load_notifier("telegram", {{"bot_token", "\"1:a\""}, {"chat_id", chat}})
            .recipe->pace();
    };
    const auto group = telegram("-100");
    CHECK(group.most_per_minute == 18);
    CHECK(group.spacing == 1050ms);
    CHECK(telegram("-100").robot == group.robot);
    CHECK(telegram("100").robot != group.robot);
    CHECK(telegram("100").most_per_minute == 0);
    CHECK(telegram("\"@channel\"").most_per_minute == 18);
    CHECK(group.robot.find("1:a") == std::string::npos);

    const auto pace = [](const std::string& type, const std::string& webhook) {
        return load_notifier(type, {{"webhook", webhook}}).recipe->pace();
    };
    CHECK(pace("feishu", "https://x/bot/v2/hook/1").most_per_minute == 90);
    CHECK(pace("feishu", "https://x/bot/v2/hook/1").spacing == 250ms);
    CHECK(pace("wecom", "https://x/?key=1").most_per_minute == 18);
    CHECK(pace("dingtalk", "https://x/?access_token=1").most_per_minute == 18);

    // The same robot by another way.
    const auto same = [&](const std::string& type, const std::string& one,
                          const std::string& other) {
        return pace(type, one).robot == pace(type, other).robot;
    };
    CHECK(same("wecom", "https://x/?key=1", "http://proxy/y?debug=1&key=1"));
    CHECK(same("dingtalk", "https://x/?access_token=1", "http://y/?access_token=1&a=b"));
    CHECK(same("feishu", "https://x/bot/v2/hook/1", "http://y/z/bot/v2/hook/1?a=b"));
    CHECK_FALSE(same("wecom", "https://x/?key=1", "https://x/?key=2"));
    CHECK(pace("wecom", "https://x/?key=1").robot !=
          pace("dingtalk", "https://x/?access_token=1").robot);
}

TEST_CASE("at the pace of its recipe no service refuses for rate, though people are called too") {
    for (const auto chat : kChats) {
        CAPTURE(static_cast<int>(chat));
        ChatPair pair{chat, chat == W ? Keys{{"mention", "all"}} : Keys{}, "", Limits::enforced};
        Pacing pacing{pair.clock, 7};
        pacing.add("a", pair.settings.recipe->pace());
        const auto started = pair.clock.mono();
        for (int sent = 0; sent < 60; pair.clock.advance(250ms)) {
            if (!pacing.ready("a")) continue;
            pacing.begin("a");
            const auto outcome = pair.send(sample());
            CHECK(outcome.kind == Outcome::Kind::ok);
            CHECK(outcome.why == "");
            pacing.note("a", outcome);
            ++sent;
        }
        CHECK(pair.clock.mono() - started < (chat == W ? 8min : 5min));
    }
}

TEST_CASE("the chats of one Telegram bot take turns, 25 a second in all") {
    FakeClock clock{1'767'625'260};
    Pacing pacing{clock, 7};
    const auto pace = [](const std::string& chat) {
        return load_notifier("telegram",
                             {{"bot_token", '"' + kToken + '"'}, {"chat_id", '"' + chat + '"'}})
            .recipe->pace();
    };
    pacing.add("a", pace("-1001"));
    pacing.add("b", pace("-1002"));
    pacing.begin("a");
    CHECK(wait_of(pacing, clock, "a") == 1050ms);
    CHECK(wait_of(pacing, clock, "b") == 40ms);
}
