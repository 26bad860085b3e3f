#include "daemon_api_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

struct Wrong {
    std::string page;
    Query query;
    std::string sentence;  // its beginning
};

/// Of the page's parameters in the document.
std::set<std::string> documented(const std::string& path) {
    std::set<std::string> names;
    const auto& document = api_schema().document();
    for (const auto& given : document.at("paths").at(path).at("get").at("parameters")) {
        const auto& parameter =
            given.contains("$ref")
                ? document.at(json::json_pointer{given.at("$ref").get<std::string>().substr(1)})
                : given;
        if (parameter.at("in") == "query") names.insert(parameter.at("name").get<std::string>());
    }
    return names;
}

/// As the sentence names them.
std::set<std::string> named(const std::string& sentence) {
    std::set<std::string> names;
    if (sentence == "there are no parameters here") return names;
    const std::string begin = "the parameters are ";
    REQUIRE(sentence.starts_with(begin));
    std::string name;
    for (const char c : sentence.substr(begin.size()) + ",") {
        if (c == ',')
            names.insert(std::exchange(name, {}));
        else if (c != ' ')
            name += c;
    }
    return names;
}

const std::vector<std::pair<std::string, std::string>> kPages{
    {"summary", "summary"},
    {"trend", "trend"},
    {"breakdown", "breakdown"},
    {"slow", "slow"},
    {"availability", "availability"},
    {"errors", "errors"},
    {"logs", "logs"},
    {"logs/0-1", "logs/{entry}"},
    {"channels", "channels"},
    {"channels/1/balance", "channels/{id}/balance"},
    {"tokens", "tokens"},
    {"alerts/history", "alerts/history"},
    {"health", "health"}};

}  // namespace

TEST_CASE("every page takes the parameters of the document, and no other") {
    ApiSite site{301};
    site.fill(kStart, kStart + kHour, 20);
    for (const auto& [page, path] : kPages) {
        CAPTURE(page);
        CHECK(named(site.refusal(page, {{"sql", "1"}})) == documented("/api/v1/" + path));
    }
}

