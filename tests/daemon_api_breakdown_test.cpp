// Breakdowns beside their numbers: pages, orders, names, and what is not known.

#include "daemon_api_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kEnd = kStart + 40 * kDay + 5432;

}  // namespace

TEST_CASE("keys have the names of their owners: the gateway's, else the rows'") {
    ApiSite site{117};
    site.fill(kStart, kEnd, 1000);
    const auto answer =
        site.ask("breakdown", {{"by", "token"}, {"window", "30d"}, {"most", "200"}});
    std::set<std::string> owners;
    for (const auto& row : answer.at("rows")) {
        const auto user = row.at("user").get<std::int64_t>();
        CHECK(row.at("user_name") == (user == 1   ? "alice"
                                      : user == 2 ? "bob"
                                                  : fmt::format("user-{}", user)));
        owners.insert(row.at("user_name").get<std::string>());
    }
    CHECK(owners.size() == 3);
    const auto users = site.ask("breakdown", {{"by", "user"}});
    for (const auto& row : users.at("rows")) CHECK_FALSE(row.contains("user_name"));
}

TEST_CASE(
    "a failed request without status was last seen when it failed, not when one was answered") {
    ApiSite site{118};
    auto failed = entry(1, kStart + 100);
    failed.kind = sync::Kind::error;
    failed.status = 0;
    failed.error_code.clear();
    auto answered = entry(2, kStart + 5 * kHour);
    answered.status = 0;
    answered.error_code.clear();
    site.add({failed, answered}, kStart + 6 * kHour);
    for (const std::string by : {"status", "error"}) {
        const auto rows = site.ask("breakdown", {{"by", by}, {"window", "24h"}}).at("rows");
        REQUIRE(rows.size() == 1);
        CHECK(rows[0].at("last_used") == kStart + kHour);
        // Answers have no status: no line is theirs.
        const auto series =
            site.ask("trend", {{"by", by}, {"window", "24h"}, {"step", "1h"}}).at("series");
        REQUIRE(series.size() == 1);
        std::int64_t sum = 0;
        for (const auto& count : series[0].at("requests")) sum += count.get<std::int64_t>();
        CHECK(sum == 1);
    }
}

TEST_CASE("the lines of a trend are the largest by what is asked for") {
    ApiSite site{119};
    site.fill(kStart, kEnd, 3000);
    for (const std::string order : {"cost", "requests", "errors", "tokens"}) {
        CAPTURE(order);
        for (const std::string by : {"model", "token", "provider"}) {
            const Query query{{"by", by}, {"window", "7d"}, {"step", "1h"}, {"order", order}};
            const auto sum_of = [&](const json& line) {
                double sum = 0;
                for (const auto& value : line.at(order)) sum += value.get<double>();
                return sum;
            };
            auto all = query;
            all.emplace("most", "20");
            const auto whole = site.ask("trend", all).at("series");
            REQUIRE(whole.size() > 2);
            for (std::size_t i = 1; i < whole.size(); ++i)
                CHECK(sum_of(whole[i]) <= sum_of(whole[i - 1]) + 1e-9);
            auto two = query;
            two.emplace("most", "2");
            const auto lines = site.ask("trend", two).at("series");
            REQUIRE(lines.size() == 3);
            CHECK(sum_of(lines[0]) == doctest::Approx(sum_of(whole[0])));
            CHECK(sum_of(lines[1]) == doctest::Approx(sum_of(whole[1])));
            CHECK(lines[2].at("kind") == "rest");
        }
    }
}

