#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/database.h"
#include "base/failure.h"
#include "base/lock_file.h"
#include "support/small_disk.h"
#include "support/temp_dir.h"

using namespace quotafuse::base;

namespace {
const Schema kOne{"room", {"CREATE TABLE a(x INTEGER)"}};
const Schema kTwo{"room",
                  {"CREATE TABLE a(x INTEGER)", "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 7"}};
}  // namespace

TEST_CASE("a store grows from version to version and keeps its rows") {
    const quotafuse::tests::TempDir folder;
    {
        Database db{folder.file("s.db"), {kOne}};
        db.handle().exec("INSERT INTO a VALUES(1)");
    }
    { Database db{folder.file("s.db"), {kTwo}}; }
    Database db{folder.file("s.db"), {kTwo, {"other", {"CREATE TABLE b(z)"}}}};
    SQLite::Statement row{db.handle(), "SELECT x, y FROM a"};
    REQUIRE(row.executeStep());
    CHECK(row.getColumn(0).getInt() == 1);
    CHECK(row.getColumn(1).getInt() == 7);
}

TEST_CASE("a newer store is refused, and a failed migration changes nothing") {
    const quotafuse::tests::TempDir folder;
    { Database db{folder.file("s.db"), {kTwo}}; }
    try {
        Database db{folder.file("s.db"), {kOne}};
        FAIL("opened a newer store");
    } catch (const Failure& e) {
        CHECK(e.code() == ExitCode::config);
        CHECK(std::string{e.what()}.find("written by a newer quotafuse") != std::string::npos);
    }
    const Schema broken{"new", {"CREATE TABLE fine(x)", "CREATE TABLE broken("}};
    CHECK_THROWS_AS((Database{folder.file("s.db"), {kTwo, broken}}), Failure);
    Database db{folder.file("s.db"), {kTwo}};
    CHECK_FALSE(db.handle().tableExists("fine"));
}

TEST_CASE("what is no database, or nowhere, is an I/O failure that names the file") {
    const quotafuse::tests::TempDir folder;
    std::ofstream{folder.file("text")} << std::string(5000, 'x');
    for (const auto& path : {folder.file("text"), std::string{"/nowhere/s.db"}}) {
        try {
            Database db{path, {kOne}};
            FAIL("opened " << path);
        } catch (const Failure& e) {
            CHECK(e.code() == ExitCode::io_error);
            CHECK(std::string{e.what()}.find(path) != std::string::npos);
        }
    }
}

TEST_CASE("a migration may call functions that its room brings") {
    const quotafuse::tests::TempDir folder;
    { Database db{folder.file("s.db"), {kOne}}; }
    auto with_function = kOne;
    with_function.migrations.emplace_back("INSERT INTO a VALUES(twice(21))");
    int called = 0;
    with_function.functions = [&](SQLite::Database& db) {
        ++called;
        db.createFunction("twice", 1, true, nullptr,
                          [](sqlite3_context* context, int, sqlite3_value** values) {
                              sqlite3_result_int64(context, 2 * sqlite3_value_int64(values[0]));
                          });
    };
    {
        Database db{folder.file("s.db"), {with_function}};
        CHECK(db.handle().execAndGet("SELECT x FROM a").getInt() == 42);
    }
    { Database db{folder.file("s.db"), {with_function}}; }
    CHECK(called == 1);
}

TEST_CASE("whether the last user ended cleanly is known at the next opening") {
    const quotafuse::tests::TempDir folder;
    const auto path = folder.file("s.db");
    const auto ended_cleanly = [&] { return Database{path, {kOne}}.ended_cleanly(); };
    CHECK(ended_cleanly());  // a new file
    CHECK(ended_cleanly());
    {
        Database db{path, {kOne}};
        db.handle().exec("BEGIN; INSERT INTO a VALUES(1); COMMIT");
    }
    CHECK(ended_cleanly());
    const auto child = ::fork();
    if (child == 0) {
        Database db{path, {kOne}};
        db.handle().exec("INSERT INTO a VALUES(2)");
        ::_exit(0);  // no destructor, as after a kill
    }
    REQUIRE(child > 0);
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    CHECK_FALSE(ended_cleanly());
    CHECK_FALSE(ended_cleanly());  // nobody has looked the file over in between
    Database{path, {kOne}}.note_sound();
    CHECK(ended_cleanly());
    CHECK(Database{path, {kOne}}.handle().execAndGet("SELECT count(*) FROM a").getInt() == 2);
}

namespace {

/// A file of some MB with an index; returns its path.
std::string big_file(const quotafuse::tests::TempDir& folder) {
    const auto path = folder.file("s.db");
    Database db{path, {{"room", {"CREATE TABLE a(x TEXT); CREATE INDEX by_x ON a(x)"}}}};
    db.handle().exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) "
        "INSERT INTO a SELECT hex(randomblob(8)) || i FROM n");
    return path;
}

}  // namespace

TEST_CASE("a sound file is found sound, beside its writer too") {
    const quotafuse::tests::TempDir folder;
    const auto path = big_file(folder);
    CHECK_FALSE(check_file(path, {}));
    Database db{path, {}};
    db.handle().exec("INSERT INTO a VALUES('in the WAL')");
    CHECK_FALSE(check_file(path, {}));
    CHECK_THROWS_AS(check_file(folder.file("none.db"), {}), SQLite::Exception);
}

