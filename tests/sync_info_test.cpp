#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/test_gateway.h"
#include "sync/info_reader.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using tests::TestGateway;
using Engine = TestGateway::Engine;

namespace {

constexpr InfoNeeds kAll{
    .balances = true, .keys = true, .abilities = true, .tokens = true, .users = true};
constexpr int kNoLimit = 1000;

/// Counts what is asked, and refuses what the test says.
class Counted final : public GatewaySession {
public:
    explicit Counted(std::unique_ptr<GatewaySession> inner) : inner_(std::move(inner)) {}

    std::vector<std::string> asked;
    std::size_t most_rows = 0;
    std::string refuse;  // statements with this in them
    GatewayError::Kind kind_of_refusal = GatewayError::Kind::denied;

    Dsn::Kind kind() const override { return inner_->kind(); }
    std::vector<Cells> query(const std::string& sql,
                             const std::vector<Argument>& arguments) override {
        asked.push_back(sql);
        if (!refuse.empty() && sql.find(refuse) != std::string::npos)
            throw GatewayError(kind_of_refusal, "the gateway refused " + refuse);
        auto rows = inner_->query(sql, arguments);
        most_rows = std::max(most_rows, rows.size());
        return rows;
    }
    std::int64_t execute(const std::string&, const std::vector<Argument>&) override {
        FAIL("a reader writes nothing");
        return 0;
    }
    void begin() override { FAIL("a reader holds no transaction"); }
    void commit() override {}
    void rollback() noexcept override {}
    void interrupt() noexcept override { inner_->interrupt(); }

private:
    std::unique_ptr<GatewaySession> inner_;
};

GatewayInfo read_all(const TestGateway& gateway, InfoNeeds needs = kAll) {
    const auto session = gateway.session();
    InfoReader reader{*session, gateway.database(), needs, kNoLimit};
    return reader.read();
}

std::string insert_tokens(int first, int last) {
    auto text = fmt::format(
        "INSERT INTO tokens(id, user_id, `key`, name) VALUES({0}, 1, 'k{0}', 'n')", first);
    for (int id = first + 1; id <= last; ++id) text += fmt::format(", ({0}, 1, 'k{0}', 'n')", id);
    return text;
}

std::string insert_abilities(const std::string& model, int first, int last) {
    auto text = fmt::format(
        "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('g', '{}', {}, 1)",
        model, first);
    for (int id = first + 1; id <= last; ++id)
        text += fmt::format(", ('g', '{}', {}, 1)", model, id);
    return text;
}

}  // namespace

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
    CHECK(info.troubles.at("tokens").find("over 100000") != std::string::npos);
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
