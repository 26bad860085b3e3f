#include <stdexcept>
#include <thread>

#include "daemon/api/export.h"
#include "daemon_api_fixture.h"
#include "support/status_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using daemon::api::Export;

namespace {

constexpr std::int64_t kEnd = kStart + 5 * kDay;

HttpRequest request(const Query& query) {
    return {.method = "GET", .target = "/api/v1/export", .path = "/api/v1/export", .query = query};
}

std::string all_of(Export& source) {
    std::string all;
    for (;;) {
        const auto piece = source.next();
        REQUIRE(piece.size() <= Export::kPiece);
        if (piece.empty()) return all;
        all += piece;
    }
}

std::string exported(ApiSite& site, const Query& query, std::int64_t most = Export::kMostRows) {
    Export source{site.api().sources(), request(query), most};
    return all_of(source);
}

/// Fields of CSV by RFC 4180.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
    std::vector<std::vector<std::string>> lines;
    std::vector<std::string> line(1);
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
            line.back() += text[++i];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == ',') {
            line.emplace_back();
        } else if (!quoted && c == '\r') {
            REQUIRE(text.at(++i) == '\n');
            lines.push_back(std::exchange(line, std::vector<std::string>(1)));
        } else {
            line.back() += c;
        }
    }
    CHECK_FALSE(quoted);
    CHECK(line == std::vector<std::string>(1));
    return lines;
}

std::string dechunked(std::string_view body) {
    std::string all;
    for (;;) {
        const auto end = body.find("\r\n");
        REQUIRE(end != body.npos);
        const auto size = std::stoul(std::string{body.substr(0, end)}, nullptr, 16);
        body.remove_prefix(end + 2);
        if (size == 0) return all;
        all += body.substr(0, size);
        body.remove_prefix(size + 2);
    }
}

}  // namespace

TEST_CASE("an export of the log has every row of the filter once") {
    ApiSite site{501};
    site.fill(kStart, kEnd, 5000);
    const auto wanted = dump(site.handle(),
                             "SELECT id FROM log WHERE channel IN (1, 3) ORDER BY "
                             "created_at DESC, id DESC");
    const Query query{{"what", "logs"}, {"window", "7d"}, {"tag", "prod"}};
    const auto csv = parse_csv(exported(site, query));
    REQUIRE(csv.size() == wanted.size() + 1);
    CHECK(csv[0].at(0) == "id");
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        REQUIRE(csv[i + 1].size() == csv[0].size());
        REQUIRE(csv[i + 1].at(0) + "|" == wanted[i]);
    }
    auto as_json = query;
    as_json.emplace("format", "json");
    const auto body = json::parse(exported(site, as_json));
    CHECK(body.at("complete") == true);
    REQUIRE(body.at("rows").size() == wanted.size());
    CHECK(body.at("rows").at(0).at("channel_id").is_number_integer());
}

TEST_CASE("between two pieces of an export no snapshot is held") {
    ApiSite site{502};
    site.fill(kStart, kEnd, 5000);
    Export source{site.api().sources(), request({{"what", "logs"}, {"window", "7d"}})};
    const auto first = source.next();
    REQUIRE(first.size() == Export::kPiece);
    // The journal can be emptied meanwhile, which a reader would forbid.
    SQLite::Statement checkpoint{site.handle(), "PRAGMA wal_checkpoint(TRUNCATE)"};
    checkpoint.executeStep();
    CHECK(checkpoint.getColumn(0).getInt() == 0);
    CHECK(parse_csv(first + all_of(source)).size() == 5001);
}

TEST_CASE("an export that is cut says so in its last line") {
    ApiSite site{503};
    site.fill(kStart, kEnd, 300);
    const auto csv = parse_csv(exported(site, {{"window", "7d"}}, 100));
    REQUIRE(csv.size() == 102);
    CHECK(csv.back() == std::vector<std::string>{"cut after 100 rows: ask for a shorter span"});
    CHECK(json::parse(exported(site, {{"window", "7d"}, {"format", "json"}}, 100)).at("complete") ==
          false);
    CHECK(parse_csv(exported(site, {{"window", "7d"}}, 300)).size() == 301);
}

