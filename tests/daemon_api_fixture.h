#pragma once
// A store with random traffic and a directory, the API over it, and the same rows for plain SQL.

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "daemon/api/api.h"
#include "daemon/api/openapi_file.h"
#include "daemon/page_paths.h"
#include "support/fake_clock.h"
#include "support/json_schema.h"
#include "support/temp_dir.h"
#include "sync/gauges.h"
#include "sync_store_fixture.h"

namespace quotafuse::tests {

using daemon::HttpReply;
using daemon::HttpRequest;
using nlohmann::json;
using Query = std::multimap<std::string, std::string>;

inline constexpr std::int64_t kStart = 1'767'571'200;  // 2026-01-05 00:00 UTC
inline constexpr std::int64_t kHour = 3600;
inline constexpr std::int64_t kDay = 24 * kHour;

// What a row counts for, in SQL's words. Kinds: 1 consume, 2 error, 3 refund; flags: 1 a stream, 2
// a channel test, 4 a task, from 8 on how the stream ended (2 broken, 3 the client went).
inline const std::string kOwnFault =
    "(status IN (400, 404, 413, 422) OR error_code = (SELECT id FROM text WHERE value = "
    "'prompt_blocked') OR flags >> 3 = 3)";
inline const std::vector<std::pair<std::string, std::string>> kTrafficSql{
    {"answers", "sum(kind = 1 AND NOT flags & 2)"},
    {"errors", "sum(kind = 2 AND NOT flags & 2 AND NOT " + kOwnFault + ")"},
    {"client_errors", "sum(kind = 2 AND NOT flags & 2 AND " + kOwnFault + ")"},
    {"prompt_tokens", "sum((kind = 1) * prompt_tokens)"},
    {"completion_tokens", "sum((kind = 1) * completion_tokens)"},
    {"cache_tokens", "sum((kind = 1) * cache_tokens)"},
    {"quota", "sum((kind = 1) * quota - (kind = 3) * quota)"},
    {"refund", "sum((kind = 3) * quota)"}};

inline const JsonSchema& api_schema() {
    static const JsonSchema kSchema{json::parse(daemon::openapi_files().front().content)};
    return kSchema;
}

/// Of channels 1 to 4 the last one is gone from the directory.
class ApiSite {
public:
    explicit ApiSite(std::uint64_t seed, const std::string& zone = "Asia/Shanghai",
                     daemon::api::Facts facts = {})
        : clock(kStart),
          random_(seed),
          zone_(*base::TimeZone::find(zone)),
          database_(folder_.file("store.db"), {sync::Store::schema(), alerts::schema()}),
          store_(database_, {}, zone_),
          gauges_(database_, store_),
          api_(folder_.file("store.db"), clock, zone_, with_currency(std::move(facts))),
          pages_(api_.pages()) {
        database_.set_durable(false);
        gauges_.record(directory(), base::from_unix(kStart));
    }

    void add(std::vector<sync::LogEntry> entries, std::int64_t now) {
        sync::Batch batch;
        for (auto& entry : entries) {
            if (entry.id == 0) entry.id = ++last_;
            last_ = std::max(last_, entry.id);
        }
        batch.position = at_cursor(last_);
        batch.entries = std::move(entries);
        store_.append(batch, base::from_unix(now));
        clock.advance(base::Seconds{now} - base::Seconds{base::unix_seconds(clock.now())});
    }
    /// The clock stands at `until` then.
    void fill(std::int64_t from, std::int64_t until, int count) {
        std::vector<sync::LogEntry> entries;
        for (int i = 0; i < count; ++i)
            entries.push_back(random_entry(from + (until - from) * i / count));
        add(std::move(entries), until);
    }

    HttpReply reply(const std::string& path, const Query& query = {},
                    std::vector<std::pair<std::string, std::string>> headers = {}) const {
        const HttpRequest request{.method = "GET",
                                  .target = path,
                                  .path = path,
                                  .query = query,
                                  .headers = std::move(headers)};
        const auto page = daemon::find_page(pages_, path);
        REQUIRE(page != pages_.end());
        return page->second(request);
    }
    /// An answer that is as the document says; of status 200, or 400 with a sentence.
    json ask(const std::string& name, const Query& query = {}, int status = 200) {
        // Answers are kept for some seconds: not from one question of a test to another.
        clock.advance_mono(base::Seconds{30});
        const auto path = "/api/v1/" + name;
        const auto answer = reply(path, query);
        CAPTURE(path);
        CAPTURE(answer.body.substr(0, 300));
        REQUIRE(answer.status == status);
        const auto body = json::parse(answer.body);
        for (const auto& fault : api_schema().faults(path, status, body)) FAIL_CHECK(fault);
        return body;
    }
    std::string refusal(const std::string& name, const Query& query) {
        return ask(name, query, 400).at("error").at("message").get<std::string>();
    }

