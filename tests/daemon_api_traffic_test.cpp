#include "daemon_api_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kEnd = kStart + 40 * kDay + 5432;

/// A filter as a request has it, and as SQL does.
struct Chosen {
    Query query{};
    std::string where = "true";
};

Chosen random_filter(ApiSite& site) {
    switch (site.below(9)) {
        case 0:
            return {{{"channel", "2"}}, "channel = 2"};
        case 1:
            return {{{"model", "model-1"}}, "model = " + text_sql("model-1")};
        case 2:
            return {{{"provider", "OpenAI"}}, "channel IN (1, 2)"};
        case 3:
            return {{{"tag", "prod"}, {"channel", "3"}}, "channel = 3"};
        case 4:
            return {{{"tag", "prod"}}, "channel IN (1, 3)"};
        case 5:
            return {{{"user", "2"}}, "user = 2"};
        case 6:
            return {{{"tag", "prod"}, {"channel", "2"}}, "false"};
        case 7:
            return {{{"model", "no such"}}, "false"};
        default:
            return {};
    }
}

void add_span(ApiSite& site, Query& query) {
    static const std::vector<std::string> kWindows{"1h", "6h", "12h", "24h", "7d", "30d"};
    if (site.below(2) == 0) {
        query.emplace("window", kWindows[static_cast<std::size_t>(site.below(6))]);
        return;
    }
    const auto from = kStart + site.below(38 * kDay);
    query.emplace("from", std::to_string(from));
    query.emplace("to", std::to_string(from + 1 + site.below(kEnd - from)));
}

/// What one object of a breakdown is, in SQL; `by` is the kind.
std::string where_of(const std::string& by, const json& row) {
    const auto& id = row.at("id");
    const auto name = row.at("name").get<std::string>();
    if (by == "channel") return fmt::format("channel = {}", id.get<std::int64_t>());
    if (by == "user") return fmt::format("user = {}", id.get<std::int64_t>());
    if (by == "token" && !id.is_null()) return fmt::format("token = {}", id.get<std::int64_t>());
    if (by == "token")
        return fmt::format("token = 0 AND user = {} AND token_name = {}",
                           row.at("user").get<std::int64_t>(), text_sql(name));
    if (by == "model") return "model = " + text_sql(name);
    if (by == "group") return "grp = " + text_sql(name);
    if (by == "route") return "route = " + text_sql(name);
    if (by == "ip") return fmt::format("ip = {}", sync::parse_address(name));
    if (by == "provider")
        return name == "OpenAI"      ? "channel IN (1, 2)"
               : name == "Anthropic" ? "channel = 3"
                                     : "channel = 4";
    if (by == "tag") return name == "prod" ? "channel IN (1, 3)" : "channel IN (2, 4)";
    if (by == "status")
        return fmt::format("kind = 2 AND status = {}", id.is_null() ? 0 : id.get<int>());
    if (by == "error")
        return fmt::format("kind = 2 AND status = {} AND error_code = {}",
                           id.is_null() ? 0 : id.get<int>(), name.empty() ? "0" : text_sql(name));
    return "true";
}

const std::vector<std::string> kKinds{"all",   "channel", "model",    "token", "user",   "group",
                                      "route", "ip",      "provider", "tag",   "status", "error"};

}  // namespace

TEST_CASE("every number of a breakdown equals plain SQL over the rows") {
    for (const std::string zone : {"Asia/Shanghai", "Asia/Kolkata", "America/New_York"}) {
        CAPTURE(zone);
        ApiSite site{101, zone};
        site.fill(kStart, kEnd, 5000);
        for (int round = 0; round < 5; ++round) {
            for (const auto& by : kKinds) {
                auto chosen = random_filter(site);
                chosen.query.emplace("by", by);
                chosen.query.emplace("most", "200");
                add_span(site, chosen.query);
                CAPTURE(json(chosen.query).dump());
                const auto answer = site.ask("breakdown", chosen.query);
                CHECK(answer.at("complete") == true);
                const auto rows_of = span_of(answer) + " AND " + chosen.where;
                const bool of_errors = by == "status" || by == "error";
                site.check_sums(answer.at("total"), rows_of + (of_errors ? " AND kind = 2" : ""));
                std::int64_t sum = 0;
                for (const auto& row : answer.at("rows")) {
                    CAPTURE(row.at("name").get<std::string>());
                    site.check_sums(row, rows_of + " AND " + where_of(by, row));
                    sum += row.at("quota").get<std::int64_t>();
                }
                CHECK(answer.at("total").at("quota") == sum);
            }
        }
    }
}

