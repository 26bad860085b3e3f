// `quotafuse breaker …` as people type it: beside a stopped daemon and beside a running one.
#include "daemon_alerts_site.h"
#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using Json = nlohmann::json;

namespace {

/// A configuration for a store that no daemon looks after.
class Desk {
public:
    explicit Desk(const std::string& store) {
        write_file(folder_.file("rules.yaml"),
                   "rules:\n  - {name: burn, metric: tokens, by: [channel], window: 1h, above: "
                   "1000, action: {disable_channel: {mode: live}}}\n");
        write_file(config(),
                   fmt::format("source: {{dsn: \"{}\", gateway: new-api}}\n"
                               "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                               "rules: [rules.yaml]\ntimezone: UTC\n",
                               folder_.file("one-api.db"), store, folder_.file("c.sock")));
    }
    std::string config() const { return folder_.file("quotafuse.yaml"); }
    Ran run(std::vector<std::string> words) const {
        words.insert(words.begin(), "breaker");
        words.insert(words.end(), {"--config", config()});
        return run_program(std::move(words));
    }

private:
    TempDir folder_;
};

Ledger::Asked asked(TripResult::Kind kind, Target target = Target::of_channel(3)) {
    Ledger::Asked one;
    one.kind = kind;
    one.target = std::move(target);
    return one;
}

}  // namespace

TEST_CASE("without a daemon, list and report read the store") {
    Ledger ledger;
    const auto open = ledger.trip(kNoon, asked(TripResult::Kind::tripped, Target::of_token(17)));
    ledger.alert("burn", "[[3,\"\"]]", kNoon);
    const auto shadow = ledger.trip(kNoon + 60, asked(TripResult::Kind::would_trip));
    ledger.row(kNoon + 200, 3, kDollar);
    ledger.alert("burn", "[[3,\"\"]]", kNoon + 300, "recovered");
    ledger.store_rows();
    const Desk desk{ledger.database().path()};

    auto ran = desk.run({"list"});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "breaker shadow\n"));
    CHECK(contains(ran.out, open + "  key 17 (azure) since 2026-01-05 04:00:00, comes back by "
                                   "hand: burn: too much"));
    CHECK(contains(ran.out, shadow + "  would_trip (shadow)  channel 3 (azure): burn: too much"));
    ran = desk.run({"list", "--json", "--limit", "1"});
    CHECK(ran.code == 0);
    const auto list = Json::parse(ran.out);
    CHECK(list.at("open").size() == 1);
    CHECK(list.at("recent").size() == 1);

    ran = desk.run({"report", "--since", "2026-01-05", "--until", "2026-01-06"});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "would have disabled channel 3 (azure); $1.00 saved"));
    ran = desk.run({"report", "--since", "2026-01-05", "--until", "2026-01-06", "--json"});
    CHECK(ran.code == 0);
    const auto report = Json::parse(ran.out);
    CHECK(report.at("cache_lag_seconds") == 90);
    CHECK(report.at("trips").size() == 2);
    ran = desk.run({"report", "--since", "2026-01-05", "--rule", "burm"});
    CHECK(ran.code == 64);
    CHECK(contains(ran.err, "burn"));
    CHECK(desk.run({"report", "--since", "yesterday"}).code == 64);
    CHECK(desk.run({"report", "--since", "2026-01-06", "--until", "2026-01-05"}).code == 64);
}

TEST_CASE("what changes something needs a daemon, and a store that is not there is missed") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    CHECK(desk.run({"list"}).code == 66);
    CHECK(desk.run({"report"}).code == 66);
    const std::vector<std::vector<std::string>> orders{
        {"trip", "--channel", "3", "--reason", "x"},
        {"trip", "--channel", "3", "--reason", "x", "--dry-run"},
        {"restore", "t1"},
        {"undo", "t1"},
        {"pause"},
        {"pause", "--dry-run"},
        {"resume"},
        {"resume", "--dry-run"},
    };
    for (const auto& words : orders) {
        CAPTURE(words[0]);
        const auto ran = desk.run(words);
        CHECK(ran.code == 69);
        CHECK(contains(ran.err, "no daemon answers"));
    }
    CHECK(desk.run({"pause", "--for", "soon"}).code == 64);
}