TEST_CASE("a parameter of no sense is refused with a sentence") {
    ApiSite site{302};
    site.fill(kStart, kStart + kHour, 20);
    const std::string number = " must be a whole number from ";
    const std::vector<Wrong> wrong{
        {"summary", {{"window", "2h"}}, "window must be one of 1h, 6h, 12h, 24h, 7d, 30d"},
        {"summary", {{"window", ""}}, "window must be one of"},
        {"summary", {{"window", "1h"}, {"window", "1h"}}, "window is given more than once"},
        {"summary", {{"window", "1h"}, {"from", "1"}}, "give either window, or from and to"},
        {"summary", {{"to", "1767571200"}}, "to needs from"},
        {"summary", {{"from", "20"}, {"to", "20"}}, "from must be before to"},
        {"summary", {{"from", "0"}, {"to", "40000000"}}, "from and to may be 400 days apart"},
        {"summary", {{"from", "-1"}}, "from must be unix seconds or a local time (Asia/Shanghai)"},
        {"summary", {{"from", "2026-02-30"}}, "from must be unix seconds or a local time"},
        {"summary", {{"from", "2026-01-05T24:00"}}, "from must be unix seconds or a local time"},
        {"summary", {{"from", "99999999999999999999"}}, "from must be unix seconds"},
        {"summary", {{"from", "1e9"}}, "from must be unix seconds"},
        {"trend", {{"step", "2m"}}, "step must be one of auto, 1m, 5m, 15m, 1h, 1d"},
        {"trend", {{"step", "1m"}, {"window", "30d"}}, "that is more than 800 steps"},
        {"trend", {{"by", "key"}}, "by must be one of all, channel, model"},
        {"trend", {{"most", "21"}}, "most" + number + "1 to 20"},
        {"breakdown", {{"order", "name"}}, "order must be one of cost, requests"},
        {"breakdown", {{"most", "0"}}, "most" + number},
        {"breakdown", {{"most", "201"}}, "most" + number},
        {"breakdown", {{"most", " 5"}}, "most" + number},
        {"breakdown", {{"most", "5x"}}, "most" + number},
        {"breakdown", {{"most", "+5"}}, "most" + number},
        {"breakdown", {{"offset", "-1"}}, "offset" + number},
        {"breakdown", {{"channel", "1 OR 1=1"}}, "channel" + number},
        {"breakdown", {{"channel", ""}}, "channel" + number},
        {"breakdown", {{"channel", "9223372036854775808"}}, "channel" + number},
        {"breakdown", {{"status", "1000"}}, "status" + number},
        {"breakdown", {{"ip", "10.0.0.256"}}, "ip must be an IPv4 or IPv6 address"},
        {"breakdown", {{"ip", ""}}, "ip must be"},
        {"breakdown", {{"ip", "0.0.0.0"}}, "ip must be"},
        {"breakdown", {{"provider", "a"}, {"tag", "b"}}, "give either provider or tag"},
        {"breakdown", {{"model", std::string(201, 'x')}}, "model must be UTF-8 text"},
        {"breakdown", {{"model", "a\nb"}}, "model must be UTF-8 text"},
        {"breakdown", {{"model", "\xff"}}, "model must be UTF-8 text"},
        {"breakdown", {{"model", std::string{"a\0b", 3}}}, "model must be UTF-8 text"},
        {"performance", {{"by", "token"}}, "by must be one of all, channel, model"},
        {"performance", {{"user", "1"}}, "times are kept of channels and models"},
        {"slow", {{"limit", "21"}}, "limit" + number},
        {"availability", {{"window", "30d"}}, "window must be one of 24h, 1h"},
        {"availability", {{"by", "token"}}, "by must be one of model, channel"},
        {"logs", {{"limit", "201"}}, "limit" + number},
        {"logs", {{"kind", "consume"}}, "kind must be one of answer, error, refund"},
        {"logs", {{"slow_ms", "-5"}}, "slow_ms" + number},
        {"logs", {{"search", std::string(101, 'x')}}, "search must be UTF-8 text"},
        {"logs", {{"cursor", "5"}}, "cursor must be a next_cursor"},
        {"logs", {{"cursor", "-5-7"}}, "cursor must be a next_cursor"},
        {"logs", {{"cursor", "5-7-9"}}, "cursor must be a next_cursor"},
        {"logs", {{"cursor", "1' OR '1'='1"}}, "cursor must be a next_cursor"},
        {"alerts/history", {{"state", "resolved"}}, "state must be one of firing, over, told"},
        {"alerts/history", {{"cursor", "x:firing:1"}}, "cursor must be a next_cursor"},
        {"tokens", {{"limit", "0"}}, "limit" + number},
        {"tokens", {{"cursor", "x"}}, "cursor" + number},
        {"tokens", {{"search", "a\tb"}}, "search must be UTF-8 text"},
        {"export", {{"what", "tokens"}}, "what must be one of logs, breakdown, trend"},
        {"export", {{"format", "xlsx"}}, "format must be one of csv, json"},
        {"export", {{"what", "logs"}, {"limit", "1"}}, "the parameters are window, from"},
        {"export", {{"what", "trend"}, {"step", "0"}}, "step must be one of"},
        {"channels/x/balance", {}, "the address is /api/v1/channels/ID/balance"},
        {"channels//balance", {}, "the address is"},
        {"channels/1", {}, "the address is"},
        {"channels/-1/balance", {}, "the address is"},
    };
    for (const auto& [page, query, sentence] : wrong) {
        CAPTURE(page);
        CAPTURE(sentence);
        const auto answer = site.reply("/api/v1/" + page, query);
        CHECK(answer.status == 400);
        const auto message = json::parse(answer.body).at("error").at("message").get<std::string>();
        CHECK_MESSAGE(message.starts_with(sentence), message);
    }
}

TEST_CASE("an object that nobody knows is an empty answer") {
    ApiSite site{303};
    site.fill(kStart, kStart + 2 * kDay, 200);
    for (const Query& query :
         {Query{{"model", "none"}}, Query{{"channel", "9223372036854775807"}},
          Query{{"provider", "none"}}, Query{{"tag", "'; DROP TABLE log; --"}},
          Query{{"group", "<script>"}}, Query{{"token", "77"}}, Query{{"ip", "2001:db8::1"}},
          Query{{"code", "none"}, {"status", "599"}}}) {
        CAPTURE(json(query).dump());
        CHECK(site.ask("breakdown", query).at("total").at("requests") == 0);
        CHECK(site.ask("trend", query).at("series").size() <= 1);
        CHECK(site.ask("errors", query).at("total") == 0);
        const auto logs = site.ask("logs", query);
        CHECK(logs.at("rows").empty());
        CHECK(logs.at("next_cursor") == nullptr);
        CHECK(logs.at("totals").at("requests") == 0);
    }
    CHECK(number(site.handle(), "SELECT count(*) FROM log") == 200);
}

