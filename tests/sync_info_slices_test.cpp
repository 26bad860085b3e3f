// A big gateway is read slice by slice, in turn.

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sync_info_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE(
    "a big gateway is read slice by slice with five statements a look, and all of it in turn") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        TestGateway gateway{engine, "newapi_2026"};
        CAPTURE(gateway.describe());
        gateway.add_channel(1, {"default"}, {"gpt-4o"});
        gateway.sql(insert_tokens(1, 4500));
        for (const auto* model : {"a", "b", "c"}) gateway.sql(insert_abilities(model, 1, 900));
        Counted session{gateway.session()};
        InfoReader reader{session, gateway.database(), kAll};
        std::map<std::int64_t, TokenInfo> seen;
        std::set<std::int64_t> gone;
        int rounds = 0;
        std::optional<GatewayInfo> last;
        for (int look = 0; look < 20; ++look) {
            session.asked.clear();
            last = reader.read();
            CAPTURE(look);
            CHECK(session.asked.size() <= 5);
            CHECK(session.most_rows <= 1000);
            CHECK(last->channels.size() == 1);
            for (const auto& [id, token] : last->tokens) {
                CHECK(last->tokens_covered.contains(id));
                seen[id] = token;
            }
            for (std::int64_t id = 1; id <= 4500; ++id) {
                if (last->tokens_covered.contains(id) && !last->tokens.contains(id))
                    gone.insert(id);
            }
            if (last->tokens_covered.last == Coverage::kHighest) ++rounds;
            // Once through it stays known, while it is read again and again.
            CHECK(last->extents.at(ObjectKind::tokens) ==
                  (rounds > 0 ? Extent::all : Extent::begun));
            CHECK(last->extents.at(ObjectKind::abilities) ==
                  (last->healthy ? Extent::all : Extent::begun));
            if (look == 9) {
                CHECK(seen.size() == 4500);
                CHECK(gone.empty());
                gateway.sql("DELETE FROM tokens WHERE id IN (1, 1000, 1001, 4500)");
                gateway.sql("UPDATE abilities SET enabled = 0 WHERE model = 'b'");
                REQUIRE(last->healthy);
                CHECK(last->healthy->at({"g", "c"}) == 1);
                CHECK(last->healthy->at({"g", "b"}) == 1);
            }
        }
        CHECK(rounds >= 2);
        CHECK(gone == std::set<std::int64_t>{1, 1000, 1001, 4500});
        CHECK(last->healthy->at({"g", "b"}) == 0);
        CHECK(last->healthy->at({"g", "a"}) == 1);  // of the 900 only one is a channel
        CHECK(last->healthy->size() == 4);
    }
}

