#include <random>
#include <stdexcept>

#include <doctest/doctest.h>

#include "sync/store_tables.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("rows are read by time, without their lower bound and with their upper") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    opened.store.append({{entry(1, 30), entry(2, 10), entry(3, 20)}, at_cursor(3)},
                        base::from_unix(50));
    std::vector<std::int64_t> times;
    opened.store.read(10, 30, [&](const Row& row) { times.push_back(row.created_at); });
    CHECK(times == std::vector<std::int64_t>{20, 30});
}

TEST_CASE("reading and deleting by time search an index and never the table") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& db = opened.database.handle();
    CHECK(plan(db,
               "SELECT id FROM log WHERE created_at > 1 AND created_at <= 2 ORDER BY created_at") ==
          "SEARCH log USING COVERING INDEX log_by_time (created_at>? AND created_at<?)\n");
    CHECK(plan(db, "SELECT * FROM log WHERE created_at < 5 ORDER BY created_at LIMIT 500") ==
          "SEARCH log USING INDEX log_by_time (created_at<?)\n");
    CHECK(plan(db, "SELECT * FROM log WHERE id > 5 AND id <= 7 ORDER BY id LIMIT 500") ==
          "SEARCH log USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)\n");
    const auto texts = plan(db,
                            "DELETE FROM row_text WHERE id IN (SELECT id FROM row_text "
                            "WHERE created_at < 5 ORDER BY created_at LIMIT 100)");
    CHECK(texts.find("SCAN") == std::string::npos);
    CHECK(texts.find("USING COVERING INDEX row_text_by_time (created_at<?)") != std::string::npos);
}

namespace {

/// Ids of the rows that read_late() gives.
std::vector<std::int64_t> late(RowReader& reader, std::int64_t after, std::int64_t until,
                               std::int64_t seen) {
    std::vector<std::int64_t> ids;
    reader.read_late(after, until, seen, [&](const Row& row) { ids.push_back(row.id); });
    return ids;
}

}  // namespace

TEST_CASE("rows seen after a second are found, old ones without reading the others") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    auto& store = opened.store;
    const auto at = [](std::int64_t second) { return base::from_unix(second); };
    // On time; 300 s late; on time; ahead of the clock; back-filled long after.
    store.append({{entry(1, 1000)}, at_cursor(1)}, at(9000), at(1002));
    store.append({{entry(2, 1100)}, at_cursor(2)}, at(9000), at(1400));
    store.append({{entry(3, 1399)}, at_cursor(3)}, at(9000), at(1400));
    store.append({{entry(4, 1500)}, at_cursor(4)}, at(9000), at(1450));
    store.append({{entry(5, 900)}, at_cursor(5)}, at(9000));
    CHECK(late(store, 0, 2000, 1399) == std::vector<std::int64_t>{2, 3, 4});
    CHECK(late(store, 0, 2000, 1400) == std::vector<std::int64_t>{4});
    CHECK(late(store, 0, 1200, 1399) == std::vector<std::int64_t>{2});
    CHECK(late(store, 1100, 2000, 1399) == std::vector<std::int64_t>{3, 4});
    CHECK(late(store, 0, 2000, 1001) == std::vector<std::int64_t>{1, 2, 3, 4});
    CHECK(late(store, 0, 2000, 100) == std::vector<std::int64_t>{5, 1, 2, 3, 4});
    CHECK(late(store, 0, 1000, 5000).empty());

    auto& db = opened.database.handle();
    CHECK(plan(db, std::string{"SELECT * "} + kLateRows) ==
          "SEARCH log USING INDEX log_late (seen_at>?)\n");
    for (const auto* const rows : {kRowsByTime, kRowsSeenAfter}) {
        CHECK(plan(db, std::string{"SELECT * "} + rows) ==
              "SEARCH log USING INDEX log_by_time (created_at>? AND created_at<?)\n");
    }
    CHECK(number(db,
                 "SELECT count(*) FROM log INDEXED BY log_late "
                 "WHERE seen_at > created_at + 120") == 1);
}

TEST_CASE("late rows are those that a look at every row finds, whatever is asked") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    std::mt19937 random{7};
    const auto below = [&](int most) {
        return static_cast<std::int64_t>(random() % static_cast<unsigned>(most));
    };
    for (std::int64_t id = 1; id <= 300; ++id) {
        const auto created = 1000 + below(1500);
        opened.store.append({{entry(id, created)}, at_cursor(id)}, base::from_unix(9000),
                            base::from_unix(created - 100 + below(600)));
    }
    const auto all = read_all(opened.store);
    std::size_t found = 0;
    for (int i = 0; i < 200; ++i) {
        const auto after = 900 + below(1700);
        const auto until = after + below(900);
        const auto seen = 900 + below(2200);
        std::vector<std::int64_t> expected;
        for (const auto& row : all) {
            if (row.created_at > after && row.created_at <= until && row.seen_at > seen)
                expected.push_back(row.id);
        }
        CHECK(late(opened.store, after, until, seen) == expected);
        found += expected.size();
    }
    CHECK(found > 1000);
}

TEST_CASE("what a visit of a row throws ends the reading, and the next one works") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    opened.store.append({{entry(1, 10), entry(2, 11)}, at_cursor(2)}, base::from_unix(12));
    CHECK_THROWS_AS(
        opened.store.read(0, 100, [](const Row&) { throw std::runtime_error("enough"); }),
        std::runtime_error);
    base::WriteTransaction transaction{opened.database};
    opened.database.handle().exec("DELETE FROM log WHERE id = 1");
    transaction.commit();
    CHECK(read_all(opened.store).size() == 1);
}
