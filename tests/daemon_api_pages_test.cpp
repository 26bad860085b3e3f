#include "daemon_api_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kEnd = kStart + 20 * kDay + 5432;

std::vector<std::string> ids_of(const json& rows) {
    std::vector<std::string> ids;
    for (const auto& row : rows) ids.push_back(row.at("id").dump() + "|");
    return ids;
}

}  // namespace

TEST_CASE("errors by status and code equal plain SQL over the rows") {
    ApiSite site{401};
    site.fill(kStart, kEnd, 4000);
    for (const auto& [query, where] :
         {std::pair{Query{{"window", "7d"}}, std::string{"true"}},
          {Query{{"window", "6h"}, {"channel", "2"}}, "channel = 2"},
          {Query{{"window", "30d"}, {"tag", "prod"}}, "channel IN (1, 3)"},
          {Query{{"window", "24h"}, {"user", "2"}}, "user = 2"}}) {
        CAPTURE(where);
        const auto answer = site.ask("errors", query);
        const auto failed = "kind = 2 AND NOT flags & 2 AND " + span_of(answer) + " AND " + where;
        CHECK(answer.at("total") ==
              number(site.handle(), "SELECT count(*) FROM log WHERE " + failed));
        std::vector<std::string> told;
        for (const auto& row : answer.at("rows")) {
            const auto status = row.at("status").is_null() ? 0 : row.at("status").get<int>();
            told.push_back(fmt::format("{}|{}|{}|", status, row.at("code").get<std::string>(),
                                       row.at("requests").get<std::int64_t>()));
            CHECK(row.at("share").get<double>() ==
                  doctest::Approx(row.at("requests").get<double>() /
                                  answer.at("total").get<double>()));
            const auto these = fmt::format("{} AND status = {} AND error_code = {}", failed, status,
                                           text_sql(row.at("code").get<std::string>()));
            std::vector<std::string> channels;
            for (const auto& channel : row.at("channels"))
                channels.push_back(fmt::format("{}|{}|", channel.at("id").get<std::int64_t>(),
                                               channel.at("requests").get<std::int64_t>()));
            CHECK(channels ==
                  dump(site.handle(), "SELECT channel, count(*) AS n FROM log WHERE " + these +
                                          " GROUP BY channel ORDER BY n DESC, channel "
                                          "LIMIT 5"));
        }
        auto wanted = dump(site.handle(),
                           "SELECT status, value, count(*) FROM log JOIN text ON text.id = "
                           "error_code WHERE " +
                               failed + " GROUP BY status, value");
        std::sort(told.begin(), told.end());
        std::sort(wanted.begin(), wanted.end());
        CHECK(told == wanted);
    }
}

TEST_CASE("pages of rows are all rows of the filter, newest first, with what they add up to") {
    ApiSite site{405};
    site.fill(kStart, kEnd, 3000);
    for (const auto& [filter, where] :
         {std::pair{Query{{"window", "7d"}}, std::string{"true"}},
          {Query{{"window", "30d"}, {"provider", "OpenAI"}}, "channel IN (1, 2)"},
          {Query{{"window", "30d"}, {"tag", "prod"}, {"model", "model-2"}},
           "channel IN (1, 3) AND model = " + text_sql("model-2")},
          {Query{{"window", "30d"}, {"kind", "error"}, {"status", "429"}},
           "kind = 2 AND status = 429"},
          {Query{{"window", "30d"}, {"kind", "refund"}}, "kind = 3"},
          {Query{{"window", "30d"}, {"slow_ms", "55000"}}, "latency_ms >= 55000"},
          {Query{{"window", "30d"}, {"ip", "10.0.0.2"}, {"user", "2"}},
           fmt::format("user = 2 AND ip = {}", sync::parse_address("10.0.0.2"))}}) {
        CAPTURE(where);
        auto query = filter;
        query.emplace("limit", "77");
        std::vector<std::string> ids;
        std::string span;
        for (int pages = 0; pages < 100; ++pages) {
            const auto page = site.ask("logs", query);
            if (pages == 0) {
                span = span_of(page) + " AND " + where;
                site.check_sums(page.at("totals"), span);
            } else {
                CHECK(page.at("totals") == nullptr);
            }
            for (const auto& row : page.at("rows")) ids.push_back(row.at("id").dump() + "|");
            if (page.at("next_cursor").is_null()) break;
            query.erase("cursor");
            query.emplace("cursor", page.at("next_cursor").get<std::string>());
        }
        CHECK(ids == dump(site.handle(), "SELECT id FROM log WHERE " + span +
                                             " ORDER BY created_at DESC, id DESC"));
    }
    const auto found = site.ask("logs", {{"window", "30d"}, {"search", "UPSTREAM 7"}});
    CHECK(found.at("totals") == nullptr);
    CHECK(ids_of(found.at("rows")) ==
          dump(site.handle(),
               "SELECT id FROM row_text WHERE content LIKE 'upstream 7%' ORDER BY "
               "created_at DESC, id DESC LIMIT 100"));
}