    /// The sums of rows by plain SQL; every number that an answer has of it must be the same.
    json sums(const std::string& where) {
        std::string columns;
        for (const auto& [name, sql] : kTrafficSql)
            columns += (columns.empty() ? "" : ", ") + fmt::format("ifnull({}, 0)", sql);
        SQLite::Statement query{handle(), "SELECT " + columns + " FROM log WHERE " + where};
        query.executeStep();
        json sums;
        for (std::size_t i = 0; i < kTrafficSql.size(); ++i)
            sums[kTrafficSql[i].first] = query.getColumn(static_cast<int>(i)).getInt64();
        const auto of = [&](const char* name) { return sums[name].get<std::int64_t>(); };
        sums["requests"] = of("answers") + of("errors") + of("client_errors");
        sums["tokens"] = of("prompt_tokens") + of("completion_tokens");
        const auto attempts = of("answers") + of("errors");
        sums["error_rate"] =
            attempts == 0 ? json(nullptr)
                          : json(static_cast<double>(of("errors")) / static_cast<double>(attempts));
        sums["cost"] = static_cast<double>(of("quota")) / 500'000 * 7.3;
        return sums;
    }
    void check_sums(const json& told, const std::string& where) {
        CAPTURE(where);
        const auto wanted = sums(where);
        for (const auto& [name, value] : wanted.items()) {
            CAPTURE(name);
            if (value.is_number_float())
                CHECK(told.at(name).get<double>() == doctest::Approx(value.get<double>()));
            else
                CHECK(told.at(name) == value);
        }
        if (told.contains("latency_ms")) check_times(told, where);
    }
    void check_times(const json& told, const std::string& where) {
        const auto timed = "kind = 1 AND flags & 6 = 0 AND attempts = 1 AND " + where;
        check_percentiles(told.at("latency_ms"), "latency_ms", timed + " AND latency_ms >= 0");
        check_percentiles(told.at("first_token_ms"), "first_token_ms",
                          timed + " AND flags & 1 AND first_token_ms > 0");
        CHECK(told.at("empty_replies") ==
              number(handle(),
                     "SELECT count(*) FROM log WHERE kind = 1 AND flags & 6 = 0 AND "
                     "(completion_tokens = 0 AND quota = 0 OR flags >> 3 = 2) AND " +
                         where));
    }

    std::int64_t below(std::int64_t n) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    }
    SQLite::Database& handle() { return database_.handle(); }
    const base::TimeZone& zone() const { return zone_; }
    daemon::api::Api& api() { return api_; }
    /// The one on which every page reads while they come one after the other.
    SQLite::Database& connection() { return api_.sources().reads.take().database(); }
    sync::Store& store() { return store_; }
    sync::Gauges& gauges() { return gauges_; }
    std::string path() const { return folder_.file("store.db"); }
    std::int64_t last() const { return last_; }
    std::int64_t now() const { return base::unix_seconds(clock.now()); }

