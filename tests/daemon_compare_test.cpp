#include "alerts/state_store.h"
#include "daemon_alerts_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

const std::string kRules =
    "  - {name: flood, metric: requests, by: [channel], window: 1m, above: 3, cooldown: 2s}\n"
    "  - {name: heavy, metric: tokens, window: 1m, above: 1000, for: 1s, keep_firing_for: 1s,\n"
    "     action: {disable_channel: {mode: shadow}}, where: {channel: 3}}\n"
    "  - {name: pace, metric: rpm, by: [model], window: 1m, above: 2, eval_delay: 1s}\n"
    "  - {name: down, metric: channel_down, above: 0}\n";

}  // namespace

TEST_CASE(
    "replay --compare finds what the daemon wrote, over a reload and a kill, event for event") {
    const Site site{kRules};
    auto daemon = site.start();
    site.request(1);
    site.settle();
    for (int i = 0; i < 5; ++i) site.request(500);
    REQUIRE(eventually([&] {
        return contains(daemon->out(), "Firing: flood") && contains(daemon->out(), "Firing: heavy");
    }));
    site.settle();

    // Another rule comes, one goes, and one asks something else.
    auto changed = kRules.substr(0, kRules.find("  - {name: down"));
    changed.replace(changed.find("above: 1000,"), 12, "above: 1500,");
    site.write_rules(changed +
                     "  - {name: more, metric: tokens, by: [channel], window: 2m, above: 2000}\n");
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon->err(), "reloaded"); }));
    site.settle();
    site.request(400);
    site.settle();

    daemon->signal(SIGKILL);
    daemon->wait(3s);
    site.request(300);
    daemon = site.start();
    site.settle();
    site.request(200);
    site.settle();

    // Beside the running daemon, and after its end.
    const auto running = site.run({"replay", "--compare"});
    CHECK_MESSAGE(running.code == 0, running.out, running.err);
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(3s) == 0);
    const auto ran = site.run({"replay", "--compare"});
    CHECK_MESSAGE(ran.code == 0, ran.out, ran.err);
    const auto said = nlohmann::json::parse(site.run({"replay", "--compare", "--json"}).out);
    const auto same = said.at("same").get<int>();
    CHECK(same >= 8);
    CHECK(contains(ran.out, fmt::format("same: {} events", same)));
    CHECK(contains(ran.out, "note: rule heavy: compared from its first look on, at "));

    // What somebody else wrote is found, and what is missing.
    SQLite::Database store{site.store(), SQLite::OPEN_READWRITE};
    store.exec(
        "UPDATE alert_event SET reason = 'invented' WHERE rule = 'flood' AND what = 'firing'");
    const auto differs = site.run({"replay", "--compare"});
    CHECK(differs.code == 1);
    INFO(differs.out);
    CHECK(contains(differs.out, fmt::format("different: 2 events; the same: {} events", same - 1)));
    CHECK(contains(differs.out, "flood 3: firing, invented, value "));
    CHECK(contains(differs.out, "only replay  "));
    CHECK(contains(differs.out, "the configuration was read anew"));
    const auto one = site.run({"replay", "--compare", "--rule", "heavy"});
    CHECK(one.code == 0);
}
