#pragma once
// A gateway's logs in MariaDB, mirrored as the daemon does it, with the API over the mirror: and
// what every row counts for, said once more in the words of MariaDB's SQL.

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "daemon/api/api.h"
#include "daemon/page_paths.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "support/test_gateway.h"
#include "sync/follower.h"
#include "sync/gauges.h"
#include "sync/info_reader.h"
#include "sync/mirror.h"

namespace quotafuse::tests {

using nlohmann::json;
using Query = std::multimap<std::string, std::string>;

inline constexpr std::int64_t kSourceStart = 1'767'571'200;  // 2026-01-05 00:00 UTC

// One row of `counted` for each row of `logs`; `other` is '{}' where it is no JSON.
inline constexpr auto kCountedSql = R"sql(
CREATE OR REPLACE TABLE counted AS
WITH read_rows AS (
    SELECT l.*, IF(JSON_VALID(l.other), l.other, '{}') AS o FROM logs l),
told AS (
    SELECT r.*,
        IFNULL(JSON_VALUE(o, '$.request_path'), '') AS route,
        IFNULL(JSON_VALUE(o, '$.error_code'), '') AS code_text,
        IFNULL(JSON_VALUE(o, '$.stream_status.end_reason'), '') AS end_reason,
        IFNULL(JSON_VALUE(o, '$.stream_status.status'), '') AS stream_state,
        CAST(IFNULL(JSON_VALUE(o, '$.cache_tokens'), 0) AS SIGNED) AS cached,
        CAST(IFNULL(JSON_VALUE(o, '$.frt'), 0) AS SIGNED) AS frt,
        GREATEST(IFNULL(JSON_LENGTH(o, '$.admin_info.use_channel'), 1), 1) AS attempts,
        JSON_VALUE(o, '$.task_id') IS NOT NULL OR IFNULL(JSON_VALUE(o, '$.is_task'), 0) = 1 AS task,
        IFNULL(JSON_VALUE(o, '$.status_code'),
            IF(content LIKE 'status_code=%', SUBSTR(content, 13, 3), 0)) + 0 AS told_status,
        type = 5 AND NOT (other = '' AND user_id = 0) AS is_error,
        token_name = '模型测试' OR
            (type = 5 AND token_id = 0 AND token_name = '' AND request_id = '') AS test
    FROM read_rows r),
judged AS (
    SELECT t.*,
        told_status IN (400, 404, 413, 422) OR code_text = 'prompt_blocked' OR
            end_reason = 'client_gone' AS own_fault,
        type = 2 AND NOT test AND NOT task AS measured
    FROM told t)
SELECT id, created_at AS at,
    type = 2 AND NOT test AS answers,
    is_error AND NOT test AND NOT own_fault AS errors,
    is_error AND NOT test AND own_fault AS client_errors,
    IF(type = 2, prompt_tokens, 0) AS prompt_tokens,
    IF(type = 2, completion_tokens, 0) AS completion_tokens,
    IF(type = 2, cached, 0) AS cache_tokens,
    IF(type = 2, quota, 0) AS charged,
    IF(type = 6, quota, 0) AS refund,
    measured AND (completion_tokens = 0 AND quota = 0 OR
        end_reason <> 'client_gone' AND stream_state = 'error') AS empty_replies,
    IF(measured AND attempts = 1 AND use_time >= 0 AND
        NOT (use_time = 0 AND token_id = 0 AND other = ''), use_time * 1000, NULL) AS latency,
    IF(measured AND attempts = 1 AND is_stream AND frt > 0, frt, NULL) AS first_token,
    type = 2 OR type = 6 OR (is_error AND NOT test) AS counts,
    is_error AND NOT test AS failed,
    CAST(channel_id AS CHAR) AS channel, model_name AS model,
    IF(token_id > 0, CAST(token_id AS CHAR), CONCAT('of ', user_id, ': ', token_name)) AS token,
    CAST(user_id AS CHAR) AS user, `group`, route, ip,
    CASE channel_id WHEN 1 THEN 'OpenAI' WHEN 2 THEN 'OpenAI' WHEN 3 THEN 'Anthropic' ELSE '' END
        AS provider,
    CASE channel_id WHEN 1 THEN 'prod' WHEN 3 THEN 'prod' ELSE '' END AS tag,
    CAST(told_status AS CHAR) AS status, CONCAT(told_status, ' ', code_text) AS error, '' AS `all`
FROM judged
)sql";

/// Sums of one object, or of all.
struct Sums {
    std::int64_t answers = 0;
    std::int64_t errors = 0;
    std::int64_t client_errors = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t charged = 0;
    std::int64_t refund = 0;
    std::int64_t empty_replies = 0;
    std::int64_t last = 0;                    // the newest counted row
    std::vector<std::int64_t> latency{};      // ms, ascending
    std::vector<std::int64_t> first_token{};  // ms, ascending

