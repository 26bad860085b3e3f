#include <fstream>

#include <doctest/doctest.h>

#include "base/database.h"
#include "base/failure.h"
#include "base/lock_file.h"
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
