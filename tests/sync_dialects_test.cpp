#include <algorithm>
#include <cstdlib>

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/mariadb.h"
#include "sync_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using tests::shared_mariadb;

namespace {

const char* kind_name(Kind kind) {
    switch (kind) {
        case Kind::other:
            return "other";
        case Kind::consume:
            return "consume";
        case Kind::error:
            return "error";
        case Kind::refund:
            return "refund";
        case Kind::test:
            return "test";
    }
    std::abort();
}

const char* end_name(StreamEnd end) {
    switch (end) {
        case StreamEnd::unknown:
            return "unknown";
        case StreamEnd::complete:
            return "complete";
        case StreamEnd::broken:
            return "broken";
        case StreamEnd::client_gone:
            return "client_gone";
    }
    std::abort();
}

/// A whole entry in one line: every field that says something.
std::string show(const LogEntry& entry) {
    auto line = fmt::format("{} at {} {}", entry.id, entry.created_at, kind_name(entry.kind));
    const auto number = [&](const char* name, std::int64_t value, std::int64_t nothing) {
        if (value != nothing) line += fmt::format(" {}={}", name, value);
    };
    const auto text = [&](const char* name, const std::string& value) {
        if (!value.empty()) line += fmt::format(" {}={}", name, value);
    };
    const auto flag = [&](const char* name, bool value) {
        if (value) line += fmt::format(" {}", name);
    };
    number("user", entry.user, 0);
    text("username", entry.username);
    number("token", entry.token, 0);
    text("token_name", entry.token_name);
    number("channel", entry.channel, 0);
    text("model", entry.model);
    text("group", entry.group);
    text("route", entry.route);
    number("quota", entry.quota, 0);
    number("prompt", entry.prompt_tokens, 0);
    number("completion", entry.completion_tokens, 0);
    number("cache", entry.cache_tokens, 0);
    number("latency", entry.latency_ms, LogEntry::kUnknown);
    number("first", entry.first_token_ms, LogEntry::kUnknown);
    flag("stream", entry.stream);
    if (entry.stream_end != StreamEnd::unknown) text("end", end_name(entry.stream_end));
    number("status", entry.status, 0);
    text("code", entry.error_code);
    flag("request", entry.request_id != 0);
    text("ip", entry.ip);
    number("attempts", entry.attempts, 1);
    flag("channel_test", entry.channel_test);
    flag("task", entry.task);
    text("content", entry.content);
    text("other", entry.other);
    return line;
}

using Lines = std::vector<std::string>;

Lines lines_of(LogSource& source, std::int64_t* broken_others = nullptr) {
    Lines lines;
    for (const auto& entry : tests::entries_of(source, broken_others)) lines.push_back(show(entry));
    return lines;
}

void check_lines(const Lines& lines, const Lines& expected) {
    CHECK(lines.size() == expected.size());
    for (std::size_t i = 0; i < std::min(lines.size(), expected.size()); ++i)
        CHECK(lines[i] == expected[i]);
}

/// A database of its own with a gateway's tables and what is done to them.
std::unique_ptr<LogSource> gateway(const std::string& schema, const std::string& statements) {
    static int number = 0;
    const auto database = fmt::format("dialect_{}", ++number);
    shared_mariadb().load_ddl(database, schema);
    shared_mariadb().sql(statements, database);
    return make_source(tests::dsn_of(shared_mariadb().dsn("root", "", database)), {}, {});
}

/// The same rows in the gateway's own SQLite file.
Lines lines_of_sqlite(const std::string& schema, const std::string& statements) {
    const tests::TempDir folder;
    const auto path = folder.file("gateway.db");
    {
        SQLite::Database db{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        db.exec(tests::sqlite_ddl(schema));
        db.exec(statements);
    }
    return lines_of(*make_source(tests::dsn_of(path), {}, {}));
}

// Rows as New API of 2026 writes them.
constexpr auto kNewApi2026 = R"sql(
INSERT INTO logs(id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id, token_id, `group`, ip, request_id, other) VALUES
(1, 3, 1000, 2, 'text', 'alice', 'k1', 'gpt-4o', 1500, 100, 50, 4, 1, 12, 9, 'vip', '10.0.0.1', 'r1', '{"admin_info":{"use_channel":["3","12"]},"cache_tokens":64,"frt":812,"request_path":"/v1/chat/completions","stream_status":{"end_reason":"done","status":"ok"}}'),
(2, 3, 1001, 5, 'status_code=429, slow down', 'alice', 'k1', 'gpt-4o', 0, 0, 0, 2, 1, 3, 9, 'vip', '', 'r1', '{"admin_info":{"use_channel":["3"]},"error_code":"rate_limit_exceeded","error_type":"openai_error","request_path":"/v1/chat/completions","status_code":429}'),
(3, 3, 1002, 2, 'long text', 'alice', 'k1', 'o3', 9, 1, 1, 30, 0, 12, 9, 'vip', '', 'r3', '{"frt":-1000,"model_ratio":1}'),
(4, 3, 1003, 2, '', 'alice', 'k1', 'gpt-4o', 7, 2, 0, 5, 1, 12, 9, 'vip', '', 'r4', '{"frt":99,"stream_status":{"end_reason":"timeout","status":"error"}}'),
(5, 3, 1004, 2, '', 'alice', 'k1', 'gpt-4o', 7, 2, 0, 5, 1, 12, 9, 'vip', '', 'r5', '{"frt":99,"stream_status":{"end_reason":"client_gone","status":"error"}}'),
(6, 1, 1005, 2, '模型测试', 'root', '模型测试', 'gpt-4o', 3, 5, 1, 1, 0, 12, 0, 'default', '', '', '{"frt":-1000}'),
(7, 1, 1006, 5, 'status_code=401, bad key', 'root', '', 'gpt-4o', 0, 0, 0, 0, 0, 12, 0, 'default', '', '', '{"error_code":"invalid_api_key","error_type":"openai_error","status_code":401}'),
(8, 3, 1007, 2, 'submitted', 'alice', 'k1', 'kling-v2', 250000, 0, 0, 0, 0, 12, 9, 'vip', '', 'r8', '{"is_task":true,"model_price":0.5,"request_path":"/v1/videos"}'),
(9, 3, 1008, 6, 'failed', 'alice', 'k1', 'kling-v2', 250000, 0, 0, 0, 0, 12, 9, 'vip', '', '', '{"is_task":true,"reason":"failed","task_id":"t1"}'),
(10, 3, 1009, 2, 'settled', 'alice', 'k1', 'kling-v2', 1000, 0, 0, 0, 0, 12, 9, 'vip', '', '', '{"actual_quota":251000,"pre_consumed_quota":250000,"task_id":"t2"}'),
(11, 3, 1010, 1, 'topped up', 'alice', '', '', 0, 0, 0, 0, 0, 0, 0, '', '10.0.0.1', '', ''),
(12, 3, 1011, 7, 'login', 'alice', '', '', 0, 0, 0, 0, 0, 0, 0, '', '10.0.0.1', '', 'null'),
(13, 3, 1012, 2, '', 'alice', 'k1', 'm', 1, 1, 1, 1, 0, 12, 9, 'vip', '', 'r13', 'null'),
(14, 3, 1013, 2, '', 'alice', 'k1', 'm', -5, 1, 1, 1, 0, 12, 9, 'vip', '', 'r14', ''),
(15, 3, 1014, 2, '', 'alice', 'k1', 'm', 1, 1, 1, 1, 1, 12, 9, 'vip', '', 'r15', '{"frt":"soon","cache_tokens":{},"admin_info":[],"stream_status":"ok","request_path":7,"is_task":"yes"}'),
(16, 3, 1015, 5, 'upstream broke', 'alice', 'k1', 'm', 0, 0, 0, 0, 0, 12, 9, 'vip', '', 'r16', '{"error_code":1301,"status_code":"503"}'),
(17, 3, 1016, 5, 'status_code=502, broken', 'alice', 'k1', 'm', 0, 0, 0, 31, 0, 12, 9, 'vip', '', 'r17', '{"error_code":'))sql";

const Lines kDecoded2026{
    "1 at 1000 consume user=3 username=alice token=9 token_name=k1 channel=12 model=gpt-4o "
    "group=vip route=/v1/chat/completions quota=1500 prompt=100 completion=50 cache=64 "
    "latency=4000 first=812 stream end=complete request ip=10.0.0.1 attempts=2",
    "2 at 1001 error user=3 username=alice token=9 token_name=k1 channel=3 model=gpt-4o group=vip "
    "route=/v1/chat/completions latency=2000 stream status=429 code=rate_limit_exceeded request "
    "content=status_code=429, slow down "
    "other={\"admin_info\":{\"use_channel\":[\"3\"]},\"error_code\":\"rate_limit_exceeded\","
    "\"error_type\":\"openai_error\",\"request_path\":\"/v1/chat/completions\",\"status_code\":"
    "429}",
    "3 at 1002 consume user=3 username=alice token=9 token_name=k1 channel=12 model=o3 group=vip "
    "quota=9 prompt=1 completion=1 latency=30000 request content=long text "
    "other={\"frt\":-1000,\"model_ratio\":1}",
    "4 at 1003 consume user=3 username=alice token=9 token_name=k1 channel=12 model=gpt-4o "
    "group=vip quota=7 prompt=2 latency=5000 first=99 stream end=broken request",
    "5 at 1004 consume user=3 username=alice token=9 token_name=k1 channel=12 model=gpt-4o "
    "group=vip quota=7 prompt=2 latency=5000 first=99 stream end=client_gone request",
    "6 at 1005 consume user=1 username=root token_name=模型测试 channel=12 model=gpt-4o "
    "group=default quota=3 prompt=5 completion=1 latency=1000 channel_test",
    "7 at 1006 error user=1 username=root channel=12 model=gpt-4o group=default status=401 "
    "code=invalid_api_key channel_test content=status_code=401, bad key "
    "other={\"error_code\":\"invalid_api_key\",\"error_type\":\"openai_error\",\"status_code\":"
    "401}",
    "8 at 1007 consume user=3 username=alice token=9 token_name=k1 channel=12 model=kling-v2 "
    "group=vip route=/v1/videos quota=250000 request task",
    "9 at 1008 refund user=3 username=alice token=9 token_name=k1 channel=12 model=kling-v2 "
    "group=vip quota=250000 task",
    "10 at 1009 consume user=3 username=alice token=9 token_name=k1 channel=12 model=kling-v2 "
    "group=vip quota=1000 task",
    "11 at 1010 other user=3 username=alice ip=10.0.0.1",
    "12 at 1011 other user=3 username=alice ip=10.0.0.1",
    "13 at 1012 consume user=3 username=alice token=9 token_name=k1 channel=12 model=m group=vip "
    "quota=1 prompt=1 completion=1 latency=1000 request",
    "14 at 1013 consume user=3 username=alice token=9 token_name=k1 channel=12 model=m group=vip "
    "quota=-5 prompt=1 completion=1 latency=1000 request",
    "15 at 1014 consume user=3 username=alice token=9 token_name=k1 channel=12 model=m group=vip "
    "route=7 quota=1 prompt=1 completion=1 latency=1000 stream request",
    "16 at 1015 error user=3 username=alice token=9 token_name=k1 channel=12 model=m group=vip "
    "code=1301 request content=upstream broke other={\"error_code\":1301,\"status_code\":\"503\"}",
    "17 at 1016 error user=3 username=alice token=9 token_name=k1 channel=12 model=m group=vip "
    "latency=31000 status=502 request content=status_code=502, broken other={\"error_code\":",
};

}  // namespace

