#include <doctest/doctest.h>

#include "sync_gauges_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("a snapshot changes what differs, and what is gone becomes empty") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    auto& gauges = opened.gauges;
    CHECK_FALSE(gauges.directory().known);
    auto info = channels({{3, {"azure", 3, 1, "eu"}}, {4, {"deepseek", 43, 3}}});
    info.has_balances = true;
    info.channels[4].balance = 12.5;
    info.channels[4].balance_at = kStart - 60;
    using enum Gauge;
    CHECK(gauges.record(info, at(0)) ==
          std::vector<GaugeChange>{
              change(channel_status, 3, 0, 1), change(channel_status, 4, 0, 3),
              change(channel_balance, 4, 0, 12.5),
              change(channel_balance_at, 4, 0, static_cast<double>(kStart - 60))});
    CHECK(gauges.record(info, at(30)).empty());
    info.channels[3].status = 2;
    info.channels.erase(4);
    CHECK(gauges.record(info, at(60)) ==
          std::vector<GaugeChange>{
              change(channel_status, 3, 60, 2), change(channel_status, 4, 60, {}),
              change(channel_balance, 4, 60, {}), change(channel_balance_at, 4, 60, {})});
    CHECK(opened.values() ==
          std::map<std::pair<Gauge, std::int64_t>, double>{{{channel_status, 3}, 2}});
    CHECK(gauges.record(info, at(90)).empty());
}

TEST_CASE("the directory says what the gateway calls its objects, and survives a restart") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    Directory before;
    {
        Gauged opened{path};
        auto info = channels({{3, {"azure", 3, 1, "eu"}}, {9, {"what", 999, 1}}});
        info.quota_per_unit = 1000;
        info.tokens[7] = key(5, 6);
        info.users[5] = {"alice", "vip", 1, 10, 20};
        opened.gauges.record(info, at(0));
        before = opened.gauges.directory();
        const auto& texts = opened.file.store.texts();
        CHECK(before.known);
        CHECK(before.quota_per_unit == 1000);
        CHECK(before.channels.at(3).name == "azure");
        CHECK(texts.text(before.channels.at(3).provider) == "Azure");
        CHECK(texts.text(before.channels.at(3).tag) == "eu");
        CHECK(before.channels.at(9).provider == 0);
        CHECK(before.tokens.at(7) == Directory::Token{"key", 5});
        CHECK(before.users.at(5).name == "alice");
        CHECK(texts.text(before.users.at(5).group) == "vip");
    }
    Gauged again{path};
    CHECK(again.gauges.directory() == before);
    // Of a gateway that is not known just now the providers stay.
    auto info = channels({{3, {"azure 2", 3, 1, "eu"}}});
    info.gateway.reset();
    info.quota_per_unit = 1000;
    CHECK(again.gauges.record(info, at(30)) ==
          std::vector<GaugeChange>{change(Gauge::channel_status, 9, 30, {})});
    CHECK(again.gauges.directory().channels.at(3).name == "azure 2");
    CHECK(again.gauges.directory().channels.at(3).provider == before.channels.at(3).provider);
    CHECK(again.gauges.directory().channels.size() == 1);
    CHECK(again.gauges.directory().tokens.size() == 1);  // no tokens were read
}

TEST_CASE("only what a snapshot covers can be gone") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    auto& gauges = opened.gauges;
    gauges.record(tokens({{1, key(10, 0)}, {2, key(10, 0)}, {3, key(10, 0)}}, {0, 1000}), at(0));
    CHECK(gauges.record(tokens({}, {}), at(30)).empty());
    CHECK(gauges.record(tokens({{3, key(10, 0)}}, {3, 1000}), at(60)).empty());
    const auto changes = gauges.record(tokens({{1, key(10, 0)}}, {0, 2}), at(90));
    REQUIRE(changes.size() == 3);
    for (const auto& one : changes) {
        CHECK(one.key.object == 2);
        CHECK_FALSE(one.value);
    }
    CHECK(gauges.directory().tokens.size() == 2);
    gauges.record(tokens({{1, key(10, 0)}, {2, key(8, 0)}, {3, key(10, 0)}}, {0, 1000}), at(120));
    CHECK(opened.values().at({Gauge::token_remaining, 2}) == 8);
}

