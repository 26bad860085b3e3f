#include <map>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/demo/generator.h"
#include "support/demo_session.h"
#include "support/fake_clock.h"
#include "support/mariadb.h"
#include "support/temp_dir.h"
#include "sync/follower.h"
#include "sync/log_source.h"

using namespace quotafuse;
using namespace quotafuse::demo;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;
constexpr std::int64_t kDay = 86'400;
constexpr Flavour kAllFlavours[] = {Flavour::one_api, Flavour::new_api_2025, Flavour::new_api_2026};

std::vector<LogInsert> history(std::uint64_t seed, Flavour flavour, std::size_t count,
                               std::int64_t from = kNow - 30 * kDay) {
    RowGenerator generator{seed, flavour, DemoGateway::of_shape({})};
    std::vector<LogInsert> rows;
    generator.history(from, kNow, count, [&](LogInsert&& row) { rows.push_back(std::move(row)); });
    return rows;
}

/// The entries that quotafuse's own reader makes of what stands in a gateway.
std::vector<sync::LogEntry> mirrored(const sync::Dsn& dsn) {
    const auto source = sync::make_source(dsn, {}, {});
    const tests::TempDir folder;
    const base::Database store{folder.file("s.db"), {sync::Store::schema()}};
    const auto mirror = sync::make_mirror(store.path());
    const tests::FakeClock clock{kNow};
    sync::Follower follower{*source, *mirror, {}, {}, clock};
    std::vector<sync::LogEntry> entries;
    for (;;) {
        auto poll = follower.next();
        std::move(poll.batch.entries.begin(), poll.batch.entries.end(),
                  std::back_inserter(entries));
        if (poll.drained) return entries;
    }
}

}  // namespace

TEST_CASE("the same seed makes the same rows and another seed makes others") {
    for (const auto flavour : kAllFlavours) {
        const auto rows = history(1, flavour, 2000);
        CHECK(rows.size() == 2000);
        CHECK(rows == history(1, flavour, 2000));
        CHECK(rows != history(2, flavour, 2000));
    }
}

TEST_CASE("every `other` is a JSON object with sorted keys, or empty") {
    for (const auto flavour : kAllFlavours) {
        std::size_t objects = 0;
        for (const auto& row : history(3, flavour, 5000)) {
            if (row.other.value_or("").empty()) continue;
            CAPTURE(*row.other);
            const auto json = nlohmann::ordered_json::parse(*row.other);
            REQUIRE(json.is_object());
            std::vector<std::string> keys;
            for (const auto& [key, value] : json.items()) keys.push_back(key);
            CHECK(std::is_sorted(keys.begin(), keys.end()));
            CHECK(row.other->find_first_of("<>&") == std::string::npos);  // Go escapes them
            ++objects;
        }
        CHECK(objects > 4500);
    }
}