TEST_CASE("every kind of row of New API 2026 is read whole, from MySQL and from SQLite") {
    std::int64_t broken = 0;
    const auto source = gateway("newapi_2026", kNewApi2026);
    CHECK(source->dialect().gateway() == Gateway::new_api);
    check_lines(lines_of(*source, &broken), kDecoded2026);
    CHECK(broken == 1);
    check_lines(lines_of_sqlite("newapi_2026", kNewApi2026), kDecoded2026);
}

TEST_CASE("New API 2025 has no ip, no request id and no status of streams") {
    const auto rows = R"sql(
INSERT INTO logs(id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id, channel_name, token_id, `group`, other) VALUES
(1, 3, 1000, 2, 'x', 'alice', 'k1', 'claude', 1500, 100, 50, 4, 1, 12, NULL, 9, 'vip', '{"admin_info":{"use_channel":["12"]},"cache_tokens":64,"claude":true,"frt":812.0}'),
(2, 3, 1001, 2, 'x', 'alice', 'k1', 'mj_imagine', 50000, 0, 0, 0, 0, 12, NULL, 9, 'vip', '{"model_price":0.1}'),
(3, 3, 1002, 4, 'refunded', 'alice', '', '', 0, 0, 0, 0, 0, NULL, NULL, 0, NULL, NULL))sql";
    const Lines expected{
        "1 at 1000 consume user=3 username=alice token=9 token_name=k1 channel=12 model=claude "
        "group=vip quota=1500 prompt=100 completion=50 cache=64 latency=4000 first=812 stream",
        "2 at 1001 consume user=3 username=alice token=9 token_name=k1 channel=12 "
        "model=mj_imagine group=vip quota=50000 latency=0",
        "3 at 1002 other user=3 username=alice",
    };
    check_lines(lines_of(*gateway("newapi_2025", rows)), expected);
    check_lines(lines_of_sqlite("newapi_2025", rows), expected);
}

