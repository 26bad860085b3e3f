// Every number of the Overview and the Breakdown pages against SQL over the gateway's own table.

#include <cmath>

#include "daemon_api_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kEnd = kSourceStart + 21 * kDay + 5432;

const std::vector<std::string> kKinds{"all",   "channel", "model",    "token", "user",   "group",
                                      "route", "ip",      "provider", "tag",   "status", "error"};

bool has_times(const std::string& kind) {
    return kind == "all" || kind == "channel" || kind == "model" || kind == "provider" ||
           kind == "tag";
}
bool is_of_errors(const std::string& kind) {
    return kind == "status" || kind == "error";
}

/// What `counted` calls an object of an answer.
std::string called(const std::string& kind, const json& object) {
    const auto id = object.at("id").is_null() ? 0 : object.at("id").get<std::int64_t>();
    const auto name = object.at("name").get<std::string>();
    if (kind == "token" && id == 0)
        return fmt::format("of {}: {}", object.at("user").get<std::int64_t>(), name);
    if (kind == "channel" || kind == "user" || kind == "token" || kind == "status")
        return std::to_string(id);
    return kind == "error" ? fmt::format("{} {}", id, name) : name;
}

void check_percentiles(const json& told, const std::vector<std::int64_t>& values) {
    REQUIRE(told.is_null() == values.empty());
    if (values.empty()) return;
    const auto count = static_cast<double>(values.size());
    for (const auto& [name, q] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}}) {
        CAPTURE(name);
        const auto rank = static_cast<std::size_t>(std::ceil(q * count));
        CHECK(told.at(name).get<double>() ==
              doctest::Approx(static_cast<double>(values[rank - 1])).epsilon(0.021));
    }
    double sum = 0;
    for (const auto value : values) sum += static_cast<double>(value);
    CHECK(told.at("mean").get<double>() == doctest::Approx(sum / count));
}

