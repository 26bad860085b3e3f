#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "sync/mirror.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

Position in_epoch(std::int64_t epoch, std::int64_t first, std::int64_t cursor) {
    auto position = at_cursor(cursor);
    position.epoch = epoch;
    position.first = first;
    return position;
}

/// What connections run that are opened during its life.
class SeenStatements {
public:
    SeenStatements() {
        seen().clear();
        sqlite3_auto_extension(entry_point());
    }
    ~SeenStatements() { sqlite3_cancel_auto_extension(entry_point()); }
    SeenStatements(const SeenStatements&) = delete;
    SeenStatements& operator=(const SeenStatements&) = delete;
    static std::set<std::string>& seen() {
        static std::set<std::string> statements;
        return statements;
    }

private:
    static void (*entry_point())() { return reinterpret_cast<void (*)()>(&SeenStatements::watch); }
    static int watch(sqlite3* db, char** /*error*/, const void* /*routines*/) {
        return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, note, nullptr);
    }
    static int note(unsigned /*what*/, void* /*context*/, void* statement, void* /*sql*/) {
        seen().insert(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
        return 0;
    }
};

}  // namespace

TEST_CASE("an empty store mirrors nothing") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    const auto mirror = make_mirror(folder.file("s.db"));
    CHECK_FALSE(mirror->find(1));
    CHECK_FALSE(mirror->lowest());
    CHECK(mirror->kept_since() == 0);
}

TEST_CASE("a row is found as it was read, at once after it was stored") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    const auto mirror = make_mirror(folder.file("s.db"));
    CHECK_FALSE(mirror->find(7));
    opened.store.append({{entry(7, 100)}, at_cursor(7)}, base::from_unix(100));
    CHECK(mirror->find(7) == fingerprint_of(entry(7, 100)));
    CHECK(mirror->lowest() == 7);
    CHECK_FALSE(mirror->find(6));
    CHECK_FALSE(mirror->find(8));
}

TEST_CASE("an id belongs to the newest epoch that begins at or below it, held there or not") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& store = opened.store;
    const auto mirror = make_mirror(folder.file("s.db"));
    store.append({{entry(3, 10), entry(8, 11), entry(9, 12)}, in_epoch(0, 1, 9)},
                 base::from_unix(20));
    store.append({{entry(8, 30)}, in_epoch(1, 8, 8)}, base::from_unix(30));  // a restored dump
    CHECK(mirror->find(3)->created_at == 10);
    CHECK(mirror->find(8)->created_at == 30);
    CHECK_FALSE(mirror->find(9));  // the one of the former epoch is no more
    CHECK(mirror->lowest() == 3);
    store.append({{entry(5, 40)}, in_epoch(2, 5, 5)}, base::from_unix(40));
    CHECK(mirror->find(3)->created_at == 10);
    CHECK(mirror->find(5)->created_at == 40);
    CHECK_FALSE(mirror->find(8));                                // epoch 1 holds nowhere any more
    store.append({{}, in_epoch(3, 1, 0)}, base::from_unix(50));  // truncated
    CHECK_FALSE(mirror->find(3));
    CHECK_FALSE(mirror->find(5));
    CHECK_FALSE(mirror->lowest());
    store.append({{entry(2, 60)}, in_epoch(3, 1, 2)}, base::from_unix(60));
    CHECK(mirror->lowest() == 2);
}

TEST_CASE("the view of many epochs is that of a map") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        const auto below = [&](std::int64_t n) {
            return static_cast<std::int64_t>(random() % static_cast<unsigned>(n));
        };
        const TempDir folder;
        StoreFile opened{folder.file("s.db")};
        const auto mirror = make_mirror(folder.file("s.db"));
        std::map<std::int64_t, std::int64_t> view;  // id → created_at
        for (std::int64_t epoch = 0; epoch < 6; ++epoch) {
            const auto first = epoch == 0 ? 1 : 1 + below(60);
            view.erase(view.lower_bound(first), view.end());
            Batch batch;
            for (auto id = first; id < first + 30; ++id) {
                if (random() % 3 == 0) continue;
                batch.entries.push_back(entry(id, epoch * 1000 + id));
                view[id] = epoch * 1000 + id;
            }
            batch.position = in_epoch(epoch, first, first + 30);
            opened.store.append(batch, base::from_unix(10'000));
            for (std::int64_t id = 0; id < 100; ++id) {
                const auto found = mirror->find(id);
                const auto expected = view.find(id);
                REQUIRE(found.has_value() == (expected != view.end()));
                if (found) REQUIRE(found->created_at == expected->second);
            }
            const auto lowest = view.empty() ? std::nullopt : std::optional{view.begin()->first};
            REQUIRE(mirror->lowest() == lowest);
        }
    }
}

TEST_CASE("what retention deleted is told by its time") {
    const TempDir folder;
    Keep keep;
    keep.rows = base::Seconds{1000};
    StoreFile opened{folder.file("s.db"), keep};
    const auto mirror = make_mirror(folder.file("s.db"));
    opened.store.append({{entry(1, 10), entry(2, 1500)}, at_cursor(2)}, base::from_unix(1500));
    opened.store.keep_up(base::from_unix(1500));
    CHECK_FALSE(mirror->find(1));
    CHECK(mirror->lowest() == 2);
    CHECK(mirror->kept_since() == 11);
    CHECK(mirror->kept_since() == opened.store.kept_since());
}

TEST_CASE("the mirror searches by row id and holds no snapshot") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& db = opened.database.handle();
    opened.store.append({{entry(1, 10)}, at_cursor(1)}, base::from_unix(10));
    std::unique_ptr<Mirror> mirror;
    {
        const SeenStatements statements;
        mirror = make_mirror(folder.file("s.db"));
    }
    CHECK(mirror->find(1));
    CHECK(mirror->lowest());
    CHECK(mirror->kept_since() == 0);
    opened.store.append({{entry(2, 10)}, at_cursor(2)}, base::from_unix(10));
    // Busy with a reader, the checkpoint would say 1 first.
    CHECK(dump(db, "PRAGMA wal_checkpoint(TRUNCATE)").front() == "0|0|0|");

    int planned = 0;
    for (const auto& sql : SeenStatements::seen()) {
        if (sql.find(" log ") == std::string::npos) continue;
        ++planned;
        const auto how = plan(db, sql);
        CAPTURE(sql);
        CHECK(how.starts_with("SEARCH log USING INTEGER PRIMARY KEY (rowid"));
        CHECK(how.find("SCAN") == std::string::npos);
    }
    CHECK(planned == 2);
}