TEST_CASE("a row has what its columns say") {
    ApiSite site{406};
    auto one = entry(77, kStart + 50, "gpt-4o");
    one.channel = 1;
    one.token = 1;
    one.user = 2;
    one.quota = 1'000'000;
    auto back = entry(78, kStart + 51);
    back.kind = sync::Kind::refund;
    back.quota = 500'000;
    site.add({one, back}, kStart + 100);
    const auto rows = site.ask("logs", {{"window", "1h"}}).at("rows");
    REQUIRE(rows.size() == 2);
    CHECK(rows[1] == json::parse(R"({"id": 77, "epoch": 0, "at": 1767571250, "kind": "answer",
        "channel": {"id": 1, "name": "azure <b>"}, "model": "gpt-4o",
        "token": {"id": 1, "name": "renamed since"}, "user": {"id": 2, "name": "bob"},
        "group": "default", "route": "/v1/chat/completions", "status": 502, "code": "bad_response",
        "ip": "10.1.1.1", "prompt_tokens": 10, "completion_tokens": 20, "cache_tokens": 3,
        "quota": 1000000, "cost": 14.6, "latency_ms": 1500, "first_token_ms": 300, "stream": true,
        "stream_end": "broken", "attempts": 4, "test": false, "task": true})"));
    CHECK(rows[0].at("kind") == "refund");
    CHECK(rows[0].at("cost").get<double>() == doctest::Approx(-7.3));
}

TEST_CASE("a row's texts come from the store, else from the gateway, else it is said why not") {
    using From = daemon::api::GatewayTexts::From;
    daemon::api::GatewayTexts texts;
    std::vector<std::string> asked;
    daemon::api::Facts facts;
    facts.ask_gateway = [&](const sync::Row& row) {
        asked.push_back(fmt::format("{} at {}", row.id, row.created_at));
        return texts;
    };
    ApiSite site{407, "Asia/Shanghai", facts};
    auto kept = failed(5, kStart);
    kept.content = "it failed <script>";
    kept.other = R"({"a": {"b": [1, 2]}})";
    auto deep = failed(6, kStart);
    deep.other = std::string(5000, '[') + std::string(5000, ']');
    site.add({kept, deep, entry(7, kStart)}, kStart + 10);

    auto row = site.ask("logs/0-5");
    CHECK(row.at("from") == "store");
    CHECK(row.at("content") == "it failed <script>");
    CHECK(row.at("other") == json::parse(R"({"a": {"b": [1, 2]}})"));
    CHECK(asked.empty());
    CHECK(site.ask("logs/0-6").at("other").is_string());

    texts = {From::gateway, "of the gateway", "not JSON", {}};
    row = site.ask("logs/0-7");
    CHECK(asked == std::vector{fmt::format("7 at {}", kStart)});
    CHECK(row.at("from") == "gateway");
    CHECK(row.at("content") == "of the gateway");
    CHECK(row.at("other") == "not JSON");
    texts = {From::gone, {}, {}, "the gateway has deleted it"};
    row = site.ask("logs/0-7");
    CHECK(row.at("from") == "gone");
    CHECK(row.at("why") == "the gateway has deleted it");
    CHECK(row.at("content") == nullptr);

    for (const auto* const name : {"logs/0-8", "logs/1-5", "logs/x", "logs/0-", "logs/-5",
                                   "logs/0-5-5", "logs/99999-5", "logs/0-281474976710656"}) {
        CAPTURE(name);
        site.ask(name, {}, 404);
    }
    // Of a table that the gateway no longer has nobody is asked.
    asked.clear();
    site.handle().exec("UPDATE position SET epoch = 1");
    row = site.ask("logs/0-7");
    CHECK(asked.empty());
    CHECK(row.at("from") == "gone");
    CHECK(row.at("why") == "the gateway has another table since");
    CHECK(site.ask("logs/0-5").at("from") == "store");
    ApiSite alone{408};
    alone.add({entry(7, kStart)}, kStart + 10);
    CHECK(alone.ask("logs/0-7").at("from") == "unavailable");
}