TEST_CASE("every number of a summary equals plain SQL over the rows") {
    for (const std::string zone : {"Asia/Shanghai", "America/New_York"}) {
        ApiSite site{102, zone};
        site.fill(kStart, kEnd, 4000);
        for (int round = 0; round < 10; ++round) {
            Query query;
            add_span(site, query);
            CAPTURE(json(query).dump());
            const auto answer = site.ask("summary", query);
            const auto from = answer.at("from").get<std::int64_t>();
            const auto to = answer.at("to").get<std::int64_t>();
            const auto span = span_of(answer);
            site.check_sums(answer.at("now"), span);
            const auto before =
                fmt::format("created_at >= {} AND created_at < {}", 2 * from - to, from);
            site.check_sums(answer.at("before"), before);
            const auto local = [&](int days) {
                return fmt::format(
                    "created_at >= {}",
                    base::unix_seconds(site.zone().at(site.clock.now(), days, base::Seconds{0})));
            };
            // 14 February in Shanghai and New York.
            site.check_sums(answer.at("today"), local(0));
            site.check_sums(answer.at("month"),
                            local(1 - static_cast<int>(site.zone().local(site.clock.now()).day)));
            const std::string requests = " FROM log WHERE kind IN (1, 2) AND NOT flags & 2 AND ";
            for (const auto& [name, where] :
                 {std::pair{std::string{"active"}, span}, {"active_before", before}}) {
                CHECK(answer.at(name).at("channels") ==
                      number(site.handle(), "SELECT count(DISTINCT channel)" + requests + where));
                CHECK(answer.at(name).at("models") ==
                      number(site.handle(), "SELECT count(DISTINCT model)" + requests + where));
                CHECK(answer.at(name).at("tokens") ==
                      number(site.handle(),
                             "SELECT count(DISTINCT iif(token = 0, -user * 1000 - token_name, "
                             "token))" +
                                 requests + where));
            }
            CHECK(answer.at("rpm").get<double>() ==
                  doctest::Approx(answer.at("now").at("requests").get<double>() * 60 /
                                  static_cast<double>(to - from)));
            for (const auto& [list, by] :
                 {std::pair{std::string{"top_tokens"}, std::string{"token"}},
                  {"top_routes", "route"}}) {
                double former = 1e18;
                for (const auto& row : answer.at(list)) {
                    site.check_sums(row, span + " AND " + where_of(by, row));
                    CHECK(row.at("cost").get<double>() <= former);
                    former = row.at("cost").get<double>();
                }
            }
            CHECK(answer.at("quota").at("granted").get<double>() == doctest::Approx(3 * 7.3));
            CHECK(answer.at("quota").at("used").get<double>() == doctest::Approx(1.2 * 7.3));
            CHECK(answer.at("quota").at("left").get<double>() == doctest::Approx(1.8 * 7.3));
        }
    }
}

TEST_CASE("every point of a trend equals plain SQL over the rows") {
    for (const std::string zone : {"Asia/Shanghai", "Asia/Kolkata", "America/New_York"}) {
        CAPTURE(zone);
        ApiSite site{103, zone};
        site.fill(kStart, kEnd, 5000);
        for (int round = 0; round < 24; ++round) {
            const std::vector<std::string> kinds{"all",      "channel", "model",
                                                 "provider", "tag",     "token"};
            const std::vector<std::string> steps{"1h", "1d", "15m", "5m"};
            const auto& by = kinds[static_cast<std::size_t>(round) % kinds.size()];
            const auto& step = steps[static_cast<std::size_t>(round) / 6];
            const bool minutes = step == "15m" || step == "5m";
            Query query{{"by", by}, {"step", step}, {"most", "20"}};
            std::string where = "true";
            if (minutes && by == "token") {
                CHECK(site.refusal("trend", query) ==
                      "steps of minutes are kept of channels and models only; ask for step=1h");
                continue;
            }
            if (site.below(2) == 0) {
                query.emplace("tag", "prod");
                where = "channel IN (1, 3)";
            }
            query.emplace("window", minutes ? "12h" : step == "1h" ? "7d" : "30d");
            CAPTURE(json(query).dump());
            const auto answer = site.ask("trend", query);
            const auto& times = answer.at("times");
            REQUIRE(!times.empty());
            for (const auto& series : answer.at("series")) {
                CAPTURE(series.at("name").get<std::string>());
                for (std::size_t i = 0; i < times.size(); ++i) {
                    // Minutes come in whole steps.
                    const auto lower = minutes ? times[i].get<std::int64_t>()
                                               : std::max(times[i].get<std::int64_t>(),
                                                          answer.at("from").get<std::int64_t>());
                    const auto upper = i + 1 < times.size() ? times[i + 1] : answer.at("to");
                    const auto sums = site.sums(
                        fmt::format("created_at >= {} AND created_at < {} AND {} AND {}", lower,
                                    upper.get<std::int64_t>(), where, where_of(by, series)));
                    CAPTURE(times[i].get<std::int64_t>());
                    for (const auto* const name : {"requests", "errors", "tokens"})
                        CHECK(series.at(name)[i] == sums.at(name));
                    CHECK(series.at("cost")[i].get<double>() ==
                          doctest::Approx(sums.at("cost").get<double>()));
                }
            }
        }
    }
}

