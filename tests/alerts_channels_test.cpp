#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

TEST_CASE("a renamed channel leaves or enters the rules that name it") {
    Watchman watchman{R"(rules:
  - {name: azure, metric: tokens, where: {channel: "azure-*"}, by: channel, window: 5m, above: 1000}
)"};
    watchman.run_to(1);
    watchman.add(requests(2, 1, 5000, 5));
    CHECK(watchman.run_to(5).empty());
    watchman.directory().channels[5].name = "azure-asia";
    watchman.tell();
    const auto told = watchman.run_to(6);
    REQUIRE(told.size() == 1);
    CHECK(told.front().key.front().display == "5 (azure-asia)");
    watchman.directory().channels[5].name = "openai";
    watchman.tell();
    const auto over = watchman.run_to(7);
    CHECK(reasons(over) == std::vector{Reason::resolved});
    CHECK(over.front().ended == alerts::Ending::gone);
}

TEST_CASE("an alert about a channel that was deleted ends as gone, not as recovered") {
    Watchman watchman{
        "rules: [{name: burn, metric: tokens, by: [channel], window: 5m, above: 1000}]"};
    watchman.run_to(1);
    watchman.add(requests(2, 1, 5000, 3));
    watchman.add(requests(2, 1, 5000, 4));
    CHECK(watchman.run_to(2).size() == 2);
    watchman.directory().channels.erase(4);
    watchman.tell();
    const auto over = watchman.run_to(400);
    REQUIRE(over.size() == 2);
    CHECK(over[0].key.front().id == 3);
    CHECK(over[0].ended == alerts::Ending::recovered);
    CHECK(over[1].key.front().id == 4);
    CHECK(over[1].ended == alerts::Ending::gone);
}

TEST_CASE("a silent channel's alert outlives that another channel gets a matching name") {
    Watchman watchman{R"(rules:
  - {name: silent, metric: requests, where: {channel: "azure-*"}, by: channel, window: 5m, below: 1}
)"};
    watchman.run_to(1);
    watchman.add(requests(2, 1, 100, 3));
    CHECK(watchman.run_to(400).size() == 1);
    watchman.add(requests(401, 1, 100, 5));
    CHECK(watchman.run_to(405).empty());
    watchman.directory().channels[5].name = "azure-asia";
    watchman.tell();
    CHECK(watchman.run_to(450).empty());
    CHECK(watchman.engine().overview().firing == 1);
    watchman.directory().channels[3].name = "retired";
    watchman.tell();
    const auto over = watchman.run_to(451);
    REQUIRE(over.size() == 1);
    CHECK(over.front().ended == alerts::Ending::gone);
    CHECK(over.front().key.front().id == 3);
}

TEST_CASE("a rule that names channels waits until their names are known") {
    Mirror mirror;
    alerts::Engine engine{rules_from(R"(rules:
  - {name: azure, metric: tokens, where: {channel: "azure-*"}, window: 5m, above: 1000}
)"),
                          mirror.store()};
    engine.restore({}, at(0));
    const auto warm = [&] {
        while (engine.warm_up(std::chrono::milliseconds{50})) {
        }
    };
    warm();
    engine.feed(mirror.append(requests(1, 1, 5000), at(0)));
    CHECK(engine.advance(at(5)).empty());
    REQUIRE(engine.overview().warming.size() == 1);
    CHECK(engine.overview().warming.front().rule == "azure");
    CHECK(engine.overview().warming.front().part < 1);
    sync::Directory directory;
    directory.known = true;
    directory.channels[3] = {"azure-eu", 1, 0, 0};
    engine.use(directory);
    warm();
    CHECK(engine.overview().warming.empty());
    const auto step = engine.advance(at(6));
    REQUIRE(step.notices.size() == 1);
    CHECK(step.notices.front().reason == Reason::first_look);
}
