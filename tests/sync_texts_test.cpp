#include <string>

#include <doctest/doctest.h>

#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("addresses do not fill the dictionary, and routes and codes only so far") {
    const TempDir folder;
    std::string long_route = "/v1/";
    for (int i = 0; i < 200; ++i) long_route += "\xE9\x95\xBF";
    {
        StoreFile opened{folder.file("s.db")};
        opened.store.append({{entry(1, 10)}, at_cursor(1)}, base::from_unix(10));
        const auto texts = opened.store.texts().count();
        Batch batch;
        for (std::int64_t id = 2; id < 500; ++id) {
            batch.entries.push_back(entry(id, id));
            batch.entries.back().ip = "10.0.1." + std::to_string(id % 250);
        }
        batch.entries.back().route = long_route;
        batch.position = at_cursor(499);
        const auto added = opened.store.append(batch, base::from_unix(500));
        CHECK(opened.store.texts().count() == texts + 1);
        const auto route = opened.store.texts().text(added.back().route);
        CHECK(route.size() <= 200);
        CHECK(route.size() > 190);
        CHECK(route.ends_with("\xE9\x95\xBF…"));
    }
    StoreFile opened{folder.file("s.db")};
    Batch batch;
    for (std::int64_t id = 500; id < 30'000; ++id) {
        batch.entries.push_back(entry(id, id));
        batch.entries.back().route = "/scan/" + std::to_string(id);
    }
    batch.entries.back().error_code = "never_before";
    batch.entries.back().model = "new-model";
    batch.position = at_cursor(30'000);
    const auto added = opened.store.append(batch, base::from_unix(500));
    const auto& texts = opened.store.texts();
    const auto bounded = "SELECT count(*) FROM text WHERE bounded";
    CHECK(number(opened.database.handle(), bounded) == 20'000);
    CHECK(texts.count() < 20'020);
    CHECK(texts.text(added.front().route) == "/scan/500");
    CHECK(texts.text(added.back().route) == "(other)");
    CHECK(texts.text(added.back().error_code) == "(other)");
    CHECK(texts.text(added.back().model) == "new-model");
    const auto known =
        opened.store.append({{entry(30'001, 9)}, at_cursor(30'001)}, base::from_unix(501));
    CHECK(texts.text(known.front().route) == "/v1/chat/completions");
    CHECK(texts.text(known.front().error_code) == "bad_response");
    StoreFile again{folder.file("s.db")};
    CHECK(again.store.texts().count() == texts.count());
    auto unknown = entry(30'002, 10);
    unknown.route = "/v1/new";
    const auto after = again.store.append({{unknown}, at_cursor(30'002)}, base::from_unix(502));
    CHECK(again.store.texts().text(after.front().route) == "(other)");
    CHECK(again.store.texts().text(after.front().error_code) == "bad_response");
    CHECK(number(again.database.handle(), bounded) == 20'000);
}

TEST_CASE("however many names a gateway has, a new error code keeps its name") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    Batch batch;
    for (std::int64_t id = 1; id <= 50'010; ++id) {
        batch.entries.push_back(entry(id, id));
        batch.entries.back().token_name = "key " + std::to_string(id);
    }
    batch.position = at_cursor(50'010);
    opened.store.append(batch, base::from_unix(500));
    auto blocked = failed(50'011, 600);
    blocked.error_code = "prompt_blocked";
    const auto added = opened.store.append({{blocked}, at_cursor(50'011)}, base::from_unix(601));
    CHECK(opened.store.texts().text(added.front().error_code) == "prompt_blocked");
    CHECK(dump(opened.database.handle(), "SELECT value FROM text WHERE bounded ORDER BY id") ==
          std::vector<std::string>{"/v1/chat/completions|", "bad_response|", "prompt_blocked|"});
}

TEST_CASE("routes of a failed append take no room from those that come later") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& db = opened.database.handle();
    const auto with_routes = [](std::int64_t count, const std::string& prefix) {
        Batch batch;
        for (std::int64_t id = 1; id <= count; ++id) {
            batch.entries.push_back(entry(id, id));
            batch.entries.back().route = prefix + std::to_string(id);
        }
        batch.position = at_cursor(count);
        return batch;
    };
    db.exec(
        "CREATE TEMP TRIGGER fault BEFORE UPDATE ON main.position "
        "BEGIN SELECT RAISE(ABORT, 'no room'); END");
    CHECK_THROWS_AS(opened.store.append(with_routes(25'000, "/lost/"), base::from_unix(9)),
                    SQLite::Exception);
    db.exec("DROP TRIGGER fault");
    // One less, for the error code.
    const auto added = opened.store.append(with_routes(20'000, "/kept/"), base::from_unix(9));
    CHECK(opened.store.texts().text(added[19'998].route) == "/kept/19999");
    CHECK(opened.store.texts().text(added[19'999].route) == "(other)");
    CHECK(number(db, "SELECT count(*) FROM text WHERE bounded") == 20'000);
}

TEST_CASE("a text is interned once, and goes with the transaction that is rolled back") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    {
        StoreFile opened{path};
        auto& store = opened.store;
        const auto alone = store.intern("alone");
        CHECK(store.intern("alone") == alone);
        CHECK(store.intern("") == 0);
        CHECK(number(opened.database.handle(), "SELECT count(*) FROM text") == 1);
        {
            const base::WriteTransaction lost{opened.database};
            store.intern("lost");
            CHECK(store.intern("lost") == alone + 1);
        }
        {
            base::WriteTransaction kept{opened.database};
            CHECK(store.intern("kept") == alone + 1);
            CHECK(store.intern("lost") == alone + 2);
            CHECK(store.intern("alone") == alone);
            kept.commit();
        }
        {
            const base::WriteTransaction lost{opened.database};
            store.intern("lost for ever");
        }
        const auto added =
            store.append({{entry(1, 10, "a-model")}, at_cursor(1)}, base::from_unix(12));
        CHECK(store.texts().text(added.front().model) == "a-model");
        CHECK(store.texts().find("lost for ever") == -1);
    }
    StoreFile again{path};
    const auto& texts = again.store.texts();
    CHECK(texts.text(read_all(again.store).front().model) == "a-model");
    CHECK(texts.text(texts.find("kept")) == "kept");
    CHECK(texts.text(texts.find("lost")) == "lost");
    CHECK(texts.find("lost for ever") == -1);
}
