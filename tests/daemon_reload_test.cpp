#include <sstream>

#include "alerts/state_store.h"
#include "daemon_alerts_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
}

/// The lines of the log that say it.
std::vector<std::string> lines_of(const std::string& log, const std::string& part) {
    std::vector<std::string> found;
    std::istringstream lines{log};
    for (std::string line; std::getline(lines, line);) {
        if (contains(line, part)) found.push_back(line);
    }
    return found;
}

const std::string kTotal = "  - {name: total, metric: tokens, window: 1h, above: 1000}\n";

/// Both rules fire and were told.
std::unique_ptr<Program> start_firing(const Site& site) {
    auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] {
        return contains(daemon->out(), "Firing: burn") && contains(daemon->out(), "Firing: total");
    }));
    return daemon;
}

}  // namespace

TEST_CASE("a reload of broken rules is one error with its place, and shows until one is good") {
    const Site site{kBurn + kTotal};
    const auto daemon = start_firing(site);
    site.write_rules(
        "  - {name: burn, metric: tokns, window: 1h, above: 1000}\n"
        "  - {name: other, metric: tokens, windw: 1h, above: 1000}\n");
    const auto checked = site.run({"check"});
    CHECK(checked.code == 78);
    CHECK(contains(checked.err, "rules.yaml:2:26: "));
    CHECK(contains(checked.err, "rules.yaml:3:"));
    const auto before = daemon->err();
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon->err(), "reload refused"); }));
    site.settle();
    const auto said = lines_of(daemon->err().substr(before.size()), "");
    INFO(daemon->err());
    REQUIRE(said.size() == 1);
    CHECK(contains(said[0], "rules.yaml:2:26: "));
    CHECK(contains(said[0], "the former configuration goes on"));
    CHECK(contains(said[0], "more: `quotafuse check` lists them)"));

    const std::string note = "what runs is older than its files: the reload at ";
    REQUIRE(eventually([&] { return contains(http_get(site.port(), "/readyz").body, note); }));
    const auto ready = http_get(site.port(), "/readyz");
    CHECK(ready.status == 200);  // what runs, runs
    CHECK(contains(ready.body, "rules.yaml:2:26: "));
    const auto asked = site.run({"status"});
    CHECK(asked.code == 0);
    CHECK(contains(asked.out, note));
    CHECK(contains(asked.err, "the configuration has faults"));
    CHECK(site.status().at("rules").at("firing") == 2);

    site.write_rules(kBurn + kTotal);
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon->err(), "reloaded"); }));
    REQUIRE(eventually([&] { return http_get(site.port(), "/readyz").status == 200; }));
    site.settle();
    CHECK_FALSE(contains(http_get(site.port(), "/readyz").body, note));
    CHECK_FALSE(contains(site.run({"status"}).out, note));
    CHECK(site.status().at("rules").at("firing") == 2);
    CHECK(count(daemon->out(), "Firing: ") == 2);
}

TEST_CASE("a reload keeps what unchanged rules know, and says what ended with its rule") {
    const Site site{kBurn + kTotal};
    const auto daemon = start_firing(site);
    site.write_rules(kBurn + "  - {name: third, metric: requests, window: 5m, above: 9}\n");
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon->err(), "reloaded"); }));
    REQUIRE(eventually([&] {
        return http_get(site.port(), "/readyz").status == 200 &&
               site.status().at("rules").at("inactive") == 1;
    }));
    site.settle();
    CHECK(site.status().at("rules").at("total") == 2);
    CHECK(site.status().at("rules").at("firing") == 1);
    CHECK(count(daemon->out(), "Firing: burn") == 1);
    CHECK_FALSE(contains(daemon->out(), "Resolved: burn"));
    const auto ended = lines_of(daemon->err(), "rule total: ");
    INFO(daemon->err());
    REQUIRE(ended.size() == 1);
    CHECK(contains(ended[0],
                   "rule total: was removed or disabled while it fired: that alert is over, "
                   "and no notice says so"));

    // A rule that asks something else starts anew; its history has an end, too.
    site.write_rules("  - {name: burn, metric: tokens, by: [channel], window: 1h, above: 99999}\n");
    daemon->signal(SIGHUP);
    REQUIRE(eventually([&] { return count(daemon->err(), "reloaded") == 2; }));
    // Before it has read the gateway a daemon keeps nothing: the next one would say it again.
    REQUIRE(eventually([&] { return http_get(site.port(), "/readyz").status == 200; }));
    site.settle();
    CHECK(contains(daemon->err(), "rule burn: was changed while it fired for 3 (azure-eu): "));
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(3s) == 0);
    SQLite::Database store{site.store(), SQLite::OPEN_READONLY};
    auto history =
        alerts::load_history(store, base::from_unix(0), base::from_unix(std::time(nullptr) + 9));
    std::erase_if(history, [](const auto& event) { return event.what != "over"; });
    REQUIRE(history.size() == 2);
    CHECK(history[0].rule == "total");
    CHECK(history[0].reason == "rule removed");
    CHECK(history[1].rule == "burn");
    CHECK(history[1].reason == "rule changed");
}

TEST_CASE("on a gateway that turns out to be One API a rule on failures is in error, and why") {
    const Site site{kBurn + "  - {name: failing, metric: error_rate, window: 1h, above: 5}\n",
                    "oneapi"};
    const auto daemon = site.start();
    site.settle();
    const std::string why =
        "One API logs no failed request (a row of type 5 is a channel test there): the rule has "
        "nothing to go by";
    const auto status = site.status();
    CHECK(status.at("gateway") == "one-api");
    REQUIRE(status.at("rules").at("errors").size() == 1);
    CHECK(status.at("rules").at("errors").at(0).at("rule") == "failing");
    CHECK(status.at("rules").at("errors").at(0).at("text") == why);
    CHECK(status.at("rules").at("inactive") == 1);
    CHECK(status.at("rules").at("error") == 1);
    CHECK(contains(site.run({"status"}).out, "failing: " + why));
    CHECK(
        contains(site.run({"status", "--rule", "failing"}).out, "in error, not evaluated: " + why));
    site.settle();
    CHECK(lines_of(daemon->err(), "rule failing: not evaluated: " + why).size() == 1);
    CHECK(http_get(site.port(), "/readyz").status == 200);
}