TEST_CASE("a key's quota changes by steps of a hundredth, at once at zero, and else every 5 min") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    const auto remaining = [&](std::int64_t value, std::int64_t second) {
        std::vector<double> taken;
        for (const auto& one :
             opened.gauges.record(tokens({{1, key(value, 0)}}, {0, 9}), at(second)))
            if (one.key.gauge == Gauge::token_remaining) taken.push_back(*one.value);
        return taken;
    };
    using Taken = std::vector<double>;
    CHECK(remaining(100'000, 0) == Taken{100'000});
    CHECK(remaining(99'001, 30).empty());
    CHECK(remaining(99'000, 60) == Taken{99'000});
    CHECK(remaining(98'999, 90).empty());
    CHECK(remaining(98'999, 359).empty());
    CHECK(remaining(98'999, 360) == Taken{98'999});
    CHECK(remaining(200'000, 361) == Taken{200'000});
    CHECK(remaining(1, 362) == Taken{1});
    CHECK(remaining(0, 363) == Taken{0});
    CHECK(remaining(-1, 364) == Taken{-1});
    // Without a limit there is nothing left to tell.
    auto unlimited = key(0, 0);
    unlimited.remaining.reset();
    const auto changes = opened.gauges.record(tokens({{1, unlimited}}, {0, 9}), at(365));
    CHECK(changes == std::vector<GaugeChange>{change(Gauge::token_remaining, 1, 365, {})});
}

TEST_CASE("a group × model has as many healthy channels as told, until nobody is set up for it") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    GatewayInfo info;
    info.healthy.emplace();
    info.healthy->insert({{"default", "gpt-4o"}, 2});
    info.healthy->insert({{"vip", "gpt-4o"}, 0});
    const auto first = opened.gauges.record(info, at(0));
    const auto& texts = opened.file.store.texts();
    REQUIRE(first.size() == 2);
    CHECK(texts.text(first[0].key.group) == "default");
    CHECK(texts.text(first[0].key.model) == "gpt-4o");
    CHECK(first[0].value == 2);
    CHECK(first[1].value == 0);
    info.healthy->erase({"default", "gpt-4o"});
    const auto second = opened.gauges.record(info, at(30));
    REQUIRE(second.size() == 1);
    CHECK(second[0].key == first[0].key);
    CHECK_FALSE(second[0].value);
    info.healthy.reset();  // not known now
    CHECK(opened.gauges.record(info, at(60)).empty());
}

TEST_CASE("what a snapshot changed is known after a restart, and a failed one changed nothing") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    const auto info = channels({{3, {"azure", 3, 1, "eu"}}});
    auto next = channels({{3, {"azure", 3, 2, "us"}}, {4, {"new", 14, 1, "eu"}}});
    std::vector<GaugeChange> before;
    {
        Gauged opened{path};
        opened.gauges.record(info, at(0));
        before = opened.gauges.current();
        const auto directory = opened.gauges.directory();
        auto& db = opened.file.database.handle();
        db.exec(
            "CREATE TRIGGER full BEFORE INSERT ON gauge_change WHEN new.value = 1 BEGIN "
            "SELECT RAISE(FAIL, 'database or disk is full'); END");
        CHECK_THROWS_AS(opened.gauges.record(next, at(30)), SQLite::Exception);
        CHECK(opened.gauges.current() == before);
        CHECK(opened.gauges.directory() == directory);
        CHECK(number(db, "SELECT count(*) FROM gauge_change") == 1);
        CHECK(number(db, "SELECT count(*) FROM text WHERE value IN ('us', 'Anthropic')") == 0);
        db.exec("DROP TRIGGER full");
        CHECK(opened.gauges.record(next, at(60)).size() == 2);
        CHECK(opened.file.store.texts().text(opened.gauges.directory().channels.at(4).provider) ==
              "Anthropic");
        before = opened.gauges.current();
    }
    Gauged again{path};
    CHECK(again.gauges.current() == before);
    CHECK(again.gauges.record(next, at(90)).empty());
}

TEST_CASE("what is gone stays known as gone over a restart, until it is back") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    {
        Gauged opened{path};
        opened.gauges.record(channels({{3, {"a", 1, 1}}, {4, {"b", 1, 1}}}), at(0));
        opened.gauges.record(channels({{3, {"a", 1, 1}}}), at(30));
    }
    {
        Gauged opened{path};
        const auto current = opened.gauges.current();
        REQUIRE(current.size() == 2);
        CHECK(current[0] == change(Gauge::channel_status, 3, 0, 1));
        CHECK(current[1] == change(Gauge::channel_status, 4, 30, std::nullopt));
        opened.gauges.record(channels({{3, {"a", 1, 1}}, {4, {"b", 1, 1}}}), at(60));
        CHECK(opened.gauges.current().size() == 2);
        CHECK(opened.values().size() == 2);
    }
    CHECK(Gauged{path}.values().size() == 2);
}

TEST_CASE("of a status that changed and was not judged yet, the former one is told, too") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    {
        Gauged opened{path};
        opened.gauges.record(channels({{3, {"a", 1, 2}}, {4, {"b", 1, 1}}}), at(0));
        opened.gauges.record(channels({{3, {"a", 1, 1}}, {4, {"b", 1, 1}}}), at(30));
    }
    const Gauged again{path};
    CHECK(again.gauges.current(at(30)) == std::vector{change(Gauge::channel_status, 3, 0, 2),
                                                      change(Gauge::channel_status, 3, 30, 1),
                                                      change(Gauge::channel_status, 4, 0, 1)});
    CHECK(again.gauges.current(at(31)).size() == 2);
}

TEST_CASE("how far a kind has been read begins anew with each start, and is stored as a gauge") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    const auto extent = [](ObjectKind kind) {
        return std::pair{Gauge::extent, static_cast<std::int64_t>(kind)};
    };
    const auto number_of = [](Extent value) { return static_cast<double>(value); };
    {
        Gauged opened{path};
        CHECK(opened.gauges.begin({.tokens = true}, at(0)).size() == 4);
        const auto begun = opened.values();
        CHECK(begun.at(extent(ObjectKind::channels)) == number_of(Extent::begun));
        CHECK(begun.at(extent(ObjectKind::tokens)) == number_of(Extent::begun));
        CHECK(begun.at(extent(ObjectKind::users)) == number_of(Extent::unread));
        CHECK(begun.at(extent(ObjectKind::abilities)) == number_of(Extent::unread));
        auto info = channels({});
        info.extents = {{ObjectKind::channels, Extent::all}, {ObjectKind::tokens, Extent::begun}};
        CHECK(opened.gauges.record(info, at(30)) ==
              std::vector{change(Gauge::extent, 1, 30, number_of(Extent::all))});
        info.extents[ObjectKind::tokens] = Extent::most;
        CHECK(opened.gauges.record(info, at(60)).size() == 1);
    }
    Gauged again{path};
    CHECK(again.values().at(extent(ObjectKind::tokens)) == number_of(Extent::most));
    again.gauges.begin({.abilities = true}, at(90));
    CHECK(again.values().at(extent(ObjectKind::channels)) == number_of(Extent::begun));
    CHECK(again.values().at(extent(ObjectKind::tokens)) == number_of(Extent::unread));
    CHECK(again.values().at(extent(ObjectKind::abilities)) == number_of(Extent::begun));
}

