#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/failure.h"
#include "sync/gauges.h"
#include "sync/history.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

std::vector<std::int64_t> ids(History& history, std::int64_t after, std::int64_t until) {
    std::vector<std::int64_t> found;
    history.read(after, until, [&](const Row& row) { found.push_back(row.id); });
    return found;
}

base::Failure failure_of(const std::string& path) {
    try {
        History history{path};
    } catch (const base::Failure& e) {
        return e;
    }
    FAIL("opened it");
    std::abort();
}

}  // namespace

TEST_CASE("a history reads what the store has, in the same order and slice by slice") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    StoreFile opened{path};
    std::int64_t id = 0;
    for (int batch = 0; batch < 9; ++batch) {
        Batch rows;
        // Many a second, so that a slice ends within one; every seventh row came late.
        for (int i = 0; i < 5000; ++i) {
            ++id;
            rows.entries.push_back(entry(id, 1000 + id / 3000 - (id % 7 == 0 ? 5 : 0)));
        }
        rows.position = at_cursor(id);
        opened.store.append(rows, base::from_unix(9000));
    }
    History history{path};
    std::vector<std::int64_t> expected;
    for (const auto& row : read_all(opened.store)) expected.push_back(row.id);
    REQUIRE(expected.size() == 45'000);
    CHECK(ids(history, 0, 100'000) == expected);
    std::vector<std::int64_t> some;
    opened.store.read(1003, 1011, [&](const Row& row) { some.push_back(row.id); });
    CHECK(some.size() > 20'000);
    CHECK(ids(history, 1003, 1011) == some);
    CHECK(history.range() == std::pair{base::from_unix(995), base::from_unix(1015)});
}

TEST_CASE("a history beside a store that goes on knows the new texts") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    StoreFile opened{path};
    History history{path};
    CHECK_FALSE(history.range());
    CHECK(ids(history, 0, 100).empty());
    opened.store.append({{entry(1, 10, "a-model")}, at_cursor(1)}, base::from_unix(12));
    history.read(0, 100, [&](const Row& row) {
        CHECK(history.texts().text(row.model) == "a-model");
        CHECK(history.texts().text(row.username) == "alice");
    });
    opened.store.append({{entry(2, 11, "b-model")}, at_cursor(2)}, base::from_unix(12));
    std::vector<std::string> models;
    history.read(0, 100, [&](const Row& row) {
        // Whoever visits may read, too.
        history.read(10, 11, [&](const Row& other) {
            models.push_back(history.texts().text(row.model) + " " +
                             history.texts().text(other.model));
        });
    });
    CHECK(models == std::vector<std::string>{"a-model b-model", "b-model b-model"});
}

TEST_CASE("a history holds no snapshot while rows are visited") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    StoreFile opened{path};
    opened.store.append({{entry(1, 10), entry(2, 11)}, at_cursor(2)}, base::from_unix(12));
    History history{path};
    int visited = 0;
    history.read(0, 100, [&](const Row&) {
        ++visited;
        // Cuts the WAL off, which waits for readers of it.
        CHECK(number(opened.database.handle(), "PRAGMA wal_checkpoint(TRUNCATE)") == 0);
    });
    CHECK(visited == 2);
}

TEST_CASE("a history finds late rows as the store does") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    StoreFile opened{path};
    for (std::int64_t id = 1; id <= 400; ++id) {
        opened.store.append({{entry(id, 1000 + id)}, at_cursor(id)}, base::from_unix(9000),
                            base::from_unix(1000 + id + id % 11 * 30));
    }
    History history{path};
    std::size_t found = 0;
    for (std::int64_t seen = 900; seen < 1800; seen += 37) {
        std::vector<std::int64_t> expected;
        std::vector<std::int64_t> late;
        opened.store.read_late(1020, 1350, seen,
                               [&](const Row& row) { expected.push_back(row.id); });
        history.read_late(1020, 1350, seen, [&](const Row& row) { late.push_back(row.id); });
        CHECK(late == expected);
        found += late.size();
    }
    CHECK(found > 1000);
}

TEST_CASE("a history has the gauges of any second, and what changed between two") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    StoreFile opened{path};
    Gauges gauges{opened.database, opened.store};
    GatewayInfo info;
    info.gateway = Gateway::new_api;
    std::vector<GaugeChange> all;
    // More changes than a slice has.
    for (int second = 0; second < 30; ++second) {
        for (std::int64_t id = 1; id <= 900; ++id)
            info.channels[id] = {fmt::format("channel {}", id), 1, 1 + second % 3};
        for (const auto& change : gauges.record(info, base::from_unix(1000 + second)))
            all.push_back(change);
    }
    info.channels.erase(7);
    for (const auto& change : gauges.record(info, base::from_unix(1030))) all.push_back(change);
    REQUIRE(all.size() == 30 * 900 + 1);
    History history{path};
    std::vector<GaugeChange> read;
    const auto visit = [&](const GaugeChange& change) { read.push_back(change); };
    history.read_gauges(base::from_unix(0), base::from_unix(5000), visit);
    CHECK(read == all);
    read.clear();
    history.read_gauges(base::from_unix(1004), base::from_unix(1005), visit);
    REQUIRE(read.size() == 900);
    CHECK(read.front().at == 1005);
    CHECK(history.gauges_at(base::from_unix(999)).empty());
    const auto then = history.gauges_at(base::from_unix(1004));
    REQUIRE(then.size() == 900);
    for (const auto& change : then) {
        CHECK(change.at == 1004);
        CHECK(change.value == 1 + 4 % 3);
    }
    const auto later = history.gauges_at(base::from_unix(1030));
    CHECK(later.size() == 900);
    CHECK(std::ranges::count_if(later, [](const auto& one) { return !one.value; }) == 1);
    CHECK(history.directory() == gauges.directory());
    CHECK(history.texts().text(history.directory().channels.at(1).provider) == "OpenAI");
}

TEST_CASE("what is no store of this version is refused with what to do") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    CHECK(failure_of(path).code() == base::ExitCode::no_input);
    { StoreFile opened{path}; }
    { History history{path}; }
    const auto set_version = [&](int version) {
        SQLite::Database db{path, SQLite::OPEN_READWRITE};
        db.exec(fmt::format("UPDATE schema SET version = {} WHERE room = 'sync'", version));
    };
    set_version(2);
    CHECK(failure_of(path).code() == base::ExitCode::config);
    CHECK(std::string{failure_of(path).what()}.find("older quotafuse") != std::string::npos);
    set_version(99);
    CHECK(failure_of(path).code() == base::ExitCode::config);
    CHECK(std::string{failure_of(path).what()}.find("newer quotafuse") != std::string::npos);
    const auto other = folder.file("other.db");
    std::ofstream{other} << std::string(5000, 'x');
    CHECK(failure_of(other).code() == base::ExitCode::io_error);
}
