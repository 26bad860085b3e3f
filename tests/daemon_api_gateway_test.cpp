#include <future>
#include <latch>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/grants.h"
#include "daemon/api/gateway_texts.h"
#include "daemon/api/gateway_tokens.h"
#include "support/test_gateway.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using daemon::api::GatewayDesk;
using daemon::api::GatewayTexts;
using From = daemon::api::GatewayTexts::From;

namespace {

sync::Row row_of(std::int64_t id, std::int64_t created_at, std::int64_t epoch = 0) {
    sync::Row row;
    row.id = sync::row_id(epoch, id);
    row.created_at = created_at;
    return row;
}

void add_log(TestGateway& gateway, std::int64_t id, std::int64_t at, const std::string& content,
             const std::string& other) {
    if (gateway.new_api()) {
        gateway.sql(
            fmt::format("INSERT INTO logs(id, created_at, type, content, other) "
                        "VALUES({}, {}, 2, '{}', '{}')",
                        id, at, content, other));
    } else {
        gateway.sql(
            fmt::format("INSERT INTO logs(id, created_at, type, content) VALUES({}, {}, 2, '{}')",
                        id, at, content));
    }
}

/// The reader's account as `quotafuse grants` prints it; nothing on SQLite.
sync::Dsn reader_of(TestGateway& gateway, bool token_list = true) {
    if (gateway.dsn().kind == sync::Dsn::Kind::sqlite) return gateway.dsn();
    circuit_breaker::GrantsWanted wanted;
    wanted.gateway = gateway.gateway();
    wanted.database = gateway.database();
    wanted.reader = "desk_reader";
    wanted.token_list = token_list;
    auto sql = circuit_breaker::grants_sql(wanted);
    base::replace_all(sql, "<choose a password>", "pw");
    gateway.sql("DROP USER IF EXISTS desk_reader@'%'");
    gateway.sql(sql);
    return gateway.dsn("desk_reader", "pw");
}

/// Keys of 48 characters, as gateways make them.
std::string key_of(std::int64_t id) {
    return fmt::format("AB{:02}{:0>40}YZ{:02}", id % 100, id, id % 100);
}

void add_key(TestGateway& gateway, std::int64_t id, const std::string& name) {
    gateway.sql(fmt::format(
        "INSERT INTO tokens(id, user_id, `key`, status, name, created_time, accessed_time, "
        "expired_time, remain_quota, unlimited_quota, used_quota) VALUES({0}, 7, '{1}', 1, '{2}', "
        "{3}, {4}, -1, 500, 0, {0})",
        id, key_of(id), name, 1'700'000'000 + id, 1'760'000'000 + id));
}

std::vector<std::int64_t> ids_of(const daemon::api::TokenPage& page) {
    std::vector<std::int64_t> ids;
    for (const auto& token : page.tokens) ids.push_back(token.id);
    return ids;
}

std::string text_of(const daemon::api::TokenPage& page) {
    auto text = page.why + page.why_no_masks;
    for (const auto& token : page.tokens) text += token.name + token.masked.value_or("") + "\n";
    return text;
}

}  // namespace