TEST_CASE("exports of pages have all their rows") {
    ApiSite site{504};
    site.fill(kStart, kEnd, 2000);
    for (const auto& [what, query] :
         {std::pair{std::string{"breakdown"}, Query{{"by", "token"}, {"window", "7d"}}},
          {"trend", Query{{"by", "model"}, {"window", "7d"}, {"step", "1h"}}},
          {"errors", Query{{"window", "7d"}}},
          {"availability", Query{{"window", "7d"}, {"by", "channel"}}}}) {
        CAPTURE(what);
        auto page_query = query;
        if (what == "breakdown") page_query.emplace("most", "200");
        const auto page = site.ask(what, page_query);
        std::size_t rows = 0;
        if (what == "trend")
            rows = page.at("times").size() * page.at("series").size();
        else if (what == "availability")
            rows = page.at("rows").size() * 168;
        else
            rows = page.at("rows").size();
        auto asked = query;
        asked.emplace("what", what);
        const auto csv = parse_csv(exported(site, asked));
        CHECK(csv.size() == rows + 1);
        for (const auto& line : csv) REQUIRE(line.size() == csv[0].size());
        asked.emplace("format", "json");
        CHECK(json::parse(exported(site, asked)).at("rows").size() == rows);
    }
}

TEST_CASE("a slot of an availability export has its counts beside its rate") {
    ApiSite site{506};
    site.fill(kStart, kEnd, 2000);
    const Query query{{"window", "7d"}, {"by", "channel"}};
    const auto page = site.ask("availability", query);
    auto asked = query;
    asked.insert({{"what", "availability"}, {"format", "json"}});
    const auto exported_page = json::parse(exported(site, asked));
    const auto& rows = exported_page.at("rows");
    std::size_t next = 0;
    for (const auto& object : page.at("rows")) {
        for (std::size_t slot = 0; slot < object.at("slots").size(); ++slot) {
            const auto& row = rows.at(next++);
            CHECK(row.at("id") == object.at("id"));
            CHECK(row.at("requests") == object.at("slot_requests")[slot]);
            CHECK(row.at("errors") == object.at("slot_errors")[slot]);
            CHECK(row.at("rate") == object.at("slots")[slot]);
        }
    }
    CHECK(next == rows.size());
}

TEST_CASE("no text of an export is a formula, and every text comes back as it was") {
    using daemon::api::csv_field;
    for (const std::string text : {"=1+1", "+1", "-1", "@x", "\tx", "\rx"})
        CHECK(parse_csv(csv_field(text) + "\r\n").at(0).at(0) == "'" + text);
    for (const std::string text : {"a,b", "say \"so\"", "two\nlines", "a=b", "名", "", "'"})
        CHECK(parse_csv(csv_field(text) + "\r\n").at(0).at(0) == text);
    CHECK(csv_field(-0.5) == "-0.5");
    CHECK(csv_field(nullptr).empty());
    CHECK(csv_field(true) == "true");
    ApiSite site{505};
    auto odd = entry(0, kStart, "=cmd|' /C calc'!A0");
    odd.token_name = "a,\"b\"\r\nc";
    odd.token = 9;
    site.add({odd}, kStart + 10);
    const auto csv = parse_csv(exported(site, {{"what", "logs"}}));
    REQUIRE(csv.size() == 2);
    std::map<std::string, std::string> row;
    for (std::size_t i = 0; i < csv[0].size(); ++i) row[csv[0][i]] = csv[1][i];
    CHECK(row.at("model") == "'=cmd|' /C calc'!A0");
    CHECK(row.at("token_name") == "a,\"b\"\r\nc");
    CHECK(row.at("time") == "2026-01-05 08:00:00");
}

