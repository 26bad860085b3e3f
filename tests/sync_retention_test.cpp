#include <set>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kNow = 2'000'000;

Keep keep_rows(std::int64_t seconds) {
    Keep keep;
    keep.rows = base::Seconds{seconds};
    return keep;
}

/// Failed requests, one a second up to and with kNow.
Batch seconds_before_now(std::int64_t count) {
    Batch batch;
    for (std::int64_t id = 1; id <= count; ++id) {
        batch.entries.push_back(failed(id, kNow - count + id));
    }
    batch.position = at_cursor(count);
    return batch;
}

}  // namespace

TEST_CASE("rows that are old go in small steps, the oldest first, with their texts") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db"), keep_rows(1000)};
    auto& store = opened.store;
    auto& db = opened.database.handle();
    store.append(seconds_before_now(2700), base::from_unix(kNow));
    CHECK(store.kept_since() == 0);
    const auto first = store.keep_up(base::from_unix(kNow));
    CHECK(first.more);
    CHECK_FALSE(first.for_room);
    REQUIRE(first.gone.size() == 500);
    CHECK(first.gone.front().id == 1);
    CHECK(first.gone.back().id == 500);
    CHECK(store.rows() == 2200);
    CHECK(store.kept_since() == first.gone.back().created_at + 1);
    CHECK(keep_up_all(store, kNow).size() == 1699 - 500);
    CHECK(store.rows() == 1001);
    CHECK(store.newest() == kNow);
    CHECK(store.kept_since() == kNow - 1000);
    CHECK(number(db, "SELECT count(*) FROM log") == 1001);
    CHECK(number(db, "SELECT min(created_at) FROM log") == kNow - 1000);
    CHECK(number(db, "SELECT count(*) FROM row_text") == 1001);
    CHECK_FALSE(store.texts_of(1699));
    CHECK(store.texts_of(1700));
    CHECK(number(db, "SELECT sum(errors) FROM hour_group") == 2700);  // what was spent stays known
    StoreFile again{folder.file("s.db")};
    CHECK(again.store.rows() == 1001);
    CHECK(again.store.kept_since() == kNow - 1000);
    CHECK(again.store.position() == at_cursor(2700));
}

TEST_CASE("rows of one second that go in several steps leave the right number in the file") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    StoreFile opened{path, keep_rows(1000)};
    Batch batch;
    for (std::int64_t id = 1; id <= 700; ++id) batch.entries.push_back(entry(id, kNow - 5000));
    batch.entries.push_back(entry(701, kNow));
    batch.position = at_cursor(701);
    opened.store.append(batch, base::from_unix(kNow));
    for (const std::int64_t left : {201, 1}) {
        opened.store.keep_up(base::from_unix(kNow));
        CHECK(opened.store.kept_since() == kNow - 4999);
        StoreFile again{path};
        CHECK(again.store.rows() == left);
        CHECK(number(again.database.handle(), "SELECT count(*) FROM log") == left);
    }
}

