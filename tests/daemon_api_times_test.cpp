// Latency, the slowest answers and availability against plain SQL over the rows.

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

TEST_CASE("latencies in steps are those of the rows") {
    ApiSite site{402};
    site.fill(kStart, kEnd, 6000);
    for (const std::string by : {"all", "channel", "model"}) {
        for (const std::string window : {"1h", "6h", "12h", "7d", "30d"}) {
            CAPTURE(by);
            CAPTURE(window);
            const auto answer = site.ask("performance", {{"by", by}, {"window", window}});
            for (const auto& row : answer.at("rows")) {
                const auto where =
                    by == "channel" ? fmt::format("channel = {}", row.at("id").get<std::int64_t>())
                    : by == "model" ? "model = " + text_sql(row.at("name").get<std::string>())
                                    : std::string{"true"};
                site.check_sums(row, span_of(answer) + " AND " + where);
            }
            const auto& times = answer.at("times");
            for (const auto& line : answer.at("series"))
                for (const auto* const name :
                     {"p50", "p95", "p99", "first_token_p50", "first_token_p95", "rpm", "tpm"})
                    REQUIRE(line.at(name).size() == times.size());
            if (by != "all") continue;
            const auto& line = answer.at("series").at(0);
            for (std::size_t i = 0; i < times.size(); ++i) {
                const auto lower =
                    std::max(times[i].get<std::int64_t>(), answer.at("from").get<std::int64_t>());
                const auto upper =
                    (i + 1 < times.size() ? times[i + 1] : answer.at("to")).get<std::int64_t>();
                const auto sums =
                    site.sums(fmt::format("created_at >= {} AND created_at < {}", lower, upper));
                CHECK(line.at("rpm")[i].get<double>() ==
                      doctest::Approx(sums.at("requests").get<double>() * 60 /
                                      static_cast<double>(upper - lower)));
            }
        }
    }
    const auto some = site.ask("performance", {{"provider", "OpenAI"}, {"window", "7d"}});
    site.check_sums(some.at("rows").at(0), span_of(some) + " AND channel IN (1, 2)");
}

TEST_CASE("latencies of short windows come in minutes, of the rows, where these are not too many") {
    ApiSite site{408};
    site.fill(kEnd - 8 * kHour, kEnd, 3000);
    for (const auto& [window, step] : {std::pair{std::string{"1h"}, 60}, {"6h", 300}}) {
        for (const std::string by : {"all", "model"}) {
            CAPTURE(window);
            const auto answer = site.ask("performance", {{"by", by}, {"window", window}});
            CHECK(answer.at("step") == step);
            CHECK(answer.at("complete") == true);
            const auto& times = answer.at("times");
            for (const auto& line : answer.at("series")) {
                const auto where = by == "model"
                                       ? "model = " + text_sql(line.at("name").get<std::string>())
                                       : std::string{"true"};
                for (std::size_t i = 0; i < times.size(); ++i) {
                    const auto lower = std::max(times[i].get<std::int64_t>(),
                                                answer.at("from").get<std::int64_t>());
                    const auto upper = std::min(times[i].get<std::int64_t>() + step,
                                                answer.at("to").get<std::int64_t>());
                    CAPTURE(lower);
                    const auto span =
                        fmt::format("created_at >= {} AND created_at < {} AND ", lower, upper);
                    const auto sums = site.sums(span + where);
                    const auto minutes = static_cast<double>(upper - lower) / 60;
                    CHECK(line.at("rpm")[i].get<double>() ==
                          doctest::Approx(sums.at("requests").get<double>() / minutes));
                    CHECK(line.at("tpm")[i].get<double>() ==
                          doctest::Approx(sums.at("tokens").get<double>() / minutes));
                    const auto timed =
                        "FROM log WHERE kind = 1 AND flags & 6 = 0 AND attempts = 1 "
                        "AND latency_ms >= 0 AND " +
                        span + where;
                    const auto count = number(site.handle(), "SELECT count(*) " + timed);
                    REQUIRE(line.at("p50")[i].is_null() == (count == 0));
                    if (count == 0) continue;
                    const auto middle =
                        number(site.handle(), fmt::format("SELECT latency_ms {} ORDER BY "
                                                          "latency_ms LIMIT 1 OFFSET {}",
                                                          timed, (count + 1) / 2 - 1));
                    CHECK(line.at("p50")[i].get<double>() ==
                          doctest::Approx(static_cast<double>(middle)).epsilon(0.021));
                }
            }
        }
    }
    // Of more requests than may be read there are hours.
    site.handle().exec("UPDATE hour_group SET answers = answers + 100000");
    const auto many = site.ask("performance", {{"window", "6h"}});
    CHECK(many.at("step") == 3600);
    CHECK(many.at("complete") == true);
}