    static sync::GatewayInfo directory() {
        sync::GatewayInfo info;
        info.gateway = sync::Gateway::new_api;
        info.has_balances = true;
        info.channels[1] = {.name = "azure <b>",
                            .type = 1,
                            .status = 1,
                            .tag = "prod",
                            .balance = 12.5,
                            .balance_at = kStart - 100};
        info.channels[2] = {.name = "backup", .type = 1, .status = 3};
        info.channels[3] = {.name = "claude", .type = 14, .status = 1, .tag = "prod"};
        info.tokens[1] = {.name = "renamed since", .user = 1, .status = 1};
        info.tokens_covered = sync::kEveryId;
        info.users[1] = {.name = "alice",
                         .group = "default",
                         .status = 1,
                         .remaining = 900'000,
                         .used = 100'000};
        info.users[2] = {
            .name = "bob", .group = "vip", .status = 1, .remaining = 0, .used = 500'000};
        info.users_covered = sync::kEveryId;
        info.extents = {{sync::ObjectKind::channels, sync::Extent::all},
                        {sync::ObjectKind::tokens, sync::Extent::all},
                        {sync::ObjectKind::users, sync::Extent::all}};
        return info;
    }

    FakeClock clock;

private:
    static daemon::api::Facts with_currency(daemon::api::Facts facts) {
        facts.currency = [] { return daemon::Currency{"¥", 7.3}; };
        return facts;
    }
    void check_percentiles(const json& told, const std::string& column, const std::string& where) {
        std::vector<std::int64_t> values;
        SQLite::Statement query{
            handle(), fmt::format("SELECT {0} FROM log WHERE {1} ORDER BY {0}", column, where)};
        while (query.executeStep()) values.push_back(query.getColumn(0).getInt64());
        REQUIRE(told.is_null() == values.empty());
        if (values.empty()) return;
        const auto count = static_cast<double>(values.size());
        for (const auto& [name, q] :
             {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}}) {
            const auto rank = static_cast<std::size_t>(std::ceil(q * count));
            CHECK(told.at(name).get<double>() ==
                  doctest::Approx(static_cast<double>(values[rank - 1])).epsilon(0.021));
        }
        double sum = 0;
        for (const auto value : values) sum += static_cast<double>(value);
        CHECK(told.at("mean").get<double>() == doctest::Approx(sum / count));
    }

    sync::LogEntry random_entry(std::int64_t now) {
        auto e = entry(++last_, below(10) == 0 ? std::max(kStart, now - below(2 * kDay)) : now,
                       fmt::format("model-{}", below(4)));
        const auto kind = below(12);
        e.kind = kind < 8    ? sync::Kind::consume
                 : kind < 10 ? sync::Kind::error
                 : kind < 11 ? sync::Kind::refund
                             : sync::Kind::other;
        e.channel = 1 + below(4);
        e.token = below(3) * (1 + below(3));
        e.user = 1 + below(3);
        e.username = fmt::format("user-{}", e.user);
        e.token_name = fmt::format("key-{}", e.token == 0 ? below(2) : e.token);
        e.group = below(2) == 0 ? "default" : "vip";
        e.route = below(2) == 0 ? "/v1/chat/completions" : "/v1/embeddings";
        e.ip = fmt::format("10.0.0.{}", 1 + below(3));
        e.quota = below(8) == 0 ? 0 : below(100'000);
        e.prompt_tokens = below(20'000);
        e.completion_tokens = below(3) * below(1000);
        e.cache_tokens = below(500);
        e.latency_ms = below(6) == 0 ? sync::LogEntry::kUnknown : 100 + below(60'000);
        e.first_token_ms = below(3) == 0 ? sync::LogEntry::kUnknown : 1 + below(5000);
        e.stream = below(2) == 0;
        e.stream_end = static_cast<sync::StreamEnd>(below(4));
        e.attempts = static_cast<int>(1 + below(2));
        e.channel_test = below(12) == 0;
        e.task = below(12) == 0;
        e.status = 0;
        e.error_code.clear();
        if (e.kind == sync::Kind::error) {
            const int statuses[] = {0, 400, 429, 500, 503};
            e.status = statuses[below(5)];
            e.error_code = below(4) == 0 ? "prompt_blocked" : "bad_response";
            e.content = fmt::format("Upstream {} is Overloaded", below(9));
            e.other = R"({"status_code":502})";
        }
        return e;
    }

    std::mt19937_64 random_;
    base::TimeZone zone_;
    TempDir folder_;
    base::Database database_;
    sync::Store store_;
    sync::Gauges gauges_;
    daemon::api::Api api_;
    std::map<std::string, daemon::HttpHandler> pages_;
    std::int64_t last_ = 0;
};

/// "created_at >= 1 AND created_at < 2" of what was answered.
inline std::string span_of(const json& answer) {
    return fmt::format("created_at >= {} AND created_at < {}",
                       answer.at("from").get<std::int64_t>(), answer.at("to").get<std::int64_t>());
}

/// The number of a text in the store's dictionary, in SQL.
inline std::string text_sql(const std::string& text) {
    return fmt::format("(SELECT id FROM text WHERE value = '{}')", text);
}

}  // namespace quotafuse::tests
