#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sync_info_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("every gateway's channels, keys, users and routes are read as they are, NULLs too") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_channel(1, {"default", "vip"}, {"gpt-4o"});
        gateway->add_channel(2, {"default"}, {"gpt-4o", "o1"});
        gateway->sql(
            "UPDATE channels SET status = 3, balance = 0.5, balance_updated_time = 1000 WHERE id = "
            "2");
        gateway->sql(
            "UPDATE abilities SET enabled = NULL WHERE channel_id = 1 AND `group` = 'vip'");
        gateway->sql(
            "INSERT INTO channels(id, `key`, type, status, name, balance) VALUES(3, '', NULL, "
            "NULL, NULL, NULL)");
        gateway->sql(
            "INSERT INTO channels(id, `key`, balance, balance_updated_time) VALUES(4, '', 0, 0), "
            "(5, '', 100000000, 1000), (6, '', 0, 1000), (7, '', 3, NULL), (8, '', -2.25, 1000)");
        gateway->sql(
            "INSERT INTO tokens(id, user_id, `key`, name, status, remain_quota, unlimited_quota, "
            "used_quota, expired_time) VALUES"
            "(1, 5, 'k1', 'one', 1, 900, 0, 100, -1), (2, 5, 'k2', NULL, NULL, NULL, NULL, NULL, "
            "NULL),"
            "(3, 6, 'k3', 'three', 4, -7, 1, 5000000000000, 1767600000)");
        gateway->sql(
            "INSERT INTO users(id, username, password, status, quota, used_quota, request_count) "
            "VALUES(5, 'alice', '', 1, 500000000000000, 40, 3), (6, 'bob', '', NULL, NULL, NULL, "
            "NULL)");
        const auto info = read_all(*gateway);
        REQUIRE(info.channels.size() == 8);
        CHECK(info.channels.at(1).name == "channel-1");
        CHECK(info.channels.at(2).status == 3);
        CHECK(info.channels.at(2).balance == 0.5);
        CHECK(info.channels.at(2).balance_at == 1000);
        CHECK(info.channels.at(3) == Channel{"", 0, 0, ""});
        CHECK_FALSE(info.channels.at(4).balance);  // never refreshed
        CHECK_FALSE(info.channels.at(4).balance_at);
        CHECK_FALSE(info.channels.at(5).balance);  // no limit
        CHECK(info.channels.at(5).balance_at == 1000);
        CHECK(info.channels.at(6).balance == 0);
        CHECK(info.channels.at(7).balance == 3);
        CHECK(info.channels.at(8).balance == -2.25);
        CHECK(info.has_balances);
        CHECK(info.channels_covered == kEveryId);

        CHECK(info.tokens_covered == kEveryId);
        REQUIRE(info.tokens.size() == 3);
        CHECK(info.tokens.at(1) == TokenInfo{"one", 5, 1, 900, 100, {}});
        CHECK(info.tokens.at(2) == TokenInfo{"", 5, 0, 0, 0, {}});
        CHECK(info.tokens.at(3) == TokenInfo{"three", 6, 4, {}, 5'000'000'000'000, 1'767'600'000});
        CHECK(info.users.at(5) == UserInfo{"alice", "default", 1, 500'000'000'000'000, 40});
        CHECK(info.users.at(6).remaining == 0);
        CHECK(info.requests == 3);

        REQUIRE(info.healthy);
        using Route = GatewayInfo::Route;
        CHECK(*info.healthy == std::map<Route, int>{{{"default", "gpt-4o"}, 1},
                                                    {{"default", "o1"}, 0},
                                                    {{"vip", "gpt-4o"}, 0}});
        // Only New API since 2025-07 has multi-key channels.
        const bool has_keys = gateway->describe().starts_with("newapi_2026");
        CHECK(info.has_keys == has_keys);
        CHECK(info.troubles.size() == (has_keys ? 0 : 1));
        CHECK(info.troubles.contains("keys") == !has_keys);
        CHECK(info.gateway ==
              (gateway->new_api() ? std::optional{Gateway::new_api} : std::nullopt));
    }
}

