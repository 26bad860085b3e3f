#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>

#include "base/database.h"
#include "support/temp_dir.h"
#include "sync/store.h"

namespace quotafuse::tests {

/// An answered request with a value in every field.
inline sync::LogEntry entry(std::int64_t id, std::int64_t created_at,
                            const std::string& model = "gpt-4o") {
    sync::LogEntry e;
    e.id = id;
    e.created_at = created_at;
    e.kind = sync::Kind::consume;
    e.user = 5;
    e.token = 6;
    e.channel = 7;
    e.username = "alice";
    e.token_name = "key";
    e.model = model;
    e.group = "default";
    e.route = "/v1/chat/completions";
    e.quota = 123456789012;
    e.prompt_tokens = 10;
    e.completion_tokens = 20;
    e.cache_tokens = 3;
    e.latency_ms = 1500;
    e.first_token_ms = 300;
    e.stream = true;
    e.stream_end = sync::StreamEnd::broken;
    e.status = 502;
    e.error_code = "bad_response";
    e.request_id = 0xFFFFFFFFFFFFFFF1ULL;
    e.ip = "10.1.1.1";
    e.attempts = 4;
    e.task = true;
    return e;
}

inline sync::LogEntry failed(std::int64_t id, std::int64_t created_at) {
    auto e = entry(id, created_at);
    e.kind = sync::Kind::error;
    e.content = "it failed";
    e.other = R"({"status_code":502})";
    return e;
}

inline sync::Position at_cursor(std::int64_t cursor, std::vector<sync::Gap> gaps = {}) {
    sync::Position position;
    position.cursor = cursor;
    position.gaps = std::move(gaps);
    return position;
}

/// A store on a file, which may be opened while another one has it open: that one reads what is
/// committed.
struct StoreFile {
    explicit StoreFile(const std::string& path, sync::Keep keep = {})
        : database(path, {sync::Store::schema()}), store(database, keep) {
        database.set_durable(false);  // no test here cuts the power
    }
    base::Database database;
    sync::Store store;
};

inline std::vector<sync::Row> read_all(sync::Store& store) {
    std::vector<sync::Row> rows;
    store.read(-1, 1'000'000'000'000, [&](const sync::Row& row) { rows.push_back(row); });
    return rows;
}

/// Every value of a result, readable, row by row.
inline std::vector<std::string> dump(SQLite::Database& db, const std::string& sql) {
    std::vector<std::string> lines;
    SQLite::Statement query{db, sql};
    while (query.executeStep()) {
        std::string line;
        for (int i = 0; i < query.getColumnCount(); ++i) {
            const auto column = query.getColumn(i);
            line += column.isNull() ? "NULL" : column.getString();
            line += '|';
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

inline std::int64_t number(SQLite::Database& db, const std::string& sql) {
    return db.execAndGet(sql).getInt64();
}

/// How SQLite goes about a statement.
inline std::string plan(SQLite::Database& db, const std::string& sql) {
    SQLite::Statement query{db, "EXPLAIN QUERY PLAN " + sql};
    std::string text;
    while (query.executeStep()) text += query.getColumn(3).getString() + "\n";
    return text;
}

inline std::vector<std::string> rollup_tables_of(SQLite::Database& db) {
    std::vector<std::string> names;
    SQLite::Statement query{db,
                            "SELECT name FROM sqlite_master WHERE type = 'table' AND "
                            "(name LIKE 'hour!_%' ESCAPE '!' OR name LIKE 'day!_%' ESCAPE '!') "
                            "ORDER BY name"};
    while (query.executeStep()) names.push_back(query.getColumn(0).getString());
    return names;
}

/// All that some tables of a store's file have.
inline std::vector<std::string> rollups_in(SQLite::Database& db,
                                           const std::vector<std::string>& tables) {
    std::vector<std::string> all;
    for (const auto& table : tables) {
        all.push_back(table);
        for (auto& line : dump(db, "SELECT * FROM " + table)) all.push_back(std::move(line));
    }
    return all;
}

/// All rollups of a store's file.
inline std::vector<std::string> rollups_in(SQLite::Database& db) {
    return rollups_in(db, rollup_tables_of(db));
}

/// What the rollups of a store's file would be, made anew from its rows.
inline std::vector<std::string> rollups_anew(const std::string& path) {
    const TempDir folder;
    const auto copy = folder.file("copy.db");
    std::int64_t closed = 0;  // rows from the future closed no hour
    {
        SQLite::Database source{path};
        source.exec("VACUUM INTO '" + copy + "'");
        SQLite::Database db{copy, SQLite::OPEN_READWRITE};
        for (const auto& table : rollup_tables_of(db)) db.exec("DELETE FROM " + table);
        closed = number(db, "SELECT closed FROM rollup_state");
        db.exec("UPDATE rollup_state SET closed = 0");
    }
    StoreFile file{copy};
    const auto rows = read_all(file.store);
    sync::Rollups rollups{file.database, file.store.texts(), {}};
    base::WriteTransaction transaction{file.database};
    rollups.add(rows, 0, closed * 3600);
    transaction.commit();
    return rollups_in(file.database.handle());
}

/// As if an older version without rollups had stored the rows.
inline void forget_rollups(const std::string& path) {
    SQLite::Database db{path, SQLite::OPEN_READWRITE};
    for (const auto& table : rollup_tables_of(db)) db.exec("DELETE FROM " + table);
    db.exec("UPDATE rollup_state SET closed = 0");
    db.exec(
        "UPDATE upkeep SET rolled_up = (SELECT min(id) - 1 FROM log), roll_up_to = (SELECT max(id) "
        "FROM log)");
}

/// Calls keep_up() until there is no more to do; returns what went.
inline std::vector<sync::Row> keep_up_all(sync::Store& store, std::int64_t now) {
    std::vector<sync::Row> gone;
    for (int calls = 0; calls < 10'000; ++calls) {
        auto step = store.keep_up(base::from_unix(now));
        CHECK(step.gone.size() <= 500);
        gone.insert(gone.end(), step.gone.begin(), step.gone.end());
        if (!step.more) return gone;
    }
    FAIL("no end of it");
    return gone;
}

}  // namespace quotafuse::tests