TEST_CASE("of very many addresses the largest are told, the others as one, and that it is so") {
    ApiSite site{116};
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < 130; ++i) {
        auto e = entry(i + 1, kStart + i);
        e.ip = fmt::format("10.0.0.{}", i + 1);
        e.quota = 1'000'000 - i;
        entries.push_back(e);
    }
    entries.push_back(entry(131, kStart + 2 * kHour));
    entries.back().quota = 1;
    site.add(entries, kStart + 2 * kHour + 5);
    const Query span{{"from", std::to_string(kStart)}, {"to", std::to_string(kStart + 3 * kHour)}};
    const auto ask = [&](const std::string& path, Query query) {
        query.insert(span.begin(), span.end());
        return site.ask(path, query);
    };
    const auto answer = ask("breakdown", {{"by", "ip"}, {"most", "200"}});
    CHECK(answer.at("complete") == false);
    const auto& rows = answer.at("rows");
    CHECK(rows.front().at("name") == "10.0.0.1");
    CHECK(rows.back().at("kind") == "rest");
    CHECK(rows.back().at("id") == nullptr);
    CHECK(rows.back().at("name") == "");
    CHECK(rows.back().at("requests") == 30);
    CHECK(answer.at("total").at("requests") == 131);
    const auto of_one = ask("trend", {{"by", "ip"}, {"step", "1h"}});
    CHECK(of_one.at("series").back().at("kind") == "rest");
    CHECK(ask("breakdown", {{"by", "channel"}}).at("complete") == true);
}

TEST_CASE("pages of a breakdown fit together, in each order") {
    ApiSite site{106};
    site.fill(kStart, kEnd, 3000);
    for (const std::string order : {"cost", "requests", "errors", "tokens", "error_rate"}) {
        CAPTURE(order);
        const Query all{{"by", "token"}, {"window", "30d"}, {"order", order}, {"most", "200"}};
        const auto whole = site.ask("breakdown", all).at("rows");
        json pages = json::array();
        for (int offset = 0;; offset += 4) {
            auto query = all;
            query.erase("most");
            query.insert({{"most", "4"}, {"offset", std::to_string(offset)}});
            const auto page = site.ask("breakdown", query);
            for (const auto& row : page.at("rows")) pages.push_back(row);
            CHECK(page.at("more") == whole.size() - pages.size());
            if (page.at("more") == 0) break;
        }
        CHECK(pages == whole);
        double former = 1e18;
        for (const auto& row : whole) {
            const auto& value = row.at(order);
            const auto rank = value.is_null() ? -1 : value.get<double>();
            CHECK(rank <= former);
            former = rank;
        }
    }
}

TEST_CASE("objects are called what the gateway calls them now, else what rows called them") {
    ApiSite site{107};
    site.fill(kStart, kEnd, 2000);
    auto odd = entry(0, kEnd, "caf\xe9 <script>");
    odd.channel = 1;
    odd.token = 0;
    odd.token_name = "naïve 名";
    odd.user = 9;
    odd.username = "gone";
    site.add({odd}, kEnd + 1);
    std::map<std::string, std::string> names;
    for (const auto* const by : {"channel", "token", "user", "model", "provider", "tag"}) {
        const auto answer = site.ask("breakdown", {{"by", by}, {"window", "30d"}, {"most", "200"}});
        for (const auto& row : answer.at("rows")) {
            const auto id = row.at("id").is_null() ? "-" : row.at("id").dump();
            names[fmt::format("{} {} {}", by, id, row.at("name").get<std::string>())] = "";
        }
    }
    for (const std::string name :
         {"channel 1 azure <b>", "channel 4 ", "token 1 renamed since", "token 2 key-2",
          "token - key-0", "token - naïve 名", "user 1 alice", "user 3 user-3", "user 9 gone",
          "model - caf\uFFFD <script>", "provider - OpenAI", "provider - Anthropic", "provider - ",
          "tag - prod", "tag - "}) {
        CAPTURE(name);
        CHECK(names.contains(name));
    }
}

TEST_CASE("a time before which nothing is kept is told") {
    ApiSite site{108};
    site.fill(kStart, kStart + 5 * kDay, 500);
    const auto answer = site.ask("breakdown", {{"by", "channel"}, {"window", "30d"}});
    CHECK(answer.at("complete") == false);
    CHECK(answer.at("from") == kStart);
    CHECK(site.ask("summary", {{"window", "30d"}}).at("before_complete") == false);
    // Keys by model: only rows know, and only so many of them are read.
    ApiSite busy{109};
    busy.fill(kStart, kStart + kDay, 30'000);
    const auto rows = busy.ask("breakdown", {{"by", "model"}, {"token", "2"}, {"window", "24h"}});
    CHECK(rows.at("complete") == false);
    busy.check_sums(rows.at("total"), span_of(rows) + " AND token = 2");
}
