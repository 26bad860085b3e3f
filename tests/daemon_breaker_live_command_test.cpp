// `quotafuse breaker …` as people type it, beside a daemon that may write.
#include <csignal>
#include <optional>

#include "daemon_alerts_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using Json = nlohmann::json;

namespace {

/// A gateway with two channels for one model and a key, and a daemon that may write to it.
class LiveSite : public Site {
public:
    explicit LiveSite(const std::string& more = "max_open: 3") : Site(kBurn) {
        gateway(
            "INSERT INTO channels(id, name, `key`, status, `group`, models) "
            "VALUES(4, 'spare', 'sk', 1, 'default', 'gpt-4o');"
            "UPDATE channels SET `group` = 'default', models = 'gpt-4o' WHERE id = 3;"
            "INSERT INTO abilities(`group`, model, channel_id, enabled) "
            "VALUES('default', 'gpt-4o', 3, 1), ('default', 'gpt-4o', 4, 1);"
            "INSERT INTO tokens(id, user_id, `key`, status, name) VALUES(17, 1, 'k', 1, 'ci')");
        write_file(config(),
                   read_file(config()) + fmt::format("breaker: {{dsn: \"{}\", mode: live, protect: "
                                                     "{{channels: [4]}}, {}}}\n",
                                                     gateway_file(), more));
    }
    std::int64_t number(const std::string& sql) const {
        SQLite::Database db{gateway_file(), SQLite::OPEN_READONLY, 5000};
        return db.execAndGet(sql).getInt64();
    }
    Ran breaker(std::vector<std::string> words) const {
        words.insert(words.begin(), "breaker");
        return run(std::move(words));
    }
    /// Until it ends, the gateway's tables can be read only.
    SQLite::Database lock() const {
        SQLite::Database db{gateway_file(), SQLite::OPEN_READWRITE, 5000};
        db.exec("BEGIN IMMEDIATE");
        return db;
    }
    std::int64_t stored(const std::string& sql) const {
        SQLite::Database db{store(), SQLite::OPEN_READONLY, 5000};
        return db.execAndGet(sql).getInt64();
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
    CHECK(contains(ran.err, "channel 4 (spare) was not switched off: it is protected"));
    ran = site.breaker({"trip", "--channel", "4", "--reason", "x", "--dry-run"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "channel 4 (spare) would not be switched off: it is protected"));
    ran = site.breaker({"restore", "--channel", "3"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "channel 3 is not off by quotafuse"));
    CHECK(contains(ran.err, "`quotafuse breaker list`"));
    CHECK(site.breaker({"undo", "t-none"}).code == 1);
    CHECK(site.number(kStatus) == 1);
}

TEST_CASE("what goes dark is told over the span of guard_traffic, as what would be in a dry run") {
    LiveSite site{"guard_traffic: 6h"};
    site.gateway("UPDATE abilities SET enabled = 0 WHERE channel_id = 4");
    const auto daemon = site.start();
    auto ran = site.breaker({"trip", "--channel", "3", "--reason", "it burns", "--dry-run"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.out, "would be switched off; nothing was written\n"));
    CHECK(contains(ran.err,
                   "no channel would be left for (no requests in the last 6 h): "
                   "default/gpt-4o"));
    ran = site.breaker({"trip", "--channel", "3", "--reason", "it burns"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(
        contains(ran.err, "no channel is left for (no requests in the last 6 h): default/gpt-4o"));
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
    const auto since = site.listed().at("paused").at("since").get<std::int64_t>();
    ran = site.breaker({"pause"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.out,
                   "until `quotafuse breaker resume` (reason: a move); nothing is written "
                   "at the gateway (before: paused since "));
    ran = site.breaker({"pause", "--reason", "a longer move"});
    CHECK(contains(ran.out, "(reason: a longer move)"));
    CHECK(contains(ran.out, "(reason: a move))"));
    CHECK(site.listed().at("paused") ==
          Json{{"since", since}, {"until", nullptr}, {"reason", "a longer move"}});
    ran = site.breaker({"resume", "--dry-run"});
    CHECK(contains(ran.out, "would write again"));
    CHECK(site.breaker({"resume"}).code == 0);
    CHECK(site.listed().at("paused").is_null());
    const auto list = site.breaker({"list"}).out;
    CHECK(contains(list, "  resumed by a person (reason: a longer move)\n"));
    CHECK(contains(list,
                   "  paused by a person, until `quotafuse breaker resume` (reason: a move)\n"));
    CHECK(site.breaker({"trip", "--channel", "3", "--reason", "x"}).code == 0);
    CHECK(site.number(kStatus) == 3);
}

TEST_CASE(
    "an order that is on its way when the configuration is reloaded is answered all the same") {
    const LiveSite site;
    const auto daemon = site.start();
    const auto ask = [&](const std::vector<std::string>& words, const std::string& asked) {
        std::optional lock{site.lock()};
        auto all = words;
        all.insert(all.end(), {"--config", site.config()});
        Program program{all};
        REQUIRE(eventually([&] { return site.stored(asked) == 1; }));
        const auto told = daemon->err().size();
        daemon->signal(SIGHUP);
        REQUIRE(eventually([&] { return contains(daemon->err().substr(told), "reloaded"); }));
        lock.reset();
        CHECK_MESSAGE(program.wait() == 0, program.err());
        return program.out();
    };
    CHECK(contains(ask({"breaker", "trip", "--channel", "3", "--reason", "it burns"},
                       "SELECT count(*) FROM breaker_intents"),
                   "channel 3 (azure-eu) is off"));
    CHECK(site.number(kStatus) == 3);
    CHECK(contains(ask({"breaker", "restore", "--channel", "3"},
                       "SELECT count(*) FROM breaker_circuits WHERE pending <> ''"),
                   "channel 3 (azure-eu) is given back"));
    CHECK(site.number(kStatus) == 1);
}