TEST_CASE("New API's tags, dead keys and deleted marks are read") {
    for (const auto engine : {Engine::mariadb, Engine::sqlite}) {
        TestGateway gateway{engine, "newapi_2026"};
        CAPTURE(gateway.describe());
        gateway.sql(
            "INSERT INTO channels(id, `key`, tag, channel_info) VALUES(1, '', 'eu', NULL), (2, '', "
            "NULL, "
            R"('{"is_multi_key":true,"multi_key_size":3,"multi_key_status_list":{"1":3}}'), (3, '', '', '{}'))");
        gateway.sql(insert_tokens(1, 3));
        gateway.sql("UPDATE tokens SET deleted_at = '2026-01-05 10:00:00' WHERE id = 2");
        gateway.sql(
            "INSERT INTO users(id, username, password, deleted_at) VALUES(1, 'a', '', NULL), (2, "
            "'b', '', '2026-01-05 10:00:00')");
        const auto info = read_all(gateway);
        CHECK(info.channels.at(1).tag == "eu");
        CHECK(info.channels.at(2).tag.empty());
        CHECK_FALSE(info.channels.at(1).dead_keys);
        CHECK(info.channels.at(2).dead_keys == 1);
        CHECK_FALSE(info.channels.at(3).dead_keys);
        CHECK(info.tokens.size() == 2);
        CHECK_FALSE(info.tokens.contains(2));
        CHECK(info.users.size() == 1);
        CHECK(info.troubles.empty());
    }
}

TEST_CASE("only what is needed is asked for") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    Counted session{gateway.session()};
    InfoReader reader{session, gateway.database(), {}};
    const auto check = [&](const InfoNeeds& needs, const char* word) {
        CAPTURE(word);
        session.asked.clear();
        reader.set_needs({});
        reader.read();
        const auto asks = [&] {
            bool found = false;
            for (const auto& sql : session.asked)
                found = found || (sql.find(word) != std::string::npos &&
                                  sql.find("pragma_table_info") == std::string::npos);
            return found;
        };
        CHECK_FALSE(asks());
        reader.set_needs(needs);
        for (int i = 0; i < 3; ++i) reader.read();
        CHECK(asks());
    };
    check({.balances = true}, "`balance`");
    check({.keys = true}, "`channel_info`");
    check({.abilities = true}, "`abilities`");
    check({.tokens = true}, "`tokens`");
    check({.users = true}, "`username`");
    reader.set_needs({});
    CHECK_FALSE(reader.read().healthy);
}

TEST_CASE("a kind that may not be read is left out with a reason, and the others are read") {
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(insert_tokens(1, 3));
    gateway.sql("DROP USER IF EXISTS 'narrow'@'%'; CREATE USER 'narrow'@'%' IDENTIFIED BY 'pw'");
    const auto grant = [&](const std::string& what, const std::string& table) {
        gateway.sql(fmt::format("GRANT SELECT ({}) ON `{}`.{} TO 'narrow'@'%'", what,
                                gateway.database(), table));
    };
    grant("id, name, type, status", "channels");
    grant("id, user_id, name, status, remain_quota, unlimited_quota, used_quota, expired_time",
          "tokens");
    grant("`group`, model, channel_id, enabled", "abilities");
    const auto session = gateway.session("narrow", "pw", true);
    InfoReader reader{*session, gateway.database(), kAll};
    reader.set_gateway(Gateway::new_api);
    for (int look = 0; look < 3; ++look) reader.read();
    const auto info = reader.read();
    CHECK(info.channels.at(1).name == "channel-1");
    CHECK(info.healthy->size() == 1);
    CHECK_FALSE(info.has_balances);
    CHECK(info.tokens.empty());
    CHECK_FALSE(info.requests);
    CHECK_FALSE(info.auto_enable);
    REQUIRE(info.troubles.size() == 4);
    CHECK(info.troubles.at("balances").find("channels.balance, channels.balance_updated_time") !=
          std::string::npos);
    CHECK(info.troubles.contains("keys"));
    CHECK(info.extents == std::map<ObjectKind, Extent>{{ObjectKind::channels, Extent::all},
                                                       {ObjectKind::tokens, Extent::refused},
                                                       {ObjectKind::users, Extent::refused},
                                                       {ObjectKind::abilities, Extent::all}});
    // Without it deleted keys could not be told from others.
    CHECK(info.troubles.at("tokens").find("tokens.deleted_at") != std::string::npos);
    CHECK(info.troubles.at("tokens").find("quotafuse grants") != std::string::npos);
    CHECK(info.troubles.contains("users"));
}