TEST_CASE("a damaged file is told so, with what is wrong in it") {
    const quotafuse::tests::TempDir folder;
    const auto path = big_file(folder);
    {
        // The pages in the middle, as a broken disk leaves them.
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        for (int page = 200; page < 220; ++page) {
            file.seekp(page * 4096);
            file << std::string(4096, 'x');
        }
    }
    const auto faults = check_file(path, {});
    REQUIRE(faults);
    CHECK(faults->find("age") != std::string::npos);  // "Tree 3 page 201: …" or "Page 201: …"
    std::ofstream{folder.file("text")} << std::string(5000, 'x');
    const auto no_database = check_file(folder.file("text"), {});
    REQUIRE(no_database);
    CHECK(no_database->find("not a database") != std::string::npos);
}

TEST_CASE("a check stops when it is told to") {
    const quotafuse::tests::TempDir folder;
    const auto path = big_file(folder);
    std::filesystem::resize_file(path,
                                 std::filesystem::file_size(path) - 4096);  // it would be told
    REQUIRE(check_file(path, {}));
    std::stop_source stop;
    stop.request_stop();
    CHECK_FALSE(check_file(path, stop.get_token()));
}

TEST_CASE("the journal is copied when there is time, and else before it grows without end") {
    const quotafuse::tests::TempDir dir;
    const auto journal_mb = [&] {
        return static_cast<double>(std::filesystem::file_size(dir.file("s.db-wal"))) / 1e6;
    };
    Database db{dir.file("s.db"), {{"a", {"CREATE TABLE big(x BLOB)"}}}};
    const auto write_mb = [&](int count) {
        for (int i = 0; i < count; ++i) {
            db.handle().exec("INSERT INTO big VALUES(zeroblob(500000))");
            db.handle().exec("INSERT INTO big VALUES(zeroblob(500000))");
        }
    };
    // A journal that was copied whole begins anew: the file does not grow any more.
    for (int i = 0; i < 10; ++i) {
        write_mb(6);
        db.keep_journal_short();
    }
    CHECK(journal_mb() < 8);
    write_mb(60);
    CHECK(journal_mb() > 12);
    CHECK(journal_mb() < 24);
}

TEST_CASE(
    "a disk too full for the journal's pages stops no commit, and is told until there is room") {
    const quotafuse::tests::TempDir folder;
    Database db{folder.file("s.db"), {{"a", {"CREATE TABLE big(x BLOB)"}}}};
    const auto write_mb = [&](int count) {
        for (int i = 0; i < count; ++i)
            db.handle().exec("INSERT INTO big VALUES(zeroblob(1000000))");
    };
    const auto file_mb = [&] {
        return std::filesystem::file_size(folder.file("s.db")) / 1'000'000;
    };
    write_mb(30);
    db.keep_journal_short();
    REQUIRE(file_mb() >= 30);
    {
        // The journal, which begins anew, may grow so far; the file may not grow any more.
        const quotafuse::tests::SmallDisk disk{25'000'000};
        CHECK_NOTHROW(write_mb(20));
        CHECK_THROWS_AS(db.keep_journal_short(), SQLite::Exception);
        CHECK_THROWS_AS(db.keep_journal_short(), SQLite::Exception);
        CHECK_NOTHROW(write_mb(1));
    }
    CHECK(file_mb() < 35);
    db.keep_journal_short();
    CHECK(file_mb() >= 51);
    CHECK(db.handle().execAndGet("SELECT count(*) FROM big").getInt() == 51);
}

TEST_CASE("a lock or a store that somebody made a link leads nowhere") {
    const quotafuse::tests::TempDir folder;
    const auto victim = folder.file("victim");
    std::ofstream{victim} << "precious";
    std::filesystem::create_symlink(victim, folder.file("s.lock"));
    CHECK_THROWS_WITH_AS(LockFile{folder.file("s.lock")},
                         (folder.file("s.lock") + ": it is a link, which is not followed").c_str(),
                         Failure);
    CHECK(std::filesystem::file_size(victim) == 8);

    // One's own link is fine: the store may lie on another disk.
    const auto linked = folder.file("linked.db");
    std::filesystem::create_symlink(folder.file("s.db"), linked);
    { const Database mine{linked, {}}; }
    CHECK(std::filesystem::file_size(folder.file("s.db")) > 0);
    constexpr uid_t kSomebody = 65534;
    if (::lchown(linked.c_str(), kSomebody, kSomebody) != 0)
        return;  // only root makes it another's
    CHECK_THROWS_WITH_AS(
        (Database{linked, {}}),
        ("store " + linked + ": it is a link of another user, which is not followed").c_str(),
        Failure);
}

TEST_CASE("a second writer is kept off and told who holds the store") {
    const quotafuse::tests::TempDir folder;
    const LockFile first{folder.file("s.lock")};
    try {
        const LockFile second{folder.file("s.lock")};
        FAIL("locked twice");
    } catch (const Failure& e) {
        CHECK(e.code() == ExitCode::unavailable);
        CHECK(std::string{e.what()}.find("pid " + std::to_string(::getpid())) != std::string::npos);
    }
}