TEST_CASE("an export of no sense is refused before it begins") {
    ApiSite site{506};
    site.fill(kStart, kEnd, 10);
    for (const Query& query :
         {Query{{"what", "secrets"}}, Query{{"format", "xml"}}, Query{{"what", "logs"}, {"x", "1"}},
          Query{{"what", "logs"}, {"limit", "5"}}, Query{{"what", "logs"}, {"what", "logs"}},
          Query{{"what", "breakdown"}, {"by", "x"}}}) {
        CAPTURE(json(query).dump());
        CHECK_THROWS_AS((Export{site.api().sources(), request(query)}), daemon::api::BadParameter);
    }
    CHECK(parse_csv(exported(site, {{"what", "logs"}, {"model", "none"}})).size() == 1);
    CHECK(Export{site.api().sources(), request({{"what", "trend"}})}.file_name() ==
          "quotafuse-trend-2026-01-10-0800.csv");
}

TEST_CASE("an export that takes too long breaks off") {
    ApiSite site{507};
    site.fill(kStart, kEnd, 3000);
    Export source{site.api().sources(), request({{"window", "7d"}})};
    CHECK(!source.next().empty());
    site.clock.advance_mono(Export::kLongest + base::Seconds{1});
    CHECK_THROWS_AS(
        [&] {
            while (!source.next().empty()) continue;
        }(),
        std::runtime_error);
}

TEST_CASE("an export comes as a file, in pieces, over the server's own connections") {
    ApiSite site{508};
    site.fill(kStart, kEnd, 3000);
    daemon::StatusPages pages;
    for (auto& [path, handler] : site.api().pages())
        pages.emplace(path, daemon::StatusPage{std::move(handler)});
    const daemon::Running server{{}, std::move(pages)};
    for (const auto& [format, type] :
         {std::pair{"csv", "text/csv; charset=utf-8"}, {"json", "application/json"}}) {
        CAPTURE(format);
        const auto target = fmt::format("/api/v1/export?what=logs&window=7d&format={}", format);
        const auto reply = daemon::get(server.port, target);
        CHECK(daemon::status_of(reply) == 200);
        CHECK(daemon::contains(reply, fmt::format("Content-Type: {}\r\n", type)));
        CHECK(daemon::contains(reply, fmt::format("Content-Disposition: attachment; filename=\""
                                                  "quotafuse-logs-2026-01-10-0800.{}\"\r\n",
                                                  format)));
        CHECK(daemon::contains(reply, "X-Content-Type-Options: nosniff\r\n"));
        CHECK(daemon::contains(reply, "Transfer-Encoding: chunked\r\n"));
        CHECK(dechunked(daemon::body_of(reply)) ==
              exported(site, {{"what", "logs"}, {"window", "7d"}, {"format", format}}));
    }
    const auto head =
        daemon::ask(server.port, "HEAD /api/v1/export HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    CHECK(daemon::status_of(head) == 200);
    CHECK(daemon::body_of(head).empty());
    CHECK(daemon::error_status(daemon::get(server.port, "/api/v1/export?what=x")) == 400);
}

TEST_CASE("while two exports are read a third one is told to come again") {
    ApiSite site{509};
    // More than the system's buffers take for clients that do not read.
    site.fill(kStart, kEnd, 60'000);
    daemon::StatusPages pages;
    for (auto& [path, handler] : site.api().pages())
        pages.emplace(path, daemon::StatusPage{std::move(handler)});
    const daemon::Running server{{}, std::move(pages)};
    const std::string target = "/api/v1/export?what=logs&window=7d&format=json";
    {
        const daemon::RawClient one{server.port};
        const daemon::RawClient two{server.port};
        for (const auto* const client : {&one, &two}) {
            client->send("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            CHECK(daemon::status_of(client->receive_until("\r\n\r\n")) == 200);
        }
        const auto refused = daemon::get(server.port, target);
        CHECK(daemon::error_status(refused) == 503);
        CHECK(daemon::contains(refused, "Retry-After: "));
    }
    // Whoever hangs up makes room.
    while (daemon::status_of(daemon::get(server.port, target + "&model=none")) != 200)
        std::this_thread::yield();
}