TEST_CASE("whatever a stranger writes is an answer or a sentence") {
    ApiSite site{304};
    site.fill(kStart, kStart + 2 * kDay, 300);
    const std::vector<std::string> values{"",
                                          "0",
                                          "1",
                                          "-1",
                                          "1e308",
                                          "nan",
                                          "9223372036854775807",
                                          "18446744073709551616",
                                          "true",
                                          "null",
                                          "' OR '1'='1",
                                          "\"",
                                          "\\",
                                          "%",
                                          "%00",
                                          "../../etc/passwd",
                                          "<img src=x>",
                                          "{{7*7}}",
                                          "$(id)",
                                          "\xc3\x28",
                                          "\xf0\x9f\x92\xa9",
                                          std::string(50, '9'),
                                          std::string(5000, 'a'),
                                          std::string{"\0", 1},
                                          "2026-01-05T08:00",
                                          "2026-13-01",
                                          "all",
                                          "token",
                                          "24h",
                                          "1d",
                                          "10.0.0.1",
                                          "::",
                                          "0-0",
                                          "1:firing:",
                                          "OpenAI"};
    const std::vector<std::string> pages{"summary",
                                         "trend",
                                         "breakdown",
                                         "performance",
                                         "slow",
                                         "availability",
                                         "errors",
                                         "logs",
                                         "channels",
                                         "tokens",
                                         "alerts/history",
                                         "health",
                                         "channels/1/balance",
                                         "export"};
    std::map<int, int> statuses;
    for (int i = 0; i < 3000; ++i) {
        const auto& page =
            pages[static_cast<std::size_t>(site.below(static_cast<std::int64_t>(pages.size())))];
        auto known = documented("/api/v1/" + (page == "channels/1/balance"
                                                  ? std::string{"channels/{id}/balance"}
                                                  : page));
        known.insert("other");
        Query query;
        for (auto left = 1 + site.below(3); left > 0; --left) {
            auto name = known.begin();
            std::advance(name, site.below(static_cast<std::int64_t>(known.size())));
            query.emplace(*name, values[static_cast<std::size_t>(
                                     site.below(static_cast<std::int64_t>(values.size())))]);
        }
        CAPTURE(page);
        CAPTURE(json(query).dump(-1, ' ', false, json::error_handler_t::replace));
        const auto reply = site.reply("/api/v1/" + page, query);
        ++statuses[reply.status];
        const bool expected = reply.status == 200 || reply.status == 400;
        CHECK(expected);
        if (reply.stream) continue;
        for (const auto& fault :
             api_schema().faults("/api/v1/" + page, reply.status, json::parse(reply.body)))
            FAIL_CHECK(fault);
    }
    CHECK(statuses[200] > 100);
    CHECK(statuses[400] > 100);
    CHECK(number(site.handle(), "SELECT count(*) FROM log") == 300);
}

TEST_CASE("the document is told, and who has it gets 304") {
    ApiSite site{413};
    const auto reply = site.reply("/api/v1/openapi.json");
    CHECK(reply.status == 200);
    CHECK(json::parse(reply.body).at("openapi") == "3.1.0");
    CHECK(site.reply("/api/v1/openapi.json", {}, {{"if-none-match", reply.headers.at(0).second}})
              .status == 304);
}

TEST_CASE("an address below a page that has none is nobody's") {
    const std::map<std::string, int> pages{{"/a", 1}, {"/a/", 2}, {"/b", 3}};
    CHECK(daemon::find_page(pages, "/a")->second == 1);
    CHECK(daemon::find_page(pages, "/a/x")->second == 2);
    CHECK(daemon::find_page(pages, "/a/x/y")->second == 2);
    CHECK(daemon::find_page(pages, "/a/")->second == 2);
    CHECK(daemon::find_page(pages, "/b/x") == pages.end());
    CHECK(daemon::find_page(pages, "") == pages.end());
    CHECK(daemon::find_page(pages, "/") == pages.end());
}