TEST_CASE("channels have their names, gauges, circuits and traffic") {
    daemon::api::Facts facts;
    facts.open_circuits = [](SQLite::Database& db) {
        // Of the same snapshot as all the rest.
        CHECK(number(db, "SELECT count(*) FROM log") > 0);
        return std::map<std::int64_t, daemon::api::Json>{{2, {{"trip_id", "t"}}}};
    };
    ApiSite site{409, "Asia/Shanghai", facts};
    site.fill(kStart, kEnd, 2000);
    const auto answer = site.ask("channels", {{"window", "7d"}});
    REQUIRE(answer.at("rows").size() == 4);
    for (const auto& row : answer.at("rows")) {
        site.check_sums(row,
                        span_of(answer) + fmt::format(" AND channel = {}", row.at("id").dump()));
    }
    const auto& first = answer.at("rows").at(0);
    CHECK(first.at("name") == "azure <b>");
    CHECK(first.at("provider") == "OpenAI");
    CHECK(first.at("tag") == "prod");
    CHECK(first.at("status") == 1);
    CHECK(first.at("balance") == 12.5);
    CHECK(first.at("balance_at") == kStart - 100);
    CHECK(first.at("breaker") == nullptr);
    CHECK(answer.at("rows").at(1).at("status") == 3);
    CHECK(answer.at("rows").at(1).at("breaker").at("trip_id") == "t");
    CHECK(answer.at("rows").at(3).at("status") == nullptr);
    CHECK(answer.at("rows").at(3).at("name") == "");
}

TEST_CASE("a channel's balance begins with what it was") {
    ApiSite site{410};
    site.fill(kStart, kStart + kDay, 10);
    auto info = ApiSite::directory();
    for (int i = 0; i < 5; ++i) {
        info.channels[1].balance = 10 - i;
        site.gauges().record(info, base::from_unix(kStart + 1000 + i * 3600));
    }
    const auto answer = site.ask("channels/1/balance", {{"from", std::to_string(kStart + 5000)},
                                                        {"to", std::to_string(kStart + 12'000)}});
    CHECK(answer.at("times") == json{kStart + 5000, kStart + 8200, kStart + 11'800});
    CHECK(answer.at("values") == json{9, 8, 7});
    CHECK(answer.at("name") == "azure <b>");
    CHECK(site.ask("channels/99/balance").at("times").empty());
}

TEST_CASE("the history of alerts in pages, newest first") {
    ApiSite site{411};
    site.fill(kStart, kStart + kDay, 10);
    for (int i = 0; i < 300; ++i) {
        SQLite::Statement put{site.handle(), "INSERT INTO alert_event VALUES(?, ?, ?, ?, ?, ?, ?)"};
        put.bind(1, fmt::format("id:{}", i));
        put.bind(2, i % 3 == 0 ? "firing" : i % 3 == 1 ? "told" : "over");
        put.bind(3, kStart + i / 4 * 100);
        put.bind(4, fmt::format("rule-{}", i % 2));
        put.bind(5, "channel=3");
        put.bind(6, "<b>");
        if (i % 5 != 0) put.bind(7, 1.5 * i);
        put.exec();
    }
    for (const auto& [filter, where] :
         {std::pair{Query{}, std::string{"true"}},
          {Query{{"rule", "rule-1"}}, "rule = 'rule-1'"},
          {Query{{"state", "over"}, {"rule", "rule-0"}}, "what = 'over' AND rule = 'rule-0'"},
          {Query{{"from", std::to_string(kStart + 500)}, {"to", std::to_string(kStart + 3001)}},
           fmt::format("at >= {} AND at < {}", kStart + 500, kStart + 3001)},
          {Query{{"rule", "none"}}, "false"}}) {
        auto query = filter;
        query.emplace("limit", "23");
        std::vector<std::string> told;
        for (int pages = 0; pages < 100; ++pages) {
            const auto page = site.ask("alerts/history", query);
            for (const auto& row : page.at("rows"))
                told.push_back(fmt::format("{}|{}|", row.at("at").get<std::int64_t>(),
                                           row.at("id").get<std::string>()));
            if (page.at("next_cursor").is_null()) break;
            query.erase("cursor");
            query.emplace("cursor", page.at("next_cursor").get<std::string>());
        }
        CHECK(told == dump(site.handle(), "SELECT at, id FROM alert_event WHERE " + where +
                                              " ORDER BY at DESC, id DESC, what DESC"));
    }
}

TEST_CASE("health tells what the store holds, and what the daemon publishes") {
    daemon::api::Facts facts;
    facts.status = [] {
        return daemon::api::Json{
            {"version", "1.2.3"}, {"lag_seconds", 2}, {"rules", 5}, {"source", {{"state", "ok"}}}};
    };
    ApiSite site{412, "Asia/Shanghai", facts};
    site.fill(kStart, kStart + kDay, 100);
    const auto health = site.ask("health");
    CHECK(health.at("version") == "1.2.3");
    CHECK(health.at("lag_seconds") == 2);
    CHECK(health.at("source").at("state") == "ok");
    CHECK(health.at("cursor") == nullptr);
    CHECK_FALSE(health.contains("rules"));
    const auto& store = health.at("store");
    CHECK(store.at("rows") == 100);
    CHECK(store.at("oldest_row") == number(site.handle(), "SELECT min(created_at) FROM log"));
    CHECK(store.at("bytes").get<std::int64_t>() > 0);
    CHECK(store.at("rooms").at("sync") == 6);
    CHECK(health.at("gaps").empty());
}
