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

TEST_CASE("an answer that counts whole hours says so, and what it is compared with") {
    ApiSite site{112};
    const auto busy = kEnd / 3600 * 3600 - 6 * 3600;
    site.fill(busy - 7200, busy, 200);
    site.fill(busy, busy + 3600, 30'000);
    site.fill(busy + 3600, busy + 7200, 200);
    const auto asked = [&](const char* page, std::int64_t from) {
        return site.ask(page,
                        {{"from", std::to_string(from)}, {"to", std::to_string(busy + 7200)}});
    };
    const auto whole = asked("summary", busy + 60);
    CHECK(whole.at("whole_hours") == true);
    CHECK(whole.at("complete") == true);
    CHECK(whole.at("from") == busy);
    site.check_sums(whole.at("now"), span_of(whole));
    // Not with a part of itself.
    CHECK(whole.at("before_from") == busy - 7200);
    CHECK(whole.at("before_to") == busy);
    site.check_sums(whole.at("before"),
                    fmt::format("created_at >= {} AND created_at < {}", busy - 7200, busy));
    for (const auto* const page : {"breakdown", "errors", "channels"}) {
        CHECK(asked(page, busy + 60).at("whole_hours") == true);
        CHECK(asked(page, busy + 3700).at("whole_hours") == false);
    }
    CHECK(asked("logs", busy + 60).at("totals").at("whole_hours") == true);
    CHECK(asked("logs", busy + 3700).at("totals").at("whole_hours") == false);
    const auto exact = asked("summary", busy + 3700);
    CHECK(exact.at("whole_hours") == false);
    CHECK(exact.at("from") == busy + 3700);
    site.check_sums(exact.at("now"), span_of(exact));
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
                    const auto lower = std::max(times[i].get<std::int64_t>(),
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