TEST_CASE("of a gateway that cannot be read each kind that is asked for counts as refused") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    opened.gauges.begin({.tokens = true}, at(0));
    const auto refused = static_cast<double>(Extent::refused);
    CHECK(opened.gauges.refuse(at(30)) == std::vector{change(Gauge::extent, 1, 30, refused),
                                                      change(Gauge::extent, 2, 30, refused)});
    CHECK(opened.gauges.refuse(at(60)).empty());
    auto info = channels({});
    info.extents = {{ObjectKind::channels, Extent::all}, {ObjectKind::tokens, Extent::begun}};
    CHECK(opened.gauges.record(info, at(90)).size() == 2);
}

TEST_CASE("after the clock was set back every change is seen, though no time passes") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    GatewayInfo info;
    const auto remaining = [&](std::int64_t quota, std::int64_t second) {
        info.tokens[7] = {"k", 1, 1, quota, 0, {}};
        info.tokens_covered = kEveryId;
        return opened.gauges.record(info, at(second)).size();
    };
    CHECK(remaining(1'000'000, 7200) > 0);
    CHECK(remaining(999'999, 7230) == 0);  // so little waits for 5 min
    CHECK(remaining(999'998, 0) == 1);
    CHECK(remaining(999'997, 30) == 1);
    CHECK(opened.values().at({Gauge::token_remaining, 7}) == 999'997);
    CHECK(remaining(999'996, 7300) == 0);
}

TEST_CASE("seconds that do not go on count as the last one") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    auto info = channels({{3, {"azure", 3, 1}}});
    opened.gauges.record(info, at(100));
    info.channels[3].status = 2;
    CHECK(opened.gauges.record(info, at(100)).at(0).at == kStart + 100);
    info.channels[3].status = 3;
    CHECK(opened.gauges.record(info, at(50)).at(0).at == kStart + 100);
    CHECK(number(opened.file.database.handle(), "SELECT value FROM gauge_change") == 3);
}