    std::int64_t requests() const { return answers + errors + client_errors; }
    std::int64_t tokens() const { return prompt_tokens + completion_tokens; }
    std::int64_t quota() const { return charged - refund; }
    /// But for times.
    void add(const Sums& other) {
        answers += other.answers;
        errors += other.errors;
        client_errors += other.client_errors;
        prompt_tokens += other.prompt_tokens;
        completion_tokens += other.completion_tokens;
        charged += other.charged;
        refund += other.refund;
    }
};

class SourceSite {
public:
    explicit SourceSite(std::uint64_t seed, const std::string& zone = "Asia/Shanghai")
        : random_(seed), zone_(*base::TimeZone::find(zone)) {
        database_.set_durable(false);
        gateway_.sql(
            "INSERT INTO channels(id, type, `key`, status, name, tag) VALUES"
            "(1, 1, 'k', 1, 'one', 'prod'), (2, 1, 'k', 1, 'two', ''), "
            "(3, 14, 'k', 1, 'three', 'prod');"
            "INSERT INTO users(id, username, password, quota, used_quota, aff_code, access_token) "
            "VALUES(1, 'user-1', '', 900000, 100000, 'a', 'a'), "
            "(2, 'user-2', '', 12345, 500000, 'b', 'b'), (3, 'user-3', '', 0, 7, 'c', 'c')");
        const auto session = gateway_.session();
        sync::InfoReader reader{*session, gateway_.database(), {.users = true}};
        for (int look = 0; look < 3; ++look) reader.read();
        gauges_.record(reader.read(), clock.now());
    }