TEST_CASE("no statement of an append or an upkeep goes through a table") {
    const TempDir folder;
    auto keep = keep_rows(5000);
    keep.texts = base::Seconds{100};
    keep.bytes = 200'000;
    keep.days = base::Seconds{400 * 86'400};
    const auto path = folder.file("s.db");
    { StoreFile{path}.store.append(seconds_before_now(2000), base::from_unix(kNow)); }
    forget_rollups(path);
    StoreFile opened{path, keep};
    auto& db = opened.database.handle();
    std::set<std::string> statements;
    const auto collect = [](unsigned, void* set, void* statement, void*) {
        const auto* const sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
        static_cast<std::set<std::string>*>(set)->insert(sql);
        return 0;
    };
    sqlite3_trace_v2(db.getHandle(), SQLITE_TRACE_STMT, collect, &statements);
    opened.store.append({{failed(2001, kNow - 9000)}, at_cursor(2001, {{5, 6, 7, 0}})},
                        base::from_unix(kNow));
    opened.store.append({{}, at_cursor(2001, {{5, 5, 7, 0}, {8, 8, 8, 1}})}, base::from_unix(kNow));
    opened.store.append({{}, at_cursor(2001)}, base::from_unix(kNow));
    keep_up_all(opened.store, kNow);
    opened.store.read(0, kNow, [](const Row&) {});
    opened.store.texts_of(1);
    opened.store.served(kNow - 60);
    opened.store.count_traffic(kNow - 60, 5);
    opened.store.count_traffic(kNow - 10'000);
    opened.store.count_traffic(kNow - 60, 5);
    sqlite3_trace_v2(db.getHandle(), 0, nullptr, nullptr);

    const std::set<std::string> one_row{"SCAN position\n", "SCAN upkeep\n", "SCAN gateway_state\n"};
    int planned = 0;
    for (const auto& sql : statements) {
        if (sql.starts_with("BEGIN") || sql.starts_with("COMMIT") || sql.starts_with("PRAGMA") ||
            sql.find("FROM pragma_") != std::string::npos)
            continue;
        ++planned;
        CAPTURE(sql);
        const auto how = plan(db, sql);
        CHECK((how.find("SCAN") == std::string::npos || one_row.contains(how)));
    }
    CHECK(planned > 20);
}

TEST_CASE("texts go before their rows") {
    const TempDir folder;
    auto keep = keep_rows(10'000);
    keep.texts = base::Seconds{100};
    StoreFile opened{folder.file("s.db"), keep};
    opened.store.append(seconds_before_now(1000), base::from_unix(kNow));
    CHECK(keep_up_all(opened.store, kNow).empty());
    CHECK(opened.store.rows() == 1000);
    CHECK(number(opened.database.handle(), "SELECT count(*) FROM row_text") == 101);
    CHECK_FALSE(opened.store.texts_of(899));
    CHECK(opened.store.texts_of(900));
}

TEST_CASE("texts of a history that is older than they are kept are not stored at all") {
    const TempDir folder;
    StoreFile file{folder.file("s.db")};
    const auto age = Keep{}.texts.count();
    file.store.append({{failed(1, kNow - age - 1), failed(2, kNow - age)}, at_cursor(2)},
                      base::from_unix(kNow));
    CHECK_FALSE(file.store.texts_of(1).has_value());
    CHECK(file.store.texts_of(2).has_value());
}

TEST_CASE("a clock that jumps years ahead deletes nothing") {
    const TempDir folder;
    StoreFile file{folder.file("s.db")};
    file.store.append({{failed(1, kNow - 1000), failed(2, kNow)}, at_cursor(2)},
                      base::from_unix(kNow));
    const auto step = file.store.keep_up(base::from_unix(kNow + 10 * 365 * 86'400));
    CHECK(step.gone.empty());
    CHECK(file.store.rows() == 2);
    CHECK(file.store.texts_of(1).has_value());
}

TEST_CASE("with nothing to do it rests for some seconds, unless the clock was set back") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db"), keep_rows(1000)};
    auto& store = opened.store;
    const auto late = [&](std::int64_t id) {
        store.append({{entry(id, kNow - 5000 + id)}, at_cursor(id)}, base::from_unix(kNow));
    };
    CHECK_FALSE(store.keep_up(base::from_unix(kNow)).more);
    late(1);
    CHECK(store.keep_up(base::from_unix(kNow + 1)).gone.empty());
    CHECK(store.keep_up(base::from_unix(kNow + 4)).gone.empty());
    CHECK(store.keep_up(base::from_unix(kNow + 5)).gone.size() == 1);
    CHECK(store.rows() == 0);
    CHECK(store.newest() == 0);
    late(2);
    CHECK(store.keep_up(base::from_unix(kNow + 6)).gone.empty());
    CHECK(store.keep_up(base::from_unix(kNow - 100)).gone.size() == 1);
}

TEST_CASE("a look that finds nothing writes nothing") {
    const TempDir folder;
    StoreFile opened{folder.file("s.db")};
    opened.store.append(seconds_before_now(10), base::from_unix(kNow));
    keep_up_all(opened.store, kNow);
    SQLite::Database other{folder.file("s.db")};
    const auto version = number(other, "PRAGMA data_version");
    for (std::int64_t t = 1; t < 600; ++t) opened.store.keep_up(base::from_unix(kNow + t));
    CHECK(number(other, "PRAGMA data_version") == version);
}

TEST_CASE("above its size the store loses its oldest rows, until there is some room") {
    const TempDir folder;
    Keep keep;
    keep.bytes = 1'000'000;
    StoreFile opened{folder.file("s.db"), keep};
    auto& store = opened.store;
    auto& db = opened.database.handle();
    const auto used = [&] {
        return (number(db, "PRAGMA page_count") - number(db, "PRAGMA freelist_count")) *
               number(db, "PRAGMA page_size");
    };
    store.append(seconds_before_now(10'000), base::from_unix(kNow));
    REQUIRE(used() > 1'200'000);
    CHECK(store.keep_up(base::from_unix(kNow)).for_room);
    const auto gone = keep_up_all(store, kNow);
    CHECK(used() <= 980'000);
    CHECK(used() > 800'000);
    CHECK(store.rows() == number(db, "SELECT count(*) FROM log"));
    CHECK(store.rows() == number(db, "SELECT count(*) FROM row_text"));
    CHECK(number(db, "SELECT min(created_at) FROM log") == store.kept_since());
    CHECK(gone.back().created_at == store.kept_since() - 1);
    // Between 98 % and the whole nothing goes.
    CHECK(keep_up_all(store, kNow + 10).empty());
    CHECK(number(db, "SELECT sum(errors) FROM hour_group") == 10'000);
}

TEST_CASE("a catch-up does not outrun the bound within the rest between two looks") {
    const TempDir folder;
    Keep keep;
    keep.bytes = 4'000'000;
    StoreFile opened{folder.file("s.db"), keep};
    auto& db = opened.database.handle();
    std::int64_t next = 1;
    for (int batch = 0; batch < 30; ++batch) {
        Batch rows;
        for (int i = 0; i < 5000; ++i, ++next) rows.entries.push_back(entry(next, kNow));
        rows.position = at_cursor(next - 1);
        opened.store.append(rows, base::from_unix(kNow));
        keep_up_all(opened.store, kNow);
    }
    CHECK(number(db, "PRAGMA page_count") * number(db, "PRAGMA page_size") < 8'000'000);
    CHECK(number(db, "SELECT sum(quota) FROM hour_group") == (next - 1) * entry(1, kNow).quota);
}

TEST_CASE("a step for room that failed makes no room later, when there is some") {
    const TempDir folder;
    Keep keep;
    keep.bytes = 1'050'000;
    StoreFile opened{folder.file("s.db"), keep};
    auto& db = opened.database.handle();
    opened.store.append(seconds_before_now(10'000), base::from_unix(kNow));
    db.exec(
        "CREATE TEMP TRIGGER fault BEFORE UPDATE ON main.upkeep "
        "BEGIN SELECT RAISE(ABORT, 'no room'); END");
    CHECK_THROWS_AS(opened.store.keep_up(base::from_unix(kNow)), SQLite::Exception);
    db.exec("DROP TRIGGER fault; DELETE FROM row_text");
    CHECK(opened.store.keep_up(base::from_unix(kNow)).gone.empty());
    CHECK(opened.store.rows() == 10'000);
}

TEST_CASE("a size that rows alone cannot keep empties the store and makes no busy loop") {
    const TempDir folder;
    Keep keep;
    keep.bytes = 1;
    StoreFile opened{folder.file("s.db"), keep};
    opened.store.append(seconds_before_now(700), base::from_unix(kNow));
    CHECK(keep_up_all(opened.store, kNow).size() == 700);
    CHECK(opened.store.rows() == 0);
    const auto step = opened.store.keep_up(base::from_unix(kNow + 60));
    CHECK_FALSE(step.more);
    CHECK_FALSE(step.for_room);
}

TEST_CASE("wherever an upkeep fails, file and memory stay as they were, and it is made up for") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    { StoreFile{path}.store.append(seconds_before_now(1200), base::from_unix(kNow)); }
    const auto fails = [&](StoreFile& opened, const std::string& place) {
        CAPTURE(place);
        auto& db = opened.database.handle();
        const auto rows = opened.store.rows();
        const auto since = opened.store.kept_since();
        const auto rollups = rollups_in(db);
        db.exec("CREATE TEMP TRIGGER fault BEFORE " + place +
                " BEGIN SELECT RAISE(ABORT, 'no room'); END");
        CHECK_THROWS_AS(opened.store.keep_up(base::from_unix(kNow)), SQLite::Exception);
        db.exec("DROP TRIGGER fault");
        CHECK(opened.store.rows() == rows);
        CHECK(opened.store.kept_since() == since);
        CHECK(rollups_in(db) == rollups);
        StoreFile again{path};
        CHECK(again.store.rows() == rows);
        CHECK(again.store.kept_since() == since);
    };
    forget_rollups(path);
    StoreFile opened{path, keep_rows(100)};
    fails(opened, "INSERT ON main.hour_user");
    fails(opened, "UPDATE ON main.upkeep");
    while (number(opened.database.handle(), "SELECT rolled_up < roll_up_to FROM upkeep") == 1) {
        opened.store.keep_up(base::from_unix(kNow));
    }
    CHECK(rollups_in(opened.database.handle()) == rollups_anew(path));
    fails(opened, "DELETE ON main.log");
    fails(opened, "DELETE ON main.row_text");
    fails(opened, "UPDATE ON main.position");
    CHECK(keep_up_all(opened.store, kNow).size() == 1099);
    CHECK(number(opened.database.handle(), "SELECT sum(errors) FROM hour_group") == 1200);
}
