#include <random>

#include <doctest/doctest.h>

#include "sync/store_tables.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("every field of an entry survives the store and a restart") {
    const TempDir folder;
    auto position = at_cursor(9, {{3, 4, 77, 0}, {6, 6, 88, 2}});
    position.anchor = fingerprint_of(entry(9, 1000));
    {
        StoreFile opened{folder.file("s.db")};
        const auto added = opened.store.append({{entry(9, 1000)}, position}, base::from_unix(2000),
                                               base::from_unix(1003));
        CHECK(added.size() == 1);
    }
    StoreFile opened{folder.file("s.db")};
    CHECK(opened.store.rows() == 1);
    CHECK(opened.store.newest() == 1000);
    CHECK(opened.store.position() == position);
    const auto rows = read_all(opened.store);
    REQUIRE(rows.size() == 1);
    const auto& row = rows[0];
    auto& texts = opened.store.texts();
    CHECK(row.id == 9);
    CHECK(row.created_at == 1000);
    CHECK(row.seen_at == 1003);
    CHECK(row.kind == Kind::consume);
    CHECK(row.user == 5);
    CHECK(row.token == 6);
    CHECK(row.channel == 7);
    CHECK(texts.text(row.username) == "alice");
    CHECK(texts.text(row.token_name) == "key");
    CHECK(texts.text(row.model) == "gpt-4o");
    CHECK(texts.text(row.group) == "default");
    CHECK(texts.text(row.route) == "/v1/chat/completions");
    CHECK(row.quota == 123456789012);
    CHECK(row.prompt_tokens == 10);
    CHECK(row.completion_tokens == 20);
    CHECK(row.cache_tokens == 3);
    CHECK(row.latency_ms == 1500);
    CHECK(row.first_token_ms == 300);
    CHECK(row.stream);
    CHECK(row.stream_end == StreamEnd::broken);
    CHECK(row.status == 502);
    CHECK(texts.text(row.error_code) == "bad_response");
    CHECK(row.request_id == 0xFFFFFFFFFFFFFFF1ULL);
    CHECK(format_address(row.ip) == "10.1.1.1");
    CHECK(row.attempts == 4);
    CHECK(row.task);
    CHECK_FALSE(row.channel_test);
}

TEST_CASE("a repeated batch stores nothing twice, in the rollups neither") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    const Batch batch{{failed(1, 10), entry(2, 11)}, at_cursor(2)};
    CHECK(opened.store.append(batch, base::from_unix(12)).size() == 2);
    CHECK(opened.store.append(batch, base::from_unix(13)).empty());
    CHECK(opened.store
              .append({{entry(2, 11), entry(3, 9), entry(3, 9)}, at_cursor(3)}, base::from_unix(14))
              .size() == 1);
    CHECK(opened.store.rows() == 3);
    CHECK(read_all(opened.store).size() == 3);
    auto& db = opened.database.handle();
    CHECK(number(db, "SELECT sum(answers + errors) FROM hour_group") == 3);
    CHECK(rollups_in(db) == rollups_anew(folder.file("s.db")));
}

TEST_CASE("a row that was deleted for its age and comes again is not counted again") {
    const TempDir folder;
    Keep keep;
    keep.rows = base::Seconds{100};
    const auto path = folder.file("s.db");
    StoreFile opened{path, keep};
    auto& store = opened.store;
    const Batch batch{{entry(1, 1000), failed(2, 1950), entry(3, 2000)}, at_cursor(3)};
    CHECK(store.append(batch, base::from_unix(2000)).size() == 3);
    CHECK(store.keep_up(base::from_unix(2000)).gone.size() == 1);
    CHECK(store.kept_since() == 1001);
    const auto rollups = rollups_in(opened.database.handle());
    const auto as_it_was = [&](Store& now) {
        CHECK(now.rows() == 2);
        CHECK(read_all(now).size() == 2);
        CHECK(now.texts().find("never-kept") == -1);
        CHECK(rollups_in(opened.database.handle()) == rollups);
    };
    CHECK(store.append(batch, base::from_unix(2001)).empty());
    as_it_was(store);
    // Nor is one that was never there, but its id is done with.
    CHECK(store.append({{entry(4, 1000, "never-kept")}, at_cursor(4)}, base::from_unix(2001))
              .empty());
    CHECK(store.position() == at_cursor(4));
    as_it_was(store);
    StoreFile again{path, keep};
    CHECK(again.store.append(batch, base::from_unix(2002)).empty());
    as_it_was(again.store);
    CHECK(again.store.append({{entry(5, 1001)}, at_cursor(5)}, base::from_unix(2003)).size() == 1);
}

