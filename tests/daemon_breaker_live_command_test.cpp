// `quotafuse breaker …` as people type it, beside a daemon that may write.
#include <csignal>
#include <ctime>
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

TEST_CASE("where no rule acts the traffic is counted only once a person's order needs it") {
    const LiveSite site;
    site.gateway(fmt::format(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO logs(created_at, type, prompt_tokens, channel_id, model_name, `group`, "
        "token_name, token_id, other) SELECT {} + i / 100, 2, 0, 3, 'gpt-4o', 'default', 'k', 1, "
        "'' FROM n",
        std::time(nullptr) - 300));
    const auto daemon = site.start();
    site.settle();
    REQUIRE(site.stored("SELECT count(*) FROM log") == 20'000);
    constexpr auto kCounted = "breaker: the requests that its guards judge by are counted";
    CHECK(!contains(daemon->err(), kCounted));
    const auto ran = site.breaker({"trip", "--channel", "3", "--reason", "it burns"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(site.number(kStatus) == 3);
    CHECK(eventually([&] { return contains(daemon->err(), kCounted); }));
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

namespace {

constexpr auto kKeyStatus = "SELECT status FROM tokens WHERE id = 17";

/// The trip that is off.
std::string tripped(const LiveSite& site, const std::vector<std::string>& target) {
    std::vector<std::string> words{"trip", "--reason", "it burns"};
    words.insert(words.end(), target.begin(), target.end());
    const auto ran = site.breaker(words);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return site.listed().at("open").back().at("trip_id").get<std::string>();
}

/// Reloads the daemon with another breaker.mode.
void set_mode(const LiveSite& site, const Program& daemon, const std::string& mode) {
    auto text = read_file(site.config());
    const auto at = text.find("mode: live");
    REQUIRE(at != std::string::npos);
    text.replace(at, std::string{"mode: live"}.size(), "mode: " + mode);
    write_file(site.config(), text);
    const auto told = daemon.err().size();
    daemon.signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon.err().substr(told), "reloaded"); }));
}

}  // namespace

TEST_CASE("a dry run ends as the order itself while the breaker is paused, and says why") {
    const LiveSite site;
    const auto daemon = site.start();
    const auto key = tripped(site, {"--token", "17"});
    REQUIRE(site.breaker({"restore", "--token", "17"}).code == 0);
    const auto channel = tripped(site, {"--channel", "3"});
    REQUIRE(site.breaker({"pause", "--for", "2h", "--reason", "a move"}).code == 0);
    const std::vector<std::pair<std::vector<std::string>, std::string>> orders{
        {{"restore", channel}, "channel 3 (azure-eu) {} given back: "},
        {{"restore", "--channel", "3"}, "channel 3 (azure-eu) {} given back: "},
        {{"undo", channel}, "channel 3 (azure-eu) {} given back: "},
        {{"undo", key}, "key 17 {} switched off: "},
        {{"trip", "--token", "17", "--reason", "x"}, "key 17 {} switched off: "}};
    for (const auto& [order, said] : orders) {
        for (const bool dry_run : {true, false}) {
            auto words = order;
            if (dry_run) words.emplace_back("--dry-run");
            const auto ran = site.breaker(words);
            CAPTURE(words);
            CHECK(ran.code == 1);
            CHECK(ran.out.empty());
            CHECK_MESSAGE(contains(ran.err, fmt::format(fmt::runtime(said),
                                                        dry_run ? "would not be" : "was not") +
                                                "the breaker is paused since "),
                          ran.err);
            CHECK(contains(ran.err, " until 20"));
            CHECK(contains(ran.err, "(reason: a move); `quotafuse breaker resume` ends that"));
        }
    }
    CHECK(site.number(kStatus) == 3);
    CHECK(site.number(kKeyStatus) == 1);
}

TEST_CASE("a dry run ends as the order itself where the mode lets nothing be written") {
    const LiveSite site;
    const auto daemon = site.start();
    const auto key = tripped(site, {"--token", "17"});
    REQUIRE(site.breaker({"restore", "--token", "17"}).code == 0);
    const auto channel = tripped(site, {"--channel", "3"});
    std::string mode = "shadow";
    SUBCASE("shadow") {}
    SUBCASE("off") {
        mode = "off";
    }
    set_mode(site, *daemon, mode);
    for (const auto& order : {std::vector<std::string>{"restore", channel},
                              {"undo", channel},
                              {"undo", key},
                              {"trip", "--token", "17", "--reason", "x"}}) {
        for (const bool dry_run : {true, false}) {
            auto words = order;
            if (dry_run) words.emplace_back("--dry-run");
            const auto ran = site.breaker(words);
            CAPTURE(words);
            CHECK(ran.code == 1);
            CHECK(ran.out.empty());
            const bool named = contains(ran.err, "breaker.mode is " + mode) ||
                               (mode == "off" && contains(ran.err, "the breaker is off"));
            CHECK_MESSAGE(named, ran.err);
        }
    }
    CHECK(site.number(kStatus) == 3);
    CHECK(site.number(kKeyStatus) == 1);
}

TEST_CASE("a pause and its end say that the mode writes nothing anyway") {
    const LiveSite site;
    const auto daemon = site.start();
    set_mode(site, *daemon, "shadow");
    const std::string anyway = "breaker.mode is shadow, which writes nothing anyway";
    for (const auto* const word : {"pause", "resume"}) {
        CAPTURE(word);
        for (const bool dry_run : {true, false}) {
            std::vector<std::string> words{word};
            if (dry_run) words.emplace_back("--dry-run");
            const auto ran = site.breaker(words);
            CHECK_MESSAGE(ran.code == 0, ran.err);
            CHECK_MESSAGE(contains(ran.out, anyway), ran.out);
            CHECK(!contains(ran.out, "again"));
        }
    }
}

TEST_CASE("status tells that the breaker is paused, since when, until when and why") {
    const LiveSite site;
    const auto daemon = site.start();
    tripped(site, {"--token", "17"});
    REQUIRE(site.breaker({"pause", "--for", "2h", "--reason", "a\x1b[31m move"}).code == 0);
    std::string text;
    REQUIRE(eventually([&] {
        text = site.run({"status"}).out;
        return contains(text, "paused since ");
    }));
    CHECK(contains(text, " until 20"));
    CHECK(contains(text, " (reason: a [31m move): nothing is written at the gateway\n"));
    CHECK(contains(text, "  key 17 (ci) since "));
    const auto paused = Json::parse(site.run({"status", "--json"}).out).at("breaker").at("paused");
    CHECK(paused.at("until").get<std::int64_t>() - paused.at("since").get<std::int64_t>() == 7200);
    REQUIRE(site.breaker({"resume"}).code == 0);
    CHECK(eventually([&] { return !contains(site.run({"status"}).out, "paused"); }));
}

TEST_CASE("an undo that the last-channel guard holds back names an option that it takes") {
    const LiveSite site;
    const auto daemon = site.start();
    const auto id = tripped(site, {"--channel", "3"});
    REQUIRE(site.breaker({"restore", id}).code == 0);
    site.gateway(
        fmt::format("UPDATE abilities SET enabled = 0 WHERE channel_id = 4;"
                    "INSERT INTO logs(created_at, type, prompt_tokens, channel_id, "
                    "model_name, token_name, token_id, `group`, other) "
                    "VALUES({}, 2, 5, 3, 'gpt-4o', 'k', 1, 'default', '')",
                    std::time(nullptr)));
    site.settle();
    for (const bool dry_run : {true, false}) {
        CAPTURE(dry_run);
        std::vector<std::string> words{"undo", id};
        if (dry_run) words.emplace_back("--dry-run");
        auto ran = site.breaker(words);
        CHECK(ran.code == 1);
        CHECK_MESSAGE(contains(ran.err, "it is the last usable one for default/gpt-4o"), ran.err);
        CHECK(contains(ran.err, "; --even-if-last switches it off all the same"));
        CHECK(site.number(kStatus) == 1);
        words.emplace_back("--even-if-last");
        ran = site.breaker(words);
        CHECK_MESSAGE(ran.code == 0, ran.err);
        CHECK(contains(ran.err, "default/gpt-4o"));
        CHECK(site.number(kStatus) == (dry_run ? 1 : 3));
    }
}

TEST_CASE("what was on its way when the daemon was killed is listed as unfinished") {
    const LiveSite site;
    auto daemon = site.start();
    {
        const auto lock = site.lock();
        Program order{{"breaker", "trip", "--channel", "3", "--reason", "it burns", "--config",
                       site.config()}};
        REQUIRE(
            eventually([&] { return site.stored("SELECT count(*) FROM breaker_intents") == 1; }));
        const auto id = site.listed().at("unfinished").at(0).at("trip_id").get<std::string>();
        daemon->signal(SIGKILL);
        REQUIRE(daemon->wait() == 128 + SIGKILL);
        REQUIRE(order.wait() == 69);
        CHECK(contains(order.err(), "its outcome is unknown; see `quotafuse breaker list`"));
        CHECK(contains(order.err(), id));
        CHECK(site.listed().at("unfinished").at(0).at("trip_id") == id);
        CHECK(contains(site.breaker({"list"}).out, id + "  channel 3 unfinished: a person asked"));
    }
    daemon = site.start();
    CHECK(eventually([&] { return site.listed().at("unfinished").empty(); }));
}