    /// Rows of from ≤ created_at < until, some of them much later in the table than by their time;
    /// then they are mirrored, and the clock stands at `until`.
    void fill(std::int64_t from, std::int64_t until, int count) {
        std::string sql;
        for (int i = 0; i < count; ++i) {
            const auto now = from + (until - from) * i / count;
            sql += (i % 500 == 0 ? (i == 0 ? "" : ";") + std::string{kInsert} : ",") +
                   row(below(10) == 0 ? std::max(kSourceStart, now - below(2 * 86'400)) : now);
        }
        gateway_.sql(sql);
        clock.advance(base::Seconds{until - base::unix_seconds(clock.now())});
        follow();
        while (store_.keep_up(clock.now()).more) continue;
        gateway_.sql(kCountedSql);
        gateway_.sql("ALTER TABLE counted ADD INDEX(at)");
    }

    json ask(const std::string& name, const Query& query) {
        clock.advance_mono(base::Seconds{30});  // what was told before is too old
        const auto path = "/api/v1/" + name;
        const daemon::HttpRequest request{
            .method = "GET", .target = path, .path = path, .query = query};
        const auto page = daemon::find_page(pages_, path);
        REQUIRE(page != pages_.end());
        const auto reply = page->second(request);
        CAPTURE(reply.body.substr(0, 300));
        REQUIRE(reply.status == 200);
        return json::parse(reply.body);
    }

    /// By the values of `by`, a column of `counted`: those that have anything.
    std::map<std::string, Sums> sums_by(const std::string& by, const std::string& where) {
        std::map<std::string, Sums> objects;
        for (const auto& cells : session_->query(fmt::format(
                 "SELECT BINARY `{0}`, SUM(answers), SUM(errors), SUM(client_errors), "
                 "SUM(prompt_tokens), SUM(completion_tokens), SUM(cache_tokens), SUM(charged), "
                 "SUM(refund), SUM(empty_replies), MAX(at) FROM counted WHERE counts AND {1} "
                 "GROUP BY BINARY `{0}`",
                 by, where))) {
            const auto at = [&](std::size_t i) { return std::stoll(cells.at(i).value()); };
            objects[cells[0].value()] = {at(1), at(2), at(3), at(4), at(5),
                                         at(6), at(7), at(8), at(9), at(10)};
        }
        for (const std::string column : {"latency", "first_token"}) {
            for (const auto& cells : session_->query(
                     fmt::format("SELECT BINARY `{0}`, {1} FROM counted WHERE {1} IS NOT NULL AND "
                                 "counts AND {2} ORDER BY {1}",
                                 by, column, where))) {
                auto& of = objects[cells[0].value()];
                (column == "latency" ? of.latency : of.first_token)
                    .push_back(std::stoll(cells[1].value()));
            }
        }
        return objects;
    }
    Sums sums(const std::string& where) {
        auto objects = sums_by("all", where);
        return objects.empty() ? Sums{} : objects.at("");
    }
    std::int64_t value(const std::string& sql) {
        return std::stoll(session_->query(sql).at(0).at(0).value_or("0"));
    }

    std::int64_t below(std::int64_t n) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    }
    const base::TimeZone& zone() const { return zone_; }

    FakeClock clock{kSourceStart};

private:
    static constexpr auto kInsert =
        "INSERT INTO logs(created_at, type, user_id, username, token_id, token_name, channel_id, "
        "model_name, `group`, ip, quota, prompt_tokens, completion_tokens, use_time, is_stream, "
        "request_id, content, other) VALUES";

    void follow() {
        const auto source = sync::make_source(gateway_.dsn(), {}, {});
        const auto mirror = sync::make_mirror(folder_.file("store.db"));
        sync::Follower follower{*source, *mirror, store_.position(), {}, clock};
        for (bool drained = false; !drained;) {
            const auto poll = follower.next();
            REQUIRE_FALSE(poll.suspect);
            store_.append(poll.batch, clock.now());
            drained = poll.drained;
        }
    }

    /// The values of a row, in the order of kInsert.
    std::string row(std::int64_t at) {
        // Of ten rows: six answers, two errors, a refund, and one of those that count in nothing
        // (1 a top-up, 3 what an administrator did, 4 the system's).
        const auto drawn = below(10);
        const int uncounted[] = {1, 3, 4};
        const auto type = drawn < 6 ? 2 : drawn < 8 ? 5 : drawn < 9 ? 6 : uncounted[below(3)];
        const auto test = below(12) == 0;
        const auto user = 1 + below(3);
        auto token = below(3) * (1 + below(3));
        auto token_name = fmt::format("key-{}", token == 0 ? below(2) : token);
        auto request = fmt::format("r{}", ++rows_);
        if (type == 2 && test) token_name = "模型测试";
        if (type == 5 && test) {
            token = 0;
            token_name = request = "";
        }
        const bool inherited_test = type == 5 && below(15) == 0;
        const int use_times[] = {0, 1, 3, 7, 20, 61};
        const std::string models[] = {"gpt-4o", "claude-sonnet-4", "deepseek-chat", "Gpt-4o"};
        const std::string ips[] = {"10.0.0.1", "10.0.0.2", "198.51.100.7", ""};
        return fmt::format(
            "({}, {}, {}, 'user-{}', {}, '{}', {}, '{}', '{}', '{}', {}, {}, {}, {}, {}, '{}', "
            "'{}', '{}')",
            at, type, inherited_test ? 0 : user, user, token, token_name, 1 + below(4),
            models[below(4)], below(2) == 0 ? "default" : "vip", ips[below(4)],
            below(8) == 0 ? 0 : below(100'000), below(20'000), below(3) * below(1000),
            use_times[below(6)], below(2), request, content(type),
            inherited_test ? "" : other(type));
    }

    std::string content(int type) {
        const int statuses[] = {400, 429, 503};
        if (type != 5 || below(3) == 0) return "some words";
        return fmt::format("status_code={}, upstream failed", statuses[below(3)]);
    }

    std::string other(int type) {
        if (below(15) == 0) return below(2) == 0 ? "" : "{\"broken";
        json other;
        if (below(6) != 0)
            other["request_path"] = below(2) == 0 ? "/v1/chat/completions" : "/v1/embeddings";
        if (below(3) == 0) other["cache_tokens"] = below(500);
        other["frt"] = below(4) == 0 ? -1000 : 1 + below(5000);
        if (below(12) == 0) other["task_id"] = "t";
        if (below(12) == 0) other["is_task"] = true;
        if (below(3) == 0) {
            other["admin_info"]["use_channel"] = json::array({"1"});
            if (below(2) == 0) other["admin_info"]["use_channel"].push_back("2");
        }
        const auto end = below(9);
        if (end == 0) other["stream_status"] = {{"status", "error"}, {"end_reason", "timeout"}};
        if (end == 1) other["stream_status"] = {{"status", "error"}, {"end_reason", "client_gone"}};
        if (end == 2) other["stream_status"] = {{"status", "ok"}, {"end_reason", "done"}};
        if (type != 5) return other.dump();
        const int statuses[] = {400, 404, 413, 422, 429, 500};
        if (below(3) != 0) other["status_code"] = statuses[below(6)];
        if (below(2) == 0) other["error_code"] = below(3) == 0 ? "prompt_blocked" : "bad_response";
        return other.dump();
    }

    std::mt19937_64 random_;
    base::TimeZone zone_;
    TempDir folder_;
    TestGateway gateway_{TestGateway::Engine::mariadb, "newapi_2026"};
    std::unique_ptr<sync::GatewaySession> session_ = gateway_.session();
    base::Database database_{folder_.file("store.db"), {sync::Store::schema(), alerts::schema()}};
    sync::Store store_{database_, {}, zone_};
    sync::Gauges gauges_{database_, store_};
    daemon::api::Api api_{folder_.file("store.db"), clock, zone_, {}};
    std::map<std::string, daemon::HttpHandler> pages_ = api_.pages();
    std::int64_t rows_ = 0;
};

}  // namespace quotafuse::tests