TEST_CASE("a new epoch gives ids again, and the rows of both count") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    opened.store.append({{entry(1, 10), entry(2, 11)}, at_cursor(2)}, base::from_unix(12));
    auto next = at_cursor(2);
    next.epoch = 1;
    next.first = 2;
    next.anchor = fingerprint_of(entry(2, 20));
    const auto added = opened.store.append({{entry(2, 20)}, next}, base::from_unix(21));
    REQUIRE(added.size() == 1);
    CHECK(added[0].id == row_id(1, 2));
    CHECK(epoch_of(added[0].id) == 1);
    CHECK(gateway_id(added[0].id) == 2);
    CHECK(opened.store.rows() == 3);
    auto& db = opened.database.handle();
    CHECK(dump(db, "SELECT * FROM epoch") == std::vector<std::string>{"0|1|0|", "1|2|21|"});
    CHECK(number(db, "SELECT sum(answers) FROM hour_group") == 3);
    auto later = next;
    later.anchor.reset();
    later.cursor = 3;
    opened.store.append({{}, later}, base::from_unix(22));
    StoreFile again{folder.file("s.db")};
    CHECK(again.store.position() == later);
    CHECK_THROWS_AS(again.store.append({{entry(5, 30)}, at_cursor(5)}, base::from_unix(31)),
                    std::invalid_argument);
    CHECK(again.store.rows() == 3);
}

TEST_CASE(
    "the list of gaps is stored as it is, whatever it was, and only its changes are written") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& db = opened.database.handle();
    std::mt19937 random{7};
    auto position = at_cursor(1'000'000);
    for (int round = 0; round < 40; ++round) {
        std::vector<Gap> gaps;
        for (std::int64_t id = 1; id < 400; id += 3) {
            const auto dice = random() % 4;
            // Mostly the same ones, as from poll to poll.
            if (dice == 0) continue;
            gaps.push_back({id, id + (dice == 1 ? 1 : 0), dice == 2 ? 9 : 7, dice == 3 ? 2 : 0});
        }
        if (round == 20) gaps.clear();
        position.gaps = gaps;
        opened.store.append({{}, position}, base::from_unix(5));
        StoreFile again{folder.file("s.db")};
        REQUIRE(again.store.position() == position);
    }
    const auto changes = db.getTotalChanges();
    opened.store.append({{}, position}, base::from_unix(6));
    CHECK(db.getTotalChanges() == changes);
    position.gaps[50].due += 60;
    position.gaps.erase(position.gaps.begin());
    opened.store.append({{}, position}, base::from_unix(7));
    CHECK(db.getTotalChanges() == changes + 3);  // the row of the position, two gaps
}

TEST_CASE("the texts of a failed or slow request are found by its row id") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto only_other = entry(3, 12);
    only_other.other = "{}";
    auto position = at_cursor(3);
    position.epoch = 1;
    opened.store.append({{failed(1, 10), entry(2, 11), only_other}, position}, base::from_unix(12));
    const auto texts = opened.store.texts_of(row_id(1, 1));
    REQUIRE(texts);
    CHECK(texts->content == "it failed");
    CHECK(texts->other == R"({"status_code":502})");
    CHECK_FALSE(opened.store.texts_of(row_id(1, 2)));
    CHECK_FALSE(opened.store.texts_of(row_id(0, 1)));
    CHECK(opened.store.texts_of(row_id(1, 3))->other == "{}");
}