TEST_CASE("a row's texts are read by its id") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_log(*gateway, 5, 1'767'000'000, "used 5 tokens", R"({"a": 1})");
        GatewayDesk desk{reader_of(*gateway)};
        auto texts = daemon::api::read_texts(desk, row_of(5, 1'767'000'000, 3));
        REQUIRE_MESSAGE(texts.from == From::gateway, texts.why);
        CHECK(texts.content == "used 5 tokens");
        CHECK(texts.other == (gateway->new_api() ? R"({"a": 1})" : ""));
        texts = daemon::api::read_texts(desk, row_of(6, 1'767'000'000));
        CHECK(texts.from == From::gone);
        CHECK(texts.why == "the gateway has deleted the row");
        texts = daemon::api::read_texts(desk, row_of(5, 1'767'000'001));
        CHECK(texts.from == From::gone);
        CHECK(texts.why == "the gateway has another row under this id by now");
        CHECK(texts.content.empty());
        add_log(*gateway, 7, 1, std::string(150'000, 'x'), "");
        CHECK(daemon::api::read_texts(desk, row_of(7, 1)).content == std::string(100'000, 'x'));
    }
}

TEST_CASE("a gateway that does not answer is told as such, and waited for no longer than that") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    add_log(gateway, 5, 100, "text", "");
    GatewayDesk desk{gateway.dsn()};
    CHECK(daemon::api::read_texts(desk, row_of(5, 100)).from == From::gateway);
    {
        const auto other = gateway.session();
        other->execute("LOCK TABLES logs WRITE");
        const auto texts = daemon::api::read_texts(desk, row_of(5, 100));
        CHECK(texts.from == From::unavailable);
        CHECK_FALSE(texts.why.empty());
        other->execute("UNLOCK TABLES");
    }
    CHECK(daemon::api::read_texts(desk, row_of(5, 100)).from == From::gateway);

    auto nowhere = gateway.dsn();
    nowhere.port = 1;
    GatewayDesk lost{nowhere};
    CHECK(daemon::api::read_texts(lost, row_of(5, 100)).from == From::unavailable);
    CHECK_FALSE(daemon::api::read_tokens(lost, {}).available);

    TestGateway file{TestGateway::Engine::sqlite, "newapi_2026"};
    auto missing = file.dsn();
    missing.path += "-none";
    GatewayDesk without{missing};
    CHECK(daemon::api::read_texts(without, row_of(5, 100)).from == From::unavailable);
}

TEST_CASE("two questions at a time are asked, a third one is told to come again") {
    TestGateway gateway{TestGateway::Engine::sqlite, "newapi_2026"};
    GatewayDesk desk{gateway.dsn(), {.of_all = 200ms}};
    std::latch begun{2};
    std::promise<void> end;
    const auto ended = end.get_future().share();
    std::vector<std::jthread> others;
    for (int i = 0; i < 2; ++i) {
        others.emplace_back([&] {
            desk.ask([&](sync::GatewaySession&) {
                begun.count_down();
                ended.wait();
            });
        });
    }
    begun.wait();
    try {
        desk.ask([](sync::GatewaySession&) { FAIL("a third one at once"); });
        FAIL("nothing was thrown");
    } catch (const sync::GatewayError& e) {
        CHECK(e.kind() == sync::GatewayError::Kind::stalled);
    }
    end.set_value();
    others.clear();
    bool asked = false;
    desk.ask([&](sync::GatewaySession& session) { asked = session.query("SELECT 1").size() == 1; });
    CHECK(asked);
}

TEST_CASE("a question that takes too long is ended, and the next one is answered") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    GatewayDesk desk{gateway.dsn(), {.of_a_step = 30s, .of_all = 300ms}};
    CHECK_THROWS_AS(
        desk.ask([](sync::GatewaySession& session) { session.query("SELECT SLEEP(20)"); }),
        sync::GatewayError);
    bool asked = false;
    desk.ask([&](sync::GatewaySession& session) { asked = session.query("SELECT 1").size() == 1; });
    CHECK(asked);
}

TEST_CASE("a connection is made with the first question and closed when nobody asks") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    const auto dsn = reader_of(gateway);
    const auto connected = [&] {
        return gateway.value(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'desk_reader'");
    };
    GatewayDesk desk{dsn, {.idle = 300ms}};
    CHECK(desk.connections() == 0);
    CHECK(connected() == "0");
    desk.ask([&](sync::GatewaySession& session) {
        session.query("SELECT 1");
        CHECK(connected() == "1");
    });
    while (desk.connections() != 0) std::this_thread::yield();
    while (connected() != "0") std::this_thread::yield();
}

TEST_CASE("a kept connection that the server has closed is made anew") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    GatewayDesk desk{reader_of(gateway)};
    std::string id;
    const auto ask = [&](sync::GatewaySession& session) {
        id = session.query("SELECT CONNECTION_ID()").at(0).at(0).value_or("");
    };
    desk.ask(ask);
    const auto first = id;
    desk.ask(ask);
    CHECK(id == first);
    gateway.sql("KILL " + first);
    desk.ask(ask);
    CHECK(id != first);
}

TEST_CASE("keys are listed in pages, masked, without those that were deleted") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        for (int id = 1; id <= 30; ++id) add_key(*gateway, id, fmt::format("Key <{}>", id));
        std::vector<std::int64_t> wanted;
        for (int id = 30; id >= 1; --id) wanted.push_back(id);
        if (gateway->new_api()) {
            gateway->sql("UPDATE tokens SET deleted_at = '2026-01-01 00:00:00' WHERE id = 11");
            std::erase(wanted, 11);
        }
        GatewayDesk desk{reader_of(*gateway)};
        std::vector<std::int64_t> ids;
        daemon::api::TokenQuestion question{.most = 7};
        for (int pages = 0; pages < 20; ++pages) {
            const auto page = daemon::api::read_tokens(desk, question);
            REQUIRE_MESSAGE(page.available, page.why);
            CHECK(page.tokens.size() <= 7);
            for (const auto id : ids_of(page)) ids.push_back(id);
            CHECK(text_of(page).find("0000000000") == std::string::npos);
            for (const auto& token : page.tokens) {
                if (gateway->dsn().kind == sync::Dsn::Kind::mysql) {
                    const auto key = key_of(token.id);
                    CHECK(token.masked == key.substr(0, 4) + "****" + key.substr(44));
                } else {
                    CHECK_FALSE(token.masked);
                }
            }
            if (!page.next) break;
            question.below = page.next;
        }
        CHECK(ids == wanted);

        const auto found = daemon::api::read_tokens(desk, {.search = "kEY <2"});
        CHECK(ids_of(found) ==
              std::vector<std::int64_t>{29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 2});
        CHECK(daemon::api::read_tokens(desk, {.search = "' OR '1'='1"}).tokens.empty());
        CHECK(daemon::api::read_tokens(desk, {.search = "%"}).tokens.empty());
        const auto token = daemon::api::read_tokens(desk, {.search = "<17>"}).tokens.at(0);
        CHECK(token.name == "Key <17>");
        CHECK(token.user == 7);
        CHECK(token.status == 1);
        CHECK(token.created_at == 1'700'000'017);
        CHECK(token.last_used == 1'760'000'017);
        CHECK(token.expires_at == std::nullopt);
        CHECK(token.remaining == 500);
        CHECK(token.used == 17);
        CHECK_FALSE(token.unlimited);
    }
}

TEST_CASE("without the view keys have no masks, and it is said why") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    add_key(gateway, 1, "one");
    GatewayDesk desk{reader_of(gateway)};
    const auto whole = daemon::api::read_tokens(desk, {});
    CHECK(whole.masks);
    CHECK(whole.no_masks_code.empty());
    gateway.sql("DROP VIEW quotafuse.`" + gateway.database() + "_token_masks`");
    const auto page = daemon::api::read_tokens(desk, {});
    CHECK(page.available);
    CHECK_FALSE(page.masks);
    CHECK(page.why_no_masks.find("`quotafuse grants`") != std::string::npos);
    CHECK(page.no_masks_code == "no_view");
    CHECK_FALSE(page.tokens.at(0).masked);

    GatewayDesk poor{reader_of(gateway, false)};
    const auto refused = daemon::api::read_tokens(poor, {});
    CHECK_FALSE(refused.available);
    CHECK(refused.no_masks_code == "unreadable");
    CHECK(refused.why.find("`quotafuse grants`") != std::string::npos);

    TestGateway file{TestGateway::Engine::sqlite, "newapi_2026"};
    add_key(file, 1, "one");
    GatewayDesk plain{file.dsn()};
    const auto unmasked = daemon::api::read_tokens(plain, {});
    CHECK(unmasked.tokens.size() == 1);
    CHECK_FALSE(unmasked.masks);
    CHECK_FALSE(unmasked.why_no_masks.empty());
    CHECK(unmasked.no_masks_code == "sqlite");
}

TEST_CASE("of a short key nothing is told, nor of a view that shows too much") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    gateway.sql(
        "INSERT INTO tokens(id, user_id, `key`, status, name) VALUES(1, 1, 'abcdefgh', 1, 'n')");
    add_key(gateway, 2, "long");
    GatewayDesk desk{reader_of(gateway)};
    auto page = daemon::api::read_tokens(desk, {});
    CHECK(page.tokens.at(1).masked == "****");
    gateway.sql("CREATE OR REPLACE VIEW quotafuse.`" + gateway.database() +
                "_token_masks` AS SELECT id, `key` AS masked FROM tokens");
    page = daemon::api::read_tokens(desk, {});
    CHECK_FALSE(page.tokens.at(0).masked);
    CHECK_FALSE(page.tokens.at(1).masked);
}

TEST_CASE("a search looks at a few thousand keys for each page, and goes on from there") {
    TestGateway gateway{TestGateway::Engine::mariadb, "newapi_2026"};
    gateway.sql(
        "INSERT INTO tokens(id, user_id, `key`, status, name) SELECT seq, 1, LPAD(seq, 48, 'k'), "
        "1, IF(seq = 42, 'needle', 'hay') FROM seq_1_to_6000");
    GatewayDesk desk{gateway.dsn()};
    auto page = daemon::api::read_tokens(desk, {.search = "needle"});
    CHECK(page.available);
    CHECK(page.tokens.empty());
    REQUIRE(page.next == 1001);
    page = daemon::api::read_tokens(desk, {.below = page.next, .search = "needle"});
    CHECK(ids_of(page) == std::vector<std::int64_t>{42});
    CHECK_FALSE(page.next);
}