/// Every number of TRAFFIC; the times where they are told.
void check_traffic(const json& told, const Sums& sums) {
    CHECK(told.at("requests") == sums.requests());
    CHECK(told.at("answers") == sums.answers);
    CHECK(told.at("errors") == sums.errors);
    CHECK(told.at("client_errors") == sums.client_errors);
    CHECK(told.at("prompt_tokens") == sums.prompt_tokens);
    CHECK(told.at("completion_tokens") == sums.completion_tokens);
    CHECK(told.at("cache_tokens") == sums.cache_tokens);
    CHECK(told.at("tokens") == sums.tokens());
    CHECK(told.at("quota") == sums.quota());
    CHECK(told.at("refund") == sums.refund);
    CHECK(told.at("cost").get<double>() ==
          doctest::Approx(static_cast<double>(sums.quota()) / 500'000));
    const auto attempts = sums.answers + sums.errors;
    REQUIRE(told.at("error_rate").is_null() == (attempts == 0));
    if (attempts > 0) {
        CHECK(told.at("error_rate").get<double>() ==
              doctest::Approx(static_cast<double>(sums.errors) / static_cast<double>(attempts)));
    }
    if (!told.contains("latency_ms")) return;
    check_percentiles(told.at("latency_ms"), sums.latency);
    check_percentiles(told.at("first_token_ms"), sums.first_token);
    CHECK(told.at("empty_replies") == sums.empty_replies);
}

struct Window {
    Query query{};
    std::int64_t from = 0;
    std::int64_t to = 0;

    std::string sql() const { return between(from, to); }
    static std::string between(std::int64_t from, std::int64_t to) {
        return fmt::format("at >= {} AND at < {}", from, to);
    }
};

/// To the minute, from an hour or less to weeks; or one of those that have a name.
Window random_window(SourceSite& site) {
    const auto now = base::unix_seconds(site.clock.now());
    if (site.below(3) == 0) {
        const std::pair<std::string, std::int64_t> names[] = {
            {"1h", 1}, {"6h", 6}, {"12h", 12}, {"24h", 24}, {"7d", 168}};
        const auto& [name, hours] = names[site.below(5)];
        auto from = now + 1 - hours * kHour;
        if (hours >= 24) from = from / kHour * kHour;  // as the page says
        return {{{"window", name}}, from, now + 1};
    }
    const std::int64_t longest[] = {kHour, kDay, 20 * kDay};
    const auto length = 60 * (1 + site.below(longest[site.below(3)] / 60));
    const auto latest = now - length - kSourceStart;
    const auto from = kSourceStart + site.below(latest) / 60 * 60;
    return {{{"from", std::to_string(from)}, {"to", std::to_string(from + length)}},
            from,
            from + length};
}

/// A condition of a request on one object of a kind, and the same in SQL.
struct Chosen {
    Query query{};
    std::string sql = "true";
};
Chosen random_object(SourceSite& site, const std::string& kind) {
    const auto one = [&](std::vector<std::string> values, const std::string& parameter,
                         const std::string& column) {
        const auto& value =
            values[static_cast<std::size_t>(site.below(static_cast<std::int64_t>(values.size())))];
        return Chosen{{{parameter, value}}, fmt::format("{} = BINARY '{}'", column, value)};
    };
    if (kind == "channel") return one({"1", "2", "4"}, kind, kind);
    if (kind == "model") return one({"gpt-4o", "claude-sonnet-4", "nothing"}, kind, kind);
    if (kind == "token") return one({"1", "2", "6"}, kind, kind);
    if (kind == "user") return one({"1", "3"}, kind, kind);
    if (kind == "group") return one({"default", "vip"}, kind, "`group`");
    if (kind == "route") return one({"/v1/embeddings", "/v1/chat/completions"}, kind, kind);
    if (kind == "ip") return one({"10.0.0.1", "198.51.100.7"}, kind, kind);
    if (kind == "provider") return one({"OpenAI", "Anthropic"}, kind, kind);
    if (kind == "tag") return one({"prod"}, kind, kind);
    if (kind == "status") {
        auto chosen = one({"429", "400", "503"}, kind, kind);
        chosen.sql += " AND failed";
        return chosen;
    }
    if (kind == "error")
        return {{{"code", "bad_response"}}, "error LIKE '% bad_response' AND failed"};
    return {};
}

/// A breakdown and its total against the source: no object is missing, none is too many.
void check_breakdown(SourceSite& site, const std::string& by, const std::string& of) {
    const auto window = random_window(site);
    const auto chosen = random_object(site, of);
    const bool timed = has_times(by) && has_times(of);
    Query query{{"by", by}, {"most", "200"}};
    query.insert(window.query.begin(), window.query.end());
    query.insert(chosen.query.begin(), chosen.query.end());
    CAPTURE(json(query).dump());
    const auto answer = site.ask("breakdown", query);
    REQUIRE(answer.at("complete") == true);
    REQUIRE(answer.at("from") == window.from);
    REQUIRE(answer.at("to") == window.to);
    const auto where =
        window.sql() + " AND " + chosen.sql + (is_of_errors(by) ? " AND failed" : "");
    const auto wanted = site.sums_by(by, where);
    const auto total = site.sums(where);
    if (timed) CHECK(answer.at("total").contains("latency_ms"));
    check_traffic(answer.at("total"), total);
    std::set<std::string> told;
    for (const auto& row : answer.at("rows")) {
        const auto name = called(by, row);
        CAPTURE(name);
        CHECK(told.insert(name).second);
        const auto found = wanted.find(name);
        REQUIRE(found != wanted.end());
        if (timed) CHECK(row.contains("latency_ms"));
        check_traffic(row, found->second);
        const auto& share = row.at("share");
        REQUIRE(share.is_null() == (total.quota() <= 0));
        if (!share.is_null()) {
            CHECK(share.get<double>() ==
                  doctest::Approx(static_cast<double>(found->second.quota()) /
                                  static_cast<double>(total.quota())));
        }
        // To the hour, or day of a long span, in which the newest row lies.
        const auto last = row.at("last_used").get<std::int64_t>();
        CHECK(last > found->second.last);
        CHECK(last <= found->second.last + (window.to - window.from > 7 * kDay ? kDay : kHour));
    }
    CHECK(told.size() == wanted.size());
    CHECK(answer.at("more") == 0);
}

/// Each point of each line.
void check_trend(SourceSite& site, const std::string& by, const std::string& step,
                 const Window& window, const Chosen& chosen) {
    Query query{{"by", by}, {"step", step}, {"most", "20"}};
    query.insert(window.query.begin(), window.query.end());
    query.insert(chosen.query.begin(), chosen.query.end());
    CAPTURE(json(query).dump());
    const auto answer = site.ask("trend", query);
    const auto& times = answer.at("times");
    const auto to = answer.at("to").get<std::int64_t>();
    // Steps of minutes are whole ones; the first hour or day begins where the span does.
    const auto length = answer.at("step").get<std::int64_t>();
    const auto first = length < kHour ? window.from / length * length : window.from;
    CHECK(answer.at("from") == first);
    for (std::size_t i = 0; i < times.size(); ++i) {
        const auto at = times[i].get<std::int64_t>();
        const auto lower = std::max(at, first);
        const auto upper = i + 1 < times.size() ? times[i + 1].get<std::int64_t>() : to;
        CAPTURE(at);
        auto left = site.sums_by(by, Window::between(lower, upper) + " AND " + chosen.sql +
                                         (is_of_errors(by) ? " AND failed" : ""));
        for (const auto& line : answer.at("series")) {
            Sums sums;
            if (line.at("kind") == "rest") {
                for (const auto& [name, small] : left) sums.add(small);
                left.clear();
            } else if (const auto found = left.find(called(by, line)); found != left.end()) {
                sums = found->second;
                left.erase(found);
            }
            CHECK(line.at("requests")[i] == sums.requests());
            CHECK(line.at("errors")[i] == sums.errors);
            if (is_of_errors(by)) continue;
            CHECK(line.at("tokens")[i] == sums.tokens());
            CHECK(line.at("cost")[i].get<double>() ==
                  doctest::Approx(static_cast<double>(sums.quota()) / 500'000));
        }
        CHECK(left.empty());
    }
}

void check_top(const json& list, const std::string& by, const std::map<std::string, Sums>& wanted) {
    std::vector<std::int64_t> costs;
    for (const auto& [name, sums] : wanted) costs.push_back(sums.quota());
    std::sort(costs.begin(), costs.end(), std::greater<>{});
    REQUIRE(list.size() == std::min<std::size_t>(costs.size(), 10));
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto name = called(by, list[i]);
        CAPTURE(name);
        REQUIRE(wanted.contains(name));
        check_traffic(list[i], wanted.at(name));
        CHECK(list[i].at("quota") == costs[i]);
    }
}

/// Twice, so that rows come for hours and days that were summed up long before.
void fill(SourceSite& site) {
    site.fill(kSourceStart, kEnd - 9 * kDay, 1500);
    site.fill(kEnd - 10 * kDay, kEnd, 1500);
}

}  // namespace

TEST_CASE("every number of the overview equals SQL over the gateway's logs") {
    for (const auto& [seed, zone] :
         {std::pair{501, std::string{"Asia/Shanghai"}}, {502, "America/New_York"}}) {
        CAPTURE(zone);
        SourceSite site{static_cast<std::uint64_t>(seed), zone};
        fill(site);
        for (int round = 0; round < 12; ++round) {
            const auto window = random_window(site);
            CAPTURE(json(window.query).dump());
            const auto answer = site.ask("summary", window.query);
            REQUIRE(answer.at("from") == window.from);
            REQUIRE(answer.at("to") == window.to);
            const auto now = site.sums(window.sql());
            check_traffic(answer.at("now"), now);
            // As long a span before it, of which a part may be older than all that is kept.
            const auto before = Window::between(2 * window.from - window.to, window.from);
            check_traffic(answer.at("before"), site.sums(before));
            const auto local = [&](int days) {
                return fmt::format("at >= {}", base::unix_seconds(site.zone().at(
                                                   site.clock.now(), days, base::Seconds{0})));
            };
            const auto day = static_cast<int>(site.zone().local(site.clock.now()).day);
            check_traffic(answer.at("today"), site.sums(local(0)));
            check_traffic(answer.at("month"), site.sums(local(1 - day)));
            for (const auto& [name, span] :
                 {std::pair{std::string{"active"}, window.sql()}, {"active_before", before}}) {
                for (const std::string kind : {"channel", "model", "token"}) {
                    CAPTURE(kind);
                    CHECK(answer.at(name).at(kind + "s") ==
                          site.value(fmt::format("SELECT COUNT(DISTINCT BINARY {}) FROM counted "
                                                 "WHERE answers + errors + client_errors > 0 AND "
                                                 "{}",
                                                 kind, span)));
                }
            }
            const auto length = static_cast<double>(window.to - window.from) / 60;
            CHECK(answer.at("rpm").get<double>() ==
                  doctest::Approx(static_cast<double>(now.requests()) / length));
            CHECK(answer.at("tpm").get<double>() ==
                  doctest::Approx(static_cast<double>(now.tokens()) / length));
            check_top(answer.at("top_tokens"), "token", site.sums_by("token", window.sql()));
            check_top(answer.at("top_routes"), "route", site.sums_by("route", window.sql()));
            const auto amount = [&](const std::string& column) {
                return doctest::Approx(
                    static_cast<double>(site.value("SELECT SUM(" + column + ") FROM users")) /
                    500'000);
            };
            CHECK(answer.at("quota").at("granted").get<double>() == amount("quota + used_quota"));
            CHECK(answer.at("quota").at("used").get<double>() == amount("used_quota"));
            CHECK(answer.at("quota").at("left").get<double>() == amount("quota"));
        }
    }
}

TEST_CASE("every number of a breakdown equals SQL over the gateway's logs, split by any other") {
    for (const auto& [seed, zone] :
         {std::pair{503, std::string{"Asia/Kolkata"}}, {504, "America/New_York"}}) {
        CAPTURE(zone);
        SourceSite site{static_cast<std::uint64_t>(seed), zone};
        fill(site);
        for (const auto& by : kKinds)
            for (const auto& of : kKinds) check_breakdown(site, by, of);
    }
}

TEST_CASE("every point of a timeline equals SQL over the gateway's logs") {
    SourceSite site{505, "Asia/Kolkata"};
    fill(site);
    const auto window = [&](std::int64_t length) {
        const auto from = kSourceStart + kDay + site.below(15 * kDay) / 60 * 60;
        return Window{{{"from", std::to_string(from)}, {"to", std::to_string(from + length)}},
                      from,
                      from + length};
    };
    for (const auto& by : kKinds) {
        check_trend(site, by, "1h", window(9 * kHour + 60 * site.below(60)), {});
        check_trend(site, by, "1d", window(5 * kDay - 60 * site.below(60)), {});
        if (is_of_errors(by)) continue;
        const auto of = kKinds[static_cast<std::size_t>(site.below(12))];
        check_trend(site, by, "1h", window(4 * kHour), random_object(site, of));
    }
    for (const std::string by : {"all", "channel", "model", "provider", "tag"}) {
        const Window recent{
            {{"from", std::to_string(kEnd - 11 * kHour)}}, kEnd - 11 * kHour, kEnd + 1};
        check_trend(site, by, "15m", recent, random_object(site, "tag"));
        check_trend(site, by, "5m", recent, {});
        const auto from = kEnd - 10 * kHour + site.below(5 * kHour);
        const auto to = from + 1 + site.below(4 * kHour);
        const Window odd{{{"from", std::to_string(from)}, {"to", std::to_string(to)}}, from, to};
        check_trend(site, by, "15m", odd, {});
        check_trend(site, by, "1m", odd, {});
    }
}