TEST_CASE("each flavour writes only the row types that its gateway knows") {
    using Types = std::set<std::int64_t>;
    const std::map<Flavour, Types> known{{Flavour::one_api, {1, 2, 3, 4, 5}},
                                         {Flavour::new_api_2025, {1, 2, 3, 4, 5}},
                                         {Flavour::new_api_2026, {1, 2, 3, 4, 5, 6, 7}}};
    for (const auto& [flavour, types] : known) {
        Types seen;
        for (const auto& row : history(4, flavour, 20'000)) seen.insert(row.type.value());
        CHECK(seen == types);
    }
}

TEST_CASE(
    "a history is in order of time, busier by day than by night, with hot keys and a long tail") {
    const auto rows = history(5, Flavour::new_api_2026, 20'000);
    std::map<std::int64_t, int> by_hour;  // of the day in China
    std::map<std::string, int> by_token;
    auto last = kNow - 30 * kDay;
    for (const auto& row : rows) {
        CHECK(row.created_at.value() >= last);
        last = *row.created_at;
        ++by_hour[(last + 8 * 3600) % kDay / 3600];
        ++by_token[row.token_name.value_or("")];
    }
    CHECK(last < kNow);
    CHECK(last > kNow - 3600);
    CHECK(by_hour[16] > 4 * by_hour[4]);
    CHECK(by_hour[4] > 0);
    CHECK(by_token["key-1"] > 5 * by_token["key-10"]);
    CHECK(by_token["key-40"] > 0);
}

TEST_CASE("a retried request keeps its id, names the channels it tried and is billed once") {
    RowGenerator generator{6, Flavour::new_api_2026, DemoGateway::of_story()};
    generator.set_troubles({{kFailingChannel, 1, kOverloaded}});
    int retried = 0;
    for (int i = 0; i < 300; ++i) {
        const auto rows = generator.request(kNow, "prod-web", "gpt-4o", 1);
        REQUIRE(!rows.empty());
        if (rows.size() < 2 || rows[0].channel_id != kFailingChannel) continue;
        if (rows[1].type != log_type::kConsume) continue;  // the backup has ordinary failures too
        ++retried;
        CHECK(rows[0].type == log_type::kErrorOrTest);
        CHECK(rows[0].content->starts_with("status_code=429, "));
        CHECK(rows[0].quota == 0);
        CHECK(rows[1].channel_id == 2);
        CHECK(rows[1].request_id == rows[0].request_id);
        const auto other = nlohmann::json::parse(*rows[1].other);
        CHECK(other["admin_info"]["use_channel"] == nlohmann::json{"3", "2"});
    }
    CHECK(retried > 50);
}

TEST_CASE("texts with quotes, backslashes and Chinese come back from both engines as they were") {
    LogInsert row;
    row.id = 41;
    row.created_at = kNow;
    row.type = log_type::kErrorOrTest;
    row.content = R"(it's "C:\new\" ? %s; -- 渠道)";
    row.other = R"({"a":"\u003c\\'"})";
    const auto check = [&](sync::GatewaySession& session) {
        create_gateway(session, Flavour::new_api_2026);
        insert(session, Flavour::new_api_2026, {&row, 1});
        CHECK(tests::one_value(session, "SELECT content FROM logs WHERE id = 41") == *row.content);
        CHECK(tests::one_value(session, "SELECT other FROM logs WHERE id = 41") == *row.other);
        CHECK(tests::one_value(session, "SELECT username FROM logs WHERE id = 41") == "NULL");
        row.id.reset();
        insert(session, Flavour::new_api_2026, {&row, 1});
        CHECK(tests::one_value(session, "SELECT max(id) FROM logs") == "42");
        row.id = 41;
    };
    const tests::TempDir folder;
    check(*tests::sqlite_gateway(folder.file("one-api.db")));
    auto& server = tests::shared_mariadb();
    server.sql("DROP DATABASE IF EXISTS texts; CREATE DATABASE texts CHARACTER SET utf8mb4");
    check(*tests::mysql_gateway(server.dsn("root", "", "texts")));
}

TEST_CASE("a row that the database refuses leaves no open transaction behind") {
    const tests::TempDir folder;
    const auto session = tests::sqlite_gateway(folder.file("one-api.db"));
    create_gateway(*session, Flavour::one_api);
    std::vector<LogInsert> rows(3);
    rows[0].id = 1;
    rows[1].id = 2;
    rows[2].id = 1;
    CHECK_THROWS_AS(insert(*session, Flavour::one_api, rows), sync::GatewayError);
    CHECK(tests::one_value(*session, "SELECT count(*) FROM logs") == "2");
    CHECK_THROWS_AS(bulk_insert(*session, Flavour::one_api, rows), sync::GatewayError);
    rows[0].id = 3;
    insert(*session, Flavour::one_api, {rows.data(), 1});
    CHECK(tests::one_value(*session, "SELECT count(*) FROM logs") == "3");
}

TEST_CASE("quotafuse's own reader finds in the rows what the generator meant, on both engines") {
    const auto rows = history(8, Flavour::new_api_2026, 12'000);
    auto& server = tests::shared_mariadb();
    server.sql("DROP DATABASE IF EXISTS bulk; CREATE DATABASE bulk CHARACTER SET utf8mb4");
    const auto address = server.dsn("root", "", "bulk");
    const tests::TempDir folder;
    const auto file = folder.file("one-api.db");
    const auto mysql = tests::mysql_gateway(address);
    const auto sqlite = tests::sqlite_gateway(file);
    for (auto* const session : {mysql.get(), sqlite.get()}) {
        create_gateway(*session, Flavour::new_api_2026);
        bulk_insert(*session, Flavour::new_api_2026, rows);
    }
    for (const auto& dsn :
         {sync::parse_dsn(address).dsn.value(), sync::parse_dsn(file).dsn.value()}) {
        const auto entries = mirrored(dsn);
        REQUIRE(entries.size() == rows.size());
        std::map<sync::Kind, int> kinds;
        int tests = 0;
        int tasks = 0;
        int retried = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            CHECK(entries[i].created_at == rows[i].created_at);
            CHECK(entries[i].quota == rows[i].quota);
            CHECK(entries[i].token_name == rows[i].token_name);
            ++kinds[entries[i].kind];
            tests += entries[i].channel_test;
            tasks += entries[i].task;
            retried += entries[i].kind == sync::Kind::consume && entries[i].attempts > 1;
            if (entries[i].kind == sync::Kind::error) CHECK(entries[i].status >= 400);
        }
        CHECK(kinds[sync::Kind::consume] > 11'000);
        CHECK(kinds[sync::Kind::error] > 50);
        CHECK(kinds[sync::Kind::refund] > 0);
        CHECK(tests > 50);
        CHECK(tasks > 20);
        CHECK(retried > 20);
    }
}
