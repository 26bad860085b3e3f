#include "alerts/state_store.h"
#include "base/database.h"
#include "daemon/schemas.h"
#include "daemon_alerts_site.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("a silence holds what a rule says until it is ended, and shows wherever one looks") {
    const Site site{kBurn};
    CHECK(site.run({"silence", "add", "--rule", "burn", "--for", "2h", "--reason", "x"}).code ==
          69);
    auto daemon = site.start();
    site.request(1);
    site.settle();
    // At rest the nearest value tells why it does not fire.
    const auto at_rest = site.run({"status", "--rule", "burn"});
    INFO(at_rest.out);
    CHECK(contains(at_rest.out, "channel 3 (azure-eu), inactive 1: 1 is not over 1,000"));
    const auto added = site.run({"silence", "add", "--rule", "burn", "--match", "channel=3",
                                 "--for", "2h", "--reason", "new cables"});
    CHECK_MESSAGE(added.code == 0, added.err);
    CHECK(added.out.starts_with("silenced: 1  burn channel=3 until "));
    CHECK(contains(added.out, ", the breaker still acts: new cables"));
    CHECK(added.err.empty());
    const auto doubted =
        site.run({"silence", "add", "--rule", "burnn", "--for", "1m", "--reason", "y"});
    CHECK(doubted.code == 0);
    CHECK(contains(doubted.err, "no rule is called burnn now; did you mean burn?"));
    CHECK(site.run({"silence", "add", "--rule", "burn", "--for", "2", "--reason", "z"}).code == 64);

    site.request(5000);
    REQUIRE(eventually([&] { return site.status().at("rules").at("firing") == 1; }));
    const auto alert = site.status().at("alerts").at(0);
    CHECK(alert.at("silenced") == true);
    CHECK(alert.at("told") == false);
    CHECK(contains(site.run({"status"}).out, "firing (silenced) burn channel 3 (azure-eu) since "));
    CHECK(contains(site.run({"status"}).out, " tokens > 1,000 tokens\n"));
    CHECK(contains(site.run({"status"}).out, "burn channel=3 until "));
    const auto why = site.run({"status", "--rule", "burn"});
    CHECK(why.code == 0);
    CHECK(contains(why.out, "burn (> 1,000): 1 series remembered, 1 firing, 0 pending"));
    CHECK(contains(why.out, "held by a silence"));
    INFO(why.out);
    CHECK(contains(why.out, "no series is over 1,000"));
    const auto unknown = site.run({"status", "--rule", "burnn"});
    CHECK(unknown.code == 64);
    CHECK(contains(unknown.err, "did you mean burn?"));
    CHECK_FALSE(contains(daemon->out(), "Firing"));

    // Over a restart, and without a daemon from the store.
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(3s) == 0);
    const auto of_store = site.run({"silence", "list"});
    CHECK_MESSAGE(of_store.code == 0, of_store.err);
    CHECK(contains(of_store.out, "new cables"));
    CHECK(site.run({"silence", "end", "1"}).code == 69);
    daemon = site.start();
    REQUIRE(eventually([&] { return site.status().at("rules").at("firing") == 1; }));
    site.settle();
    CHECK(site.status().at("alerts").at(0).at("silenced") == true);
    CHECK_FALSE(contains(daemon->out(), "Firing"));

    // What still fires at its end is announced then.
    const auto ended = site.run({"silence", "end", "1", "--json"});
    CHECK(nlohmann::json::parse(ended.out).at("silence").at("id") == 1);
    CHECK(eventually([&] { return contains(daemon->out(), "Firing: burn"); }));
    CHECK(site.run({"silence", "end", "1"}).code == 64);
    CHECK_FALSE(contains(site.run({"silence", "list"}).out, "new cables"));
}