TEST_CASE("One API's preview measures milliseconds, and its type 5 is a channel test") {
    const auto rows = R"sql(
INSERT INTO logs(id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, channel_id, request_id, elapsed_time, is_stream) VALUES
(1, 3, 1000, 2, '倍率：1.00', 'alice', 'k1', 'gpt-4o', 1500, 100, 50, 12, '2025-1', 4321, 1),
(2, 3, 1001, 2, '倍率：15.00', 'alice', 'k1', 'whisper-1', 900, 900, 0, 12, '2025-2', 0, 0),
(3, 3, 1002, 2, 'image', 'alice', 'k1', 'dall-e-3', 40000, 0, 0, 12, '2025-3', 0, 0),
(4, 0, 1003, 5, '渠道 azure 测试成功，响应：hi', '', '', 'gpt-4o', 0, 0, 0, 12, '', 1234, 0),
(5, 3, 1004, 1, 'topped up', 'alice', '', '', 5000, 0, 0, NULL, '', 0, 0),
(6, 3, 1005, 2, 'slow one', 'alice', 'k1', 'gpt-4o', 1, 1, 1, 12, '2025-6', 30000, 0))sql";
    const Lines expected{
        "1 at 1000 consume user=3 username=alice token_name=k1 channel=12 model=gpt-4o quota=1500 "
        "prompt=100 completion=50 latency=4321 stream request",
        "2 at 1001 consume user=3 username=alice token_name=k1 channel=12 model=whisper-1 "
        "quota=900 request",
        "3 at 1002 consume user=3 username=alice token_name=k1 channel=12 model=dall-e-3 "
        "quota=40000 request",
        "4 at 1003 test channel=12 model=gpt-4o channel_test",
        "5 at 1004 other user=3 username=alice quota=5000",
        "6 at 1005 consume user=3 username=alice token_name=k1 channel=12 model=gpt-4o quota=1 "
        "prompt=1 completion=1 latency=30000 request content=slow one",
    };
    const auto source = gateway("oneapi", rows);
    CHECK(source->dialect().gateway() == Gateway::one_api);
    check_lines(lines_of(*source), expected);
    check_lines(lines_of_sqlite("oneapi", rows), expected);
}