TEST_CASE(
    "wherever an append fails, file and memory stay as they were and the batch goes in later") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& store = opened.store;
    auto& db = opened.database.handle();
    auto before = at_cursor(1, {{5, 6, 7, 0}});
    before.anchor = fingerprint_of(entry(1, 10));
    store.append({{entry(1, 10)}, before}, base::from_unix(12));
    const auto texts = store.texts().size();
    const auto rollups = rollups_in(db);

    Batch batch{{failed(2, 5000), entry(3, 5001, "new-model")}, at_cursor(3, {{8, 9, 1, 1}})};
    batch.position.epoch = 1;
    batch.entries[1].route = "/v1/new";
    const std::vector<std::string> places{
        "INSERT ON main.log",        "INSERT ON main.row_text",  "INSERT ON main.text",
        "INSERT ON main.epoch",      "INSERT ON main.gap",       "DELETE ON main.gap",
        "UPDATE ON main.position",   "INSERT ON main.hour_user", "INSERT ON main.hour_route",
        "INSERT ON main.hour_group", "INSERT ON main.day_token"};
    for (const auto& place : places) {
        CAPTURE(place);
        db.exec("CREATE TEMP TRIGGER fault BEFORE " + place +
                " BEGIN SELECT RAISE(ABORT, 'no room'); END");
        CHECK_THROWS_AS(store.append(batch, base::from_unix(5003)), SQLite::Exception);
        CHECK(store.position() == before);
        CHECK(store.rows() == 1);
        CHECK(store.newest() == 10);
        CHECK(store.texts().size() == texts);
        CHECK(store.texts().find("new-model") == -1);
        CHECK(read_all(store).size() == 1);
        CHECK(rollups_in(db) == rollups);
        StoreFile again{folder.file("s.db")};
        CHECK(again.store.position() == before);
        CHECK(again.store.rows() == 1);
        CHECK(again.store.texts().size() == texts);
        db.exec("DROP TRIGGER fault");
    }
    CHECK(store.append(batch, base::from_unix(5004)).size() == 2);
    CHECK(store.append(batch, base::from_unix(5005)).empty());
    StoreFile again{folder.file("s.db")};
    CHECK(again.store.position() == batch.position);
    CHECK(again.store.texts().text(read_all(again.store).back().route) == "/v1/new");
    CHECK(rollups_in(db) == rollups_anew(folder.file("s.db")));
}

TEST_CASE(
    "a full disk stops an append, leaves nothing of it, and lets it in once when there is room") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& db = opened.database.handle();
    opened.store.append({{entry(1, 10)}, at_cursor(1)}, base::from_unix(12));
    Batch big;
    for (std::int64_t id = 2; id < 5000; ++id)
        big.entries.push_back(entry(id, id, "model-" + std::to_string(id)));
    big.position = at_cursor(4999);
    for (const auto pages : {1, 40, 80, 120, 150}) {
        db.exec("PRAGMA max_page_count = " + std::to_string(pages));
        CHECK_THROWS_AS(opened.store.append(big, base::from_unix(13)), SQLite::Exception);
        CHECK(opened.store.position() == at_cursor(1));
        CHECK(opened.store.rows() == 1);
        CHECK(opened.store.texts().find("model-2") == -1);
        CHECK(read_all(opened.store).size() == 1);
    }
    db.exec("PRAGMA max_page_count = 1000000");
    CHECK(opened.store.append(big, base::from_unix(14)).size() == 4998);
    CHECK(opened.store.append(big, base::from_unix(15)).empty());
    CHECK(opened.store.rows() == 4999);
    StoreFile again{folder.file("s.db")};
    CHECK(again.store.rows() == 4999);
    CHECK(again.store.texts().text(read_all(again.store).back().model) == "model-4999");
    CHECK(rollups_in(db) == rollups_anew(folder.file("s.db")));
}

TEST_CASE("what was asked for is counted by group and model over all channels, without tests") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto test = entry(4, 100);
    test.channel_test = true;
    auto peer = entry(5, 100);
    peer.channel = 8;
    opened.store.append(
        {{entry(1, 100), entry(2, 101), entry(3, 102, "o1"), test, peer, entry(6, 50)},
         at_cursor(6)},
        base::from_unix(200));
    const auto served = opened.store.served(60);
    REQUIRE(served.size() == 2);
    CHECK(served[0].model == "gpt-4o");
    CHECK(served[0].group == "default");
    CHECK(served[0].requests == 3);
    CHECK(served[1].model == "o1");
}