TEST_CASE("a slice examines no more rows than it has") {
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(insert_tokens(1, 6000));
    for (int model = 0; model < 10; ++model)
        gateway.sql(insert_abilities(fmt::format("m{}", model), 1, 900));
    const auto handlers = [&] {
        std::int64_t sum = 0;
        for (const auto& row : gateway.sql("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))
            sum += std::stoll(row.at(1));
        return sum;
    };
    const auto session = gateway.session();
    InfoReader reader{*session, gateway.database(), {.abilities = true, .tokens = true}};
    for (int look = 0; look < 2; ++look) reader.read();
    std::int64_t most = 0;
    const auto asking = -handlers() + handlers();
    for (int look = 0; look < 10; ++look) {
        const auto before = handlers();
        reader.read();
        most = std::max(most, handlers() - before - asking);
    }
    // Three slices and some single rows.
    CHECK(most > 1000);
    CHECK(most < 3 * 1000 + 200);
}

TEST_CASE("a kind is known when all of it was read since it was asked for") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(insert_tokens(1, 1500));
    const auto session = gateway.session();
    InfoReader reader{*session, gateway.database(), {.tokens = true}, 5};
    const auto extent = [&](ObjectKind kind) { return reader.read().extents.at(kind); };
    CHECK(extent(ObjectKind::channels) == Extent::all);
    CHECK(extent(ObjectKind::users) == Extent::unread);
    for (int look = 0; look < 3; ++look) reader.read();
    CHECK(extent(ObjectKind::tokens) == Extent::all);
    reader.set_needs({});
    CHECK(extent(ObjectKind::tokens) == Extent::unread);
    reader.set_needs({.tokens = true});
    const auto again = reader.read();
    const bool whole = again.tokens_covered == kEveryId;
    CHECK(again.extents.at(ObjectKind::tokens) == (whole ? Extent::all : Extent::begun));
}

TEST_CASE("what rules wait for is read first, and the rest not long after") {
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql("INSERT INTO users(id, username, password, request_count) VALUES(1, 'a', '', 3)");
    gateway.sql(insert_tokens(1, 900));
    const auto session = gateway.session();
    InfoReader small{*session, gateway.database(), {.tokens = true}};
    CHECK(small.read().extents.at(ObjectKind::tokens) == Extent::all);
    gateway.sql(insert_tokens(901, 9500));
    InfoReader big{*session, gateway.database(), {.tokens = true}};
    for (int look = 1; look <= 3; ++look)
        CHECK(big.read().extents.at(ObjectKind::tokens) == Extent::begun);
    CHECK(big.read().extents.at(ObjectKind::tokens) == Extent::all);
    CHECK(big.read().requests == 3);
}

TEST_CASE("of more keys than are watched the rest is not known") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(
        "WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids LIMIT 100001) "
        "INSERT INTO tokens(id, user_id, `key`, name) SELECT id, 1, 'k' || id, 'n' FROM ids");
    const auto session = gateway.session();
    InfoReader reader{*session, gateway.database(), {.tokens = true}, kNoLimit};
    const auto info = reader.read();
    CHECK(info.tokens.size() == 100'000);
    CHECK(info.extents.at(ObjectKind::tokens) == Extent::most);
    CHECK(info.limits.at("tokens").find("over 100000") != std::string::npos);
    CHECK(info.troubles.empty());
}

TEST_CASE("channels that serve are not counted before all channels are known") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.sql(
        "WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids LIMIT 6000) "
        "INSERT INTO channels(id, `key`, name) SELECT id, '', 'c' FROM ids");
    gateway.sql(
        "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('g', 'm', 6000, 1)");
    const auto session = gateway.session();
    InfoReader reader{*session, gateway.database(), {.abilities = true}};
    for (int look = 0; look < 8; ++look) {
        const auto info = reader.read();
        CAPTURE(look);
        CHECK(info.healthy.has_value() == (info.extents.at(ObjectKind::abilities) == Extent::all));
        if (!info.healthy) continue;
        CHECK(info.extents.at(ObjectKind::channels) == Extent::all);
        CHECK(info.healthy->at({"g", "m"}) == 1);
    }
    CHECK(reader.read().healthy);
}

TEST_CASE("what a look had read before it failed is read again by the next one") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(insert_tokens(1, 1500));
    gateway.sql(
        "WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids LIMIT 1500) "
        "INSERT INTO users(id, username, password) SELECT id, 'u' || id, '' FROM ids");
    Counted session{gateway.session()};
    InfoReader reader{session, gateway.database(), {.tokens = true, .users = true}, kNoLimit};
    // It comes when the first thousand of both have been read.
    session.refuse = "SUM(`request_count`)";
    session.kind_of_refusal = GatewayError::Kind::unreachable;
    CHECK_THROWS_AS(reader.read(), GatewayError);
    const auto asked_for = [&](const char* table) {
        return std::ranges::count_if(session.asked,
                                     [&](const auto& sql) { return sql.find(table) != sql.npos; });
    };
    REQUIRE(asked_for("FROM `tokens` WHERE") == 1);
    REQUIRE(asked_for("FROM `users` WHERE") == 1);
    session.refuse.clear();
    const auto info = reader.read();
    CHECK(info.extents.at(ObjectKind::tokens) == Extent::all);
    CHECK(info.extents.at(ObjectKind::users) == Extent::all);
    CHECK(info.tokens.size() == 1500);
    CHECK(info.users.size() == 1500);
    CHECK(info.tokens_covered == kEveryId);
    CHECK(info.users_covered == kEveryId);
}

TEST_CASE("what a look does not read again stays") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(
        "INSERT INTO options VALUES('QuotaPerUnit', '1000'), ('AutomaticEnableChannelEnabled', "
        "'true')");
    Counted session{gateway.session()};
    InfoReader reader{session, gateway.database(), kAll};
    for (int look = 0; look < 6; ++look) {
        const auto info = reader.read();
        CHECK(info.quota_per_unit == 1000);
        CHECK(info.auto_enable == true);
        CHECK(info.channels.size() == 1);
    }
}