TEST_CASE("the slowest answers, and how many took over five seconds") {
    ApiSite site{403};
    site.fill(kStart, kEnd, 4000);
    const auto answer = site.ask("slow", {{"window", "24h"}, {"limit", "15"}});
    const auto span = span_of(answer);
    CHECK(ids_of(answer.at("rows")) ==
          dump(site.handle(), "SELECT id FROM log WHERE kind = 1 AND flags & 6 = 0 AND " + span +
                                  " ORDER BY latency_ms DESC, id DESC LIMIT 15"));
    const auto timed =
        "SELECT count(*) FROM log WHERE kind = 1 AND flags & 6 = 0 AND attempts = 1 "
        "AND latency_ms >= 0 AND " +
        span;
    CHECK(answer.at("answers_timed") == number(site.handle(), timed));
    CHECK(answer.at("over_5s") >= number(site.handle(), timed + " AND latency_ms > 5200"));
    CHECK(answer.at("over_5s") <= number(site.handle(), timed + " AND latency_ms > 4800"));
}

TEST_CASE("the slowest answers of a channel, a model, a provider or a tag") {
    ApiSite site{407};
    site.fill(kStart, kEnd, 6000);
    const std::vector<std::pair<Query, std::string>> filters{
        {{{"channel", "2"}}, "channel = 2"},
        {{{"model", "model-1"}}, "model = " + text_sql("model-1")},
        {{{"provider", "OpenAI"}, {"model", "model-0"}},
         "channel IN (1, 2) AND model = " + text_sql("model-0")},
        {{{"tag", "prod"}}, "channel IN (1, 3)"},
        {{{"model", "no such"}}, "false"}};
    for (const auto& [filter, where] : filters) {
        for (const std::string window : {"1h", "24h", "7d"}) {
            Query query = filter;
            query.emplace("window", window);
            CAPTURE(json(query).dump());
            const auto answer = site.ask("slow", query);
            CHECK(answer.at("complete") == true);
            const auto rows = "FROM log WHERE kind = 1 AND flags & 6 = 0 AND " + where + " AND " +
                              span_of(answer);
            CHECK(ids_of(answer.at("rows")) ==
                  dump(site.handle(), "SELECT id " + rows +
                                          " AND latency_ms > 0 ORDER BY latency_ms DESC, id DESC "
                                          "LIMIT 20"));
            const auto timed = "SELECT count(*) " + rows + " AND attempts = 1 AND latency_ms >= 0";
            CHECK(answer.at("answers_timed") == number(site.handle(), timed));
            CHECK(answer.at("over_5s") >= number(site.handle(), timed + " AND latency_ms > 5200"));
            CHECK(answer.at("over_5s") <= number(site.handle(), timed + " AND latency_ms > 4800"));
        }
    }
    CHECK_FALSE(site.refusal("slow", {{"user", "1"}}).empty());
}

TEST_CASE("availability in slots equals plain SQL over the rows") {
    ApiSite site{404};
    site.fill(kEnd - 8 * kDay, kEnd, 6000);
    for (const std::string window : {"1h", "6h", "12h", "24h", "7d"}) {
        for (const std::string by : {"model", "channel"}) {
            CAPTURE(window);
            const auto answer = site.ask("availability", {{"window", window}, {"by", by}});
            const auto slot = answer.at("slot").get<std::int64_t>();
            const auto from = answer.at("from").get<std::int64_t>();
            CHECK(answer.at("to").get<std::int64_t>() > site.now());
            CHECK(answer.at("to").get<std::int64_t>() <= site.now() + slot);
            double former = 0;
            const auto rate_of = [&](const std::string& where) -> json {
                const auto sums = site.sums(where);
                const auto requests = sums.at("requests").get<double>();
                if (requests == 0) return nullptr;
                return 1 - sums.at("errors").get<double>() / requests;
            };
            const auto is_same = [](const json& a, const json& b) {
                if (a.is_null() || b.is_null()) return a == b;
                return std::abs(a.get<double>() - b.get<double>()) < 1e-9;
            };
            for (const auto& row : answer.at("rows")) {
                const auto where =
                    by == "channel" ? fmt::format(" AND channel = {}", row.at("id").dump())
                                    : " AND model = " + text_sql(row.at("name").get<std::string>());
                CHECK(is_same(row.at("rate"), rate_of(span_of(answer) + where)));
                CHECK(row.at("rate").get<double>() >= former);
                former = row.at("rate").get<double>();
                REQUIRE(
                    row.at("slots").size() ==
                    static_cast<std::size_t>((answer.at("to").get<std::int64_t>() - from) / slot));
                auto at = from;
                for (std::size_t i = 0; i < row.at("slots").size(); ++i, at += slot) {
                    CAPTURE(at);
                    const auto span =
                        fmt::format("created_at >= {} AND created_at < {}", at, at + slot) + where;
                    CHECK(is_same(row.at("slots")[i], rate_of(span)));
                    const auto sums = site.sums(span);
                    CHECK(row.at("slot_requests").at(i) == sums.at("requests"));
                    CHECK(row.at("slot_errors").at(i) == sums.at("errors"));
                }
                const auto sums = site.sums(span_of(answer) + where);
                CHECK(row.at("requests") == sums.at("requests"));
                CHECK(row.at("errors") == sums.at("errors"));
            }
        }
    }
}