TEST_CASE("One API v0.6.10 has neither times nor request ids") {
    const auto source = gateway("oneapi", R"sql(
ALTER TABLE logs DROP COLUMN request_id, DROP COLUMN elapsed_time, DROP COLUMN is_stream, DROP COLUMN system_prompt_reset;
INSERT INTO logs VALUES
(1, 3, 1000, 2, '模型倍率 1.00', 'alice', 'k1', 'gpt-4o', 1500, 100, 50, 12),
(2, 3, 1001, 2, '模型倍率 7.50', 'alice', 'k1', 'tts-1', 900, 900, 0, 12),
(3, 3, 1002, 2, 'old', 'alice', 'k1', 'gpt-4', 15, 10, 5, NULL),
(4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))sql");
    CHECK(source->dialect().gateway() == Gateway::one_api);
    check_lines(lines_of(*source),
                Lines{
                    "1 at 1000 consume user=3 username=alice token_name=k1 channel=12 model=gpt-4o "
                    "quota=1500 prompt=100 completion=50",
                    "2 at 1001 consume user=3 username=alice token_name=k1 channel=12 model=tts-1 "
                    "quota=900",
                    "3 at 1002 consume user=3 username=alice token_name=k1 model=gpt-4 quota=15 "
                    "prompt=10 completion=5",
                    "4 at 0 other",
                });
}

