#include <algorithm>
#include <memory>
#include <random>

#include <doctest/doctest.h>

#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kNow = 2'000'000;

/// Rows may go as soon as they have been counted.
Keep keep_nothing() {
    Keep keep;
    keep.rows = base::Seconds{1};
    return keep;
}

}  // namespace

TEST_CASE("rows of an older version come into the rollups once, whatever is appended meanwhile") {
    for (unsigned seed = 1; seed <= 8; ++seed) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        const TempDir folder;
        const auto path = folder.file("s.db");
        std::vector<std::int64_t> late;  // ids that were missing
        {
            StoreFile opened{path};
            Batch batch;
            for (std::int64_t id = 1; id <= 3000; ++id) {
                if (random() % 10 == 0) {
                    late.push_back(id);
                } else {
                    batch.entries.push_back(entry(id, 10'000 + id * 5));
                    batch.entries.back().channel = 1 + static_cast<std::int64_t>(random() % 3);
                }
            }
            batch.position = at_cursor(3000);
            opened.store.append(batch, base::from_unix(30'000));
        }
        forget_rollups(path);
        std::shuffle(late.begin(), late.end(), random);
        auto opened = std::make_unique<StoreFile>(path, keep_nothing());
        std::int64_t cursor = 3000;
        std::int64_t stored = opened->store.rows();
        bool more = true;
        for (int step = 0; more; ++step) {
            REQUIRE(step < 1000);
            Batch batch;
            for (auto n = random() % 40; n > 0 && !late.empty(); --n) {
                batch.entries.push_back(entry(late.back(), 10'000 + late.back()));
                late.pop_back();
            }
            for (auto n = random() % 20; n > 0; --n) {
                ++cursor;
                batch.entries.push_back(entry(cursor, 10'000 + cursor * 5));
            }
            batch.position = at_cursor(cursor);
            stored += static_cast<std::int64_t>(
                opened->store.append(batch, base::from_unix(40'000)).size());
            if (random() % 5 == 0) opened = std::make_unique<StoreFile>(path, keep_nothing());
            more =
                opened->store.keep_up(base::from_unix(30'000 + step)).more &&
                number(opened->database.handle(), "SELECT rolled_up < roll_up_to FROM upkeep") == 1;
            // Nothing is deleted before it has been counted.
            REQUIRE(opened->store.rows() == stored);
        }
        CHECK(rollups_in(opened->database.handle()) == rollups_anew(path));
        keep_up_all(opened->store, 60'000);
        CHECK(opened->store.rows() == 0);
        CHECK(number(opened->database.handle(), "SELECT sum(answers) FROM hour_group") == stored);
    }
}

TEST_CASE(
    "a full disk stops the pass over an older version's rows, and it goes on when there is room") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    {
        StoreFile opened{path};
        Batch batch;
        for (std::int64_t id = 1; id <= 3000; ++id) {
            batch.entries.push_back(entry(id, kNow + id, "model-" + std::to_string(id % 700)));
            batch.entries.back().user = id;
        }
        batch.position = at_cursor(3000);
        opened.store.append(batch, base::from_unix(kNow));
    }
    forget_rollups(path);
    { SQLite::Database{path, SQLite::OPEN_READWRITE}.exec("VACUUM"); }
    StoreFile opened{path};
    auto& db = opened.database.handle();
    db.exec("PRAGMA max_page_count = 1");  // as many as there are
    bool full = false;
    for (int i = 0; i < 10 && !full; ++i) {
        const auto marks = dump(db, "SELECT * FROM upkeep");
        try {
            opened.store.keep_up(base::from_unix(kNow));
        } catch (const SQLite::Exception& e) {
            full = true;
            CHECK(dump(db, "SELECT * FROM upkeep") == marks);
        }
    }
    CHECK(full);
    db.exec("PRAGMA max_page_count = 1000000");
    keep_up_all(opened.store, kNow);
    CHECK(rollups_in(db) == rollups_anew(path));
}