TEST_CASE("a clean restart says nothing twice and finds its windows as it left them") {
    const Site site{kBurn +
                    "  - {name: month, metric: tokens, window: 30d, above: 1000, cooldown: 1s}\n"};
    auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] {
        return contains(daemon->out(), "Firing: burn") && contains(daemon->out(), "Firing: month");
    }));
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(3s) == 0);
    {
        SQLite::Database events{site.store(), SQLite::OPEN_READONLY};
        CHECK_FALSE(alerts::load_windows(events).empty());
        const auto all = alerts::load_events(events, base::from_unix(0));
        REQUIRE(all.size() == 2);
        CHECK(all[0].kind == alerts::EngineEvent::Kind::started);
        CHECK(all[1].kind == alerts::EngineEvent::Kind::stopped);
    }
    daemon = site.start();
    site.settle();
    CHECK(site.status().at("rules").at("firing") == 2);
    CHECK_FALSE(contains(daemon->err(), "warming up"));
    CHECK_FALSE(contains(daemon->out(), "Firing: burn"));
}

TEST_CASE("what the gateway's keys look like at the start is one message, after a restart none") {
    const Site site{"  - {name: left, metric: token_remaining, below: 1}\n"};
    site.gateway(
        "INSERT INTO tokens(id, user_id, `key`, name, status, remain_quota, unlimited_quota) VALUES"
        "(1, 5, 'a', 'one', 1, 90, 0), (2, 5, 'b', 'two', 4, 0, 0), (3, 5, 'c', 'off', 2, 0, 0), "
        "(4, 5, 'd', 'rich', 1, 90000000, 0)");
    auto daemon = site.start();
    REQUIRE(eventually([&] { return contains(daemon->out(), "First look"); }));
    site.settle();
    auto alerts = site.status().at("alerts");
    CHECK(alerts.size() == 2);
    CHECK_FALSE(contains(daemon->out(), "Firing: left"));
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(3s) == 0);
    // What is found in the file counts when the gateway has been read again, and is as it was.
    daemon = site.start();
    REQUIRE(eventually([&] { return site.status().at("rules").at("warming") == 0; }));
    site.settle();
    CHECK(site.status().at("alerts").size() == 2);
    CHECK_FALSE(contains(daemon->out(), "left"));
}

TEST_CASE("a long warm-up holds up neither pages nor other rules nor the end") {
    std::string rules = kBurn;
    for (int model = 0; model < 40; ++model) {
        rules += fmt::format(
            "  - {{name: month-{0}, metric: tokens, where: {{model: m{0}}}, by: [token, channel], "
            "window: {1}d, above: 1000000000}}\n",
            model, 30 - model % 20);
    }
    const Site site{rules};
    {
        base::Database database{site.store(), daemon::all_schemas()};
        database.set_durable(false);
        sync::Store store{database};
        sync::Batch batch;
        const auto now = static_cast<std::int64_t>(std::time(nullptr));
        for (std::int64_t id = 1; id <= 120'000; ++id) {
            sync::LogEntry entry;
            entry.id = id;
            entry.created_at = now - 29 * 86400 + id * 20;
            entry.kind = sync::Kind::consume;
            entry.channel = 3;
            entry.token = id % 500;
            entry.model = fmt::format("m{}", id % 60);
            entry.prompt_tokens = 10;
            batch.entries.push_back(std::move(entry));
            batch.position.cursor = id;
            if (id % 5000 == 0) {
                store.append(batch, base::from_unix(now));
                batch.entries.clear();
            }
        }
    }
    Program daemon{{"run", "--config", site.config()}};
    REQUIRE_MESSAGE(eventually([&] { return http_get(site.port(), "/healthz").status == 200; }),
                    daemon.err());
    REQUIRE(eventually([&] { return contains(daemon.err(), "are warming up from the store"); }));
    for (int i = 0; i < 5; ++i) {
        const auto start = std::chrono::steady_clock::now();
        CHECK(http_get(site.port(), "/api/v1/status").status == 200);
        CHECK(run_program({"status", "--rule", "burn", "--config", site.config()}).code == 0);
        CHECK(std::chrono::steady_clock::now() - start < 3s);
    }
    daemon.signal(SIGTERM);
    CHECK(daemon.wait(3s) == 0);
}