TEST_CASE("a database that moved from One API to New API keeps the meaning of its old rows") {
    constexpr auto kOldRows = R"sql(
INSERT INTO logs(id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, channel_id, request_id, elapsed_time, is_stream) VALUES
(1, 3, 1000, 2, '倍率：1.00', 'alice', 'k1', 'gpt-4o', 1500, 100, 50, 12, '2025-1', 31500, 1),
(2, 3, 1001, 2, '倍率：15.00', 'alice', 'k1', 'whisper-1', 900, 900, 0, 12, '2025-2', 0, 0),
(3, 0, 1002, 5, '渠道 azure 测试失败，错误：x', '', '', 'gpt-4o', 0, 0, 0, 12, '', 1234, 0),
(4, NULL, 1003, 5, '渠道 azure 测试成功', NULL, NULL, NULL, NULL, NULL, NULL, 12, NULL, NULL, NULL);)sql";
    const auto old_rows = lines_of(*gateway("oneapi", kOldRows));
    const auto source = gateway("oneapi", std::string{kOldRows} + R"sql(
ALTER TABLE logs ADD COLUMN use_time bigint DEFAULT 0, ADD COLUMN channel_name longtext, ADD COLUMN token_id bigint DEFAULT 0, ADD COLUMN `group` varchar(191), ADD COLUMN ip varchar(191) DEFAULT '', ADD COLUMN other longtext, ADD COLUMN upstream_request_id varchar(128) DEFAULT '';
INSERT INTO logs(id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id, token_id, `group`, request_id, other) VALUES
(5, 3, 1004, 2, 'x', 'alice', 'k1', 'gpt-4o', 5, 1, 2, 4, 0, 12, 9, 'vip', 'r5', '{"frt":-1000}'),
(6, 3, 1005, 5, 'status_code=500, x', 'alice', 'k1', 'gpt-4o', 0, 0, 0, 1, 0, 12, 9, 'vip', 'r6', '{"status_code":500}'))sql");
    CHECK(source->dialect().gateway() == Gateway::new_api);
    auto expected = old_rows;
    REQUIRE(expected.size() == 4);
    expected.push_back(
        "5 at 1004 consume user=3 username=alice token=9 token_name=k1 channel=12 model=gpt-4o "
        "group=vip quota=5 prompt=1 completion=2 latency=4000 request");
    expected.push_back(
        "6 at 1005 error user=3 username=alice token=9 token_name=k1 channel=12 model=gpt-4o "
        "group=vip latency=1000 status=500 request content=status_code=500, x "
        "other={\"status_code\":500}");
    check_lines(lines_of(*source), expected);
    CHECK(old_rows.at(0) ==
          "1 at 1000 consume user=3 username=alice token_name=k1 channel=12 model=gpt-4o "
          "quota=1500 prompt=100 completion=50 latency=31500 stream request content=倍率：1.00");
}

TEST_CASE("the order of the columns, and columns of forks, mean nothing") {
    const auto source = gateway("newapi_2026", R"sql(
DROP TABLE logs;
CREATE TABLE logs(zone json, other longtext, request_id varchar(191), `group` varchar(191), token_id bigint, model_name varchar(191), created_at bigint, type bigint, is_stream tinyint(1), use_time bigint, completion_tokens bigint, prompt_tokens bigint, quota bigint, token_name varchar(191), username varchar(191), channel_id bigint, content longtext, user_id bigint, id bigint AUTO_INCREMENT, PRIMARY KEY(id));
INSERT INTO logs(id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id, token_id, `group`, request_id, other) VALUES
(1, 3, 1000, 2, 'x', 'alice', 'k1', 'gpt-4o', 5, 1, 2, 4, NULL, 12, 9, 'vip', 'r5', '{"cache_tokens":3}'))sql");
    check_lines(lines_of(*source),
                Lines{"1 at 1000 consume user=3 username=alice token=9 token_name=k1 channel=12 "
                      "model=gpt-4o group=vip quota=5 prompt=1 completion=2 cache=3 latency=4000 "
                      "request"});
}

TEST_CASE("an other of 200 kB is read to its end, and kept in part where it is kept") {
    const auto source = gateway("newapi_2026", R"sql(
INSERT INTO logs(id, created_at, type, user_id, token_id, token_name, content, use_time, other) VALUES
(1, 1000, 2, 1, 1, 'k', REPEAT('长', 30000), 1, CONCAT('{"a":"', REPEAT('x', 200000), '","cache_tokens":7}')),
(2, 1001, 5, 1, 1, 'k', REPEAT('长', 30000), 1, CONCAT('{"a":"', REPEAT('语', 70000), '","status_code":500}')))sql");
    std::int64_t broken = 0;
    const auto entries = tests::entries_of(*source, &broken);
    REQUIRE(entries.size() == 2);
    CHECK(broken == 0);
    CHECK(entries[0].cache_tokens == 7);
    CHECK(entries[0].other.empty());
    CHECK(entries[0].content.empty());
    CHECK(entries[1].status == 500);
    CHECK(entries[1].content.size() <= 2000);
    CHECK(entries[1].content.size() > 1990);
    CHECK(entries[1].content.ends_with("长…"));
    CHECK(entries[1].other.size() <= 4096);
    CHECK(entries[1].other.size() > 4086);
    CHECK(entries[1].other.ends_with("语…"));
}