TEST_CASE("a trend's days begin with the hour in which the local midnight falls") {
    ApiSite site{104, "Asia/Kolkata"};
    site.fill(kStart, kEnd, 500);
    const auto answer = site.ask("trend", {{"step", "1d"}, {"window", "7d"}});
    for (const auto& time : answer.at("times")) {
        const auto hour = time.get<std::int64_t>();
        CHECK(hour % kHour == 0);
        const auto midnight = base::unix_seconds(
            site.zone().at(base::from_unix(hour + kHour - 1), 0, base::Seconds{0}));
        CHECK(midnight / kHour * kHour == hour);
    }
}

TEST_CASE("steps are of minutes by themselves only where minutes are kept") {
    ApiSite site{110};
    site.fill(kStart, kEnd, 1000);
    const auto step = [&](Query query) { return site.ask("trend", query).at("step"); };
    CHECK(step({{"window", "1h"}}) == 60);
    // Nothing is older than what minutes have.
    CHECK(step({{"from", std::to_string(kStart - 4 * kHour)},
                {"to", std::to_string(kStart + kHour)}}) == 300);
    CHECK(step({{"window", "24h"}, {"by", "tag"}, {"model", "model-1"}}) == 900);
    CHECK(step({{"window", "24h"}, {"by", "token"}}) == 3600);
    CHECK(step({{"window", "6h"}, {"user", "2"}}) == 3600);
    while (site.store().keep_up(site.clock.now()).more) continue;
    const auto old = kEnd - 20 * kDay;
    CHECK(step({{"from", std::to_string(old)}, {"to", std::to_string(old + kDay)}}) == 3600);
}

TEST_CASE("a key that was renamed is one line of a trend") {
    ApiSite site{111};
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < 10; ++i) {
        auto e = entry(0, kStart + i * kHour);
        e.token = 50;
        e.token_name = i < 5 ? "former" : "later";
        entries.push_back(e);
    }
    site.add(entries, kStart + 10 * kHour);
    const auto lines =
        site.ask("trend", {{"by", "token"}, {"step", "1h"}, {"window", "12h"}}).at("series");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].at("name") == "later");
}

TEST_CASE("what is not among the largest of a trend is one line") {
    ApiSite site{105};
    site.fill(kStart, kEnd, 2000);
    const Query window{{"window", "7d"}, {"step", "1h"}};
    const auto all = site.ask("trend", window).at("series").at(0);
    auto query = window;
    query.insert({{"by", "model"}, {"most", "2"}});
    const auto lines = site.ask("trend", query).at("series");
    REQUIRE(lines.size() == 3);
    CHECK(lines[2].at("kind") == "rest");
    for (std::size_t i = 0; i < all.at("tokens").size(); ++i) {
        std::int64_t sum = 0;
        for (const auto& line : lines) sum += line.at("tokens")[i].get<std::int64_t>();
        CHECK(all.at("tokens")[i] == sum);
    }
}

TEST_CASE("the largest of a trend are the same however many are told") {
    ApiSite site{115};
    site.fill(kStart, kEnd, 2000);
    for (const std::string by : {"channel", "model", "token", "user", "group", "ip", "tag"}) {
        CAPTURE(by);
        Query query{{"window", "7d"}, {"step", "1d"}, {"by", by}, {"most", "20"}};
        const auto whole = site.ask("trend", query).at("series");
        query.erase("most");
        query.insert({"most", "1"});
        const auto lines = site.ask("trend", query).at("series");
        REQUIRE(whole.size() > 1);
        REQUIRE(lines.size() == 2);
        CHECK(lines[0] == whole[0]);
        CHECK(lines[1].at("kind") == "rest");
        for (std::size_t i = 0; i < lines[1].at("requests").size(); ++i) {
            std::int64_t sum = 0;
            for (std::size_t k = 1; k < whole.size(); ++k)
                sum += whole[k].at("requests")[i].get<std::int64_t>();
            CHECK(lines[1].at("requests")[i] == sum);
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