TEST_CASE("grants that come or go are noticed without a restart") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(insert_tokens(1, 3));
    Counted session{gateway.session()};
    InfoReader reader{session, gateway.database(), {.tokens = true}};
    for (int look = 0; look < 2; ++look) reader.read();
    session.refuse = "FROM `tokens`";
    for (int look = 0; look < KindFaults::kLooksKept; ++look) reader.read();
    auto info = reader.read();
    CHECK(info.channels.size() == 1);
    CHECK(info.tokens.empty());
    CHECK(info.tokens_covered == Coverage{});
    CHECK(info.troubles.at("tokens").find("refused") != std::string::npos);
    CHECK(info.extents.at(ObjectKind::tokens) == Extent::refused);
    session.refuse.clear();
    reader.read();
    info = reader.read();
    CHECK(info.troubles.empty());
    CHECK(info.extents.at(ObjectKind::tokens) == Extent::all);
    CHECK(info.tokens.size() == 3);
    // A gateway that does not answer is no trouble of one kind.
    session.refuse = "FROM `tokens`";
    session.kind_of_refusal = GatewayError::Kind::unreachable;
    CHECK_THROWS_AS((reader.read(), reader.read()), GatewayError);
    session.refuse.clear();
    reader.read();
    CHECK(reader.read().tokens.size() == 3);
    // Nor are channels, which everything needs.
    session.refuse = "FROM `channels`";
    session.kind_of_refusal = GatewayError::Kind::denied;
    CHECK_THROWS_AS(reader.read(), GatewayError);
}

TEST_CASE("what was read before stands over a short refusal, and is read anew after a long one") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"default"}, {"gpt-4o"});
    gateway.sql(insert_tokens(1, 1500));
    Counted session{gateway.session()};
    InfoReader reader{session, gateway.database(), {.abilities = true, .tokens = true}, 7};
    for (int look = 0; look < 4; ++look) reader.read();
    for (const std::string refused : {"FROM `tokens`", "FROM `abilities`"}) {
        CAPTURE(refused);
        const bool tokens = refused == "FROM `tokens`";
        const auto kind = tokens ? ObjectKind::tokens : ObjectKind::abilities;
        session.refuse = refused;
        for (int look = 0; look < KindFaults::kLooksKept; ++look) {
            const auto info = reader.read();
            CHECK(info.troubles.empty());
            CHECK(info.extents.at(kind) == Extent::all);
            CHECK(info.healthy->size() == 1);
        }
        CHECK(reader.read().extents.at(kind) == Extent::refused);
        session.refuse.clear();
        for (int look = 0; look < 4; ++look) reader.read();
        const auto info = reader.read();
        CHECK(info.troubles.empty());
        CHECK(info.extents.at(kind) == Extent::all);
    }
    // The same of the gateway as a whole: keys that were deleted meanwhile are not taken as known.
    session.refuse = "FROM `channels`";
    for (int look = 0; look < KindFaults::kLooksKept; ++look)
        CHECK_THROWS_AS(reader.read(), GatewayError);
    session.refuse = "FROM `tokens`";
    CHECK(reader.read().extents.at(ObjectKind::tokens) == Extent::begun);
}