namespace {

/// A gateway with two channels for one model and a key, and a daemon that may write to it.
class LiveSite : public Site {
public:
    LiveSite() : Site(kBurn) {
        gateway(
            "INSERT INTO channels(id, name, `key`, status, `group`, models) "
            "VALUES(4, 'spare', 'sk', 1, 'default', 'gpt-4o');"
            "UPDATE channels SET `group` = 'default', models = 'gpt-4o' WHERE id = 3;"
            "INSERT INTO abilities(`group`, model, channel_id, enabled) "
            "VALUES('default', 'gpt-4o', 3, 1), ('default', 'gpt-4o', 4, 1);"
            "INSERT INTO tokens(id, user_id, `key`, status, name) VALUES(17, 1, 'k', 1, 'ci')");
        write_file(config(),
                   read_file(config()) + fmt::format("breaker: {{dsn: \"{}\", mode: live, protect: "
                                                     "{{channels: [4]}}}}\n",
                                                     gateway_file()));
    }
    std::int64_t number(const std::string& sql) const {
        SQLite::Database db{gateway_file(), SQLite::OPEN_READONLY, 5000};
        return db.execAndGet(sql).getInt64();
    }
    Ran breaker(std::vector<std::string> words) const {
        words.insert(words.begin(), "breaker");
        return run(std::move(words));
    }
    Json listed() const { return Json::parse(breaker({"list", "--json"}).out); }

private:
    std::string gateway_file() const {
        const auto text = read_file(config());
        const auto begin = text.find('"') + 1;
        return text.substr(begin, text.find('"', begin) - begin);
    }
};

constexpr auto kStatus = "SELECT status FROM channels WHERE id = 3";
constexpr auto kAbility = "SELECT enabled FROM abilities WHERE channel_id = 3";

}  // namespace

TEST_CASE("a person trips, gives back, undoes, and a dry run writes nothing") {
    const LiveSite site;
    const auto daemon = site.start();
    auto ran = site.breaker({"trip", "--channel", "3", "--reason", "it burns", "--dry-run"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number(kStatus) == 1);
    CHECK(site.listed().at("open").empty());

    ran = site.breaker({"trip", "--channel", "3", "--reason", "it burns", "--json"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(Json::parse(ran.out).at("outcome") == "tripped");
    CHECK(site.number(kStatus) == 3);
    CHECK(site.number(kAbility) == 0);
    const auto open = site.listed().at("open");
    REQUIRE(open.size() == 1);
    const auto id = open[0].at("trip_id").get<std::string>();
    CHECK(contains(open[0].at("reason").get<std::string>(), "it burns"));

    ran = site.breaker({"restore", id, "--dry-run"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number(kStatus) == 3);
    ran = site.breaker({"undo", id, "--dry-run"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number(kStatus) == 3);
    ran = site.breaker({"restore", "--channel", "3"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number(kStatus) == 1);
    CHECK(site.number(kAbility) == 1);
    ran = site.breaker({"undo", id});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number(kStatus) == 3);
}

TEST_CASE("a key goes off and comes back by its number") {
    const LiveSite site;
    const auto daemon = site.start();
    auto ran = site.breaker({"trip", "--token", "17", "--reason", "leaked"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number("SELECT status FROM tokens WHERE id = 17") == 2);
    ran = site.breaker({"restore", "--token", "17"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number("SELECT status FROM tokens WHERE id = 17") == 1);
}

TEST_CASE("what is refused or not there ends with 1 and says why") {
    const LiveSite site;
    const auto daemon = site.start();
    auto ran = site.breaker({"trip", "--channel", "4", "--reason", "x"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "protected"));
    ran = site.breaker({"restore", "--channel", "3"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "channel 3 is not off by quotafuse"));
    CHECK(site.breaker({"undo", "t-none"}).code == 1);
    CHECK(site.number(kStatus) == 1);
}

TEST_CASE("while it is paused nothing is written, until it is resumed") {
    const LiveSite site;
    const auto daemon = site.start();
    auto ran = site.breaker({"pause", "--for", "2h", "--reason", "a move", "--dry-run"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.out, "for 2h (now: not paused)"));
    CHECK(site.listed().at("paused").is_null());
    ran = site.breaker({"pause", "--for", "2h", "--reason", "a move"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.listed().at("paused").at("reason") == "a move");
    CHECK(contains(site.breaker({"list"}).out, "paused since "));
    CHECK(site.breaker({"trip", "--channel", "3", "--reason", "x"}).code == 1);
    CHECK(site.number(kStatus) == 1);
    ran = site.breaker({"resume", "--dry-run"});
    CHECK(contains(ran.out, "would write again"));
    CHECK(site.breaker({"resume"}).code == 0);
    CHECK(site.listed().at("paused").is_null());
    CHECK(site.breaker({"trip", "--channel", "3", "--reason", "x"}).code == 0);
    CHECK(site.number(kStatus) == 3);
}
