#include <cstdlib>
#include <thread>

#include <SQLiteCpp/Statement.h>

#include "daemon/metrics.h"
#include "daemon/process_facts.h"
#include "daemon/schemas.h"
#include "support/exposition.h"
#include "support/fake_clock.h"
#include "support/logged.h"
#include "sync/gauges.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kStart = 1'767'571'200;  // 2026-01-05 00:00 UTC

/// A store that rows come to, and its metrics by a clock that stands.
class MetricsSite {
public:
    MetricsSite() { database_.set_durable(false); }

    void add(std::vector<sync::LogEntry> entries, std::int64_t now) {
        sync::Batch batch;
        for (auto& entry : entries) entry.id = ++last_;
        batch.position = at_cursor(last_);
        batch.entries = std::move(entries);
        store_.append(batch, base::from_unix(now));
        clock.advance(base::Seconds{now} - base::Seconds{base::unix_seconds(clock.now())});
    }
    HttpReply ask(const std::string& accept = {},
                  std::multimap<std::string, std::string> query = {}) {
        HttpRequest request{.method = "GET", .target = "/metrics", .path = "/metrics"};
        request.query = std::move(query);
        if (!accept.empty()) request.headers.emplace_back("accept", accept);
        return page.answer(request);
    }
    /// As of now, however short ago somebody asked.
    Exposition look() {
        clock.advance_mono(base::Seconds{60});
        const auto reply = ask();
        REQUIRE(reply.status == 200);
        return Exposition{reply.body};
    }
    SQLite::Database& handle() { return database_.handle(); }

    FakeClock clock{kStart};
    std::string status = "{}";
    std::string rules = R"({"rules":[]})";
    int asked = 0;  // how often a page was made

private:
    TempDir folder_;
    base::Database database_{folder_.file("s.db"), all_schemas()};

public:
    sync::Store store_{database_};
    sync::Gauges gauges{database_, store_};

private:
    api::ReadPool reads_{folder_.file("s.db"), clock};
    api::Sources sources_{reads_, clock, {}, [] { return Currency{}; }};
    std::int64_t last_ = 0;

public:
    MetricsPage page{sources_,
                     {.status =
                          [this] {
                              ++asked;
                              return status;
                          },
                      .rules = [this] { return rules; }}};
};

sync::LogEntry row(std::int64_t channel, const std::string& model, std::int64_t at) {
    auto e = entry(0, at, model);
    e.channel = channel;
    e.attempts = 1;
    e.quota = 500;
    e.task = false;
    e.channel_test = false;
    return e;
}

/// What plain SQL sums over the rows of a channel and a model.
double sum_of(MetricsSite& site, const std::string& what, std::int64_t channel,
              const std::string& model) {
    SQLite::Statement query{site.handle(),
                            "SELECT ifnull(sum(" + what +
                                "), 0) FROM log WHERE channel = ? AND model = (SELECT id FROM text "
                                "WHERE value = ?)"};
    query.bind(1, channel);
    query.bind(2, model);
    query.executeStep();
    return query.getColumn(0).getDouble();
}

std::vector<sync::LogEntry> mixed_rows(std::int64_t from, int count) {
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < count; ++i) {
        auto e = row(1 + i % 3, fmt::format("model-{}", i % 4), from + i * 20);
        e.kind = i % 7 == 0    ? sync::Kind::error
                 : i % 11 == 0 ? sync::Kind::refund
                               : sync::Kind::consume;
        e.status = e.kind == sync::Kind::error ? (i % 2 == 0 ? 500 : 404) : 0;
        e.quota = e.kind == sync::Kind::error ? 0 : 100 + i;
        e.prompt_tokens = 10 + i;
        e.completion_tokens = i % 5;
        e.cache_tokens = i % 9;
        e.latency_ms = (i * 7919) % 70'000;
        entries.push_back(e);
    }
    return entries;
}

}  // namespace

TEST_CASE("what stands in labels and numbers is as both formats want it") {
    MetricsText plain{MetricsText::Format::plain};
    plain.begin("a_total", MetricsText::Type::counter, "A counter of something");
    plain.add({{"x", "a\"b\\c\nd"}, {"y", "\xff"}}, std::int64_t{5});
    plain.one("b", MetricsText::Type::gauge, "A gauge of something", 0.5);
    CHECK(plain.text() ==
          "# HELP a_total A counter of something\n# TYPE a_total counter\n"
          "a_total{x=\"a\\\"b\\\\c\\nd\",y=\"\xEF\xBF\xBD\"} 5\n"
          "# HELP b A gauge of something\n# TYPE b gauge\nb 0.5\n");
    MetricsText open{MetricsText::Format::openmetrics};
    open.begin("a_total", MetricsText::Type::counter, "A counter of something");
    open.add({}, 1e300);
    CHECK(open.text() ==
          "# HELP a A counter of something\n# TYPE a counter\na_total 1e+300\n# EOF\n");
    const std::string character = "\xE4\xBD\xA0";
    std::string text;
    for (int i = 0; i < 100; ++i) text += character;
    CHECK(MetricsText::label(text).size() <= MetricsText::kMostOfLabel);
    CHECK(MetricsText::label(text).starts_with(character + character));
    CHECK(MetricsText::label("gpt-4o") == "gpt-4o");
}

TEST_CASE("OpenMetrics is for whoever asks for it") {
    using enum MetricsText::Format;
    CHECK(metrics_format("") == plain);
    CHECK(metrics_format("*/*") == plain);
    CHECK(metrics_format("text/html,application/xhtml+xml,*/*;q=0.8") == plain);
    CHECK(metrics_format("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5") ==
          plain);
    CHECK(metrics_format("application/openmetrics-text;q=0") == plain);
    CHECK(metrics_format("application/openmetrics-text") == openmetrics);
    CHECK(metrics_format("application/openmetrics-text;version=1.0.0,application/"
                         "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/"
                         "*;q=0.1") == openmetrics);
    CHECK(metrics_format(std::string(5000, ',') + ";q=x;;=,") == plain);
    MetricsSite site;
    site.add(mixed_rows(kStart, 50), kStart + 1000);
    const auto reply = site.ask("application/openmetrics-text; version=1.0.0");
    CHECK(reply.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const Exposition told{reply.body};
    CHECK(told.is_openmetrics);
    CHECK(told.types.at("quotafuse_requests") == "counter");
    const auto plainly = site.ask("text/plain");
    CHECK(plainly.content_type == "text/plain; version=0.0.4; charset=utf-8");
    const Exposition same{plainly.body};
    CHECK_FALSE(same.is_openmetrics);
    for (const auto& [key, value] : told.series)
        if (key.starts_with("quotafuse_")) CHECK(same.at(key) == value);
}

TEST_CASE("usage counters equal plain SQL over the rows, and never fall") {
    MetricsSite site;
    auto before = site.look();
    CHECK_FALSE(before.names.contains("quotafuse_requests_total"));
    bool first = true;
    for (int batch = 0; batch < 12; ++batch) {
        // Some batches reach back into hours that are closed.
        const auto from = kStart + batch * 5000 - (batch % 4 == 3 ? 15'000 : 0);
        site.add(mixed_rows(from, 300), kStart + (batch + 1) * 5000);
        const auto now = site.look();
        if (!first) check_no_fall(before, now);
        first = false;
        before = now;
    }
    const std::string own = "status IN (400, 404, 413, 422)";
    for (std::int64_t channel = 1; channel <= 3; ++channel) {
        for (int model = 0; model < 4; ++model) {
            const auto name = fmt::format("model-{}", model);
            const auto labels = fmt::format("channel=\"{}\",model=\"{}\"", channel, name);
            const auto check = [&](const std::string& metric, const std::string& more,
                                   const std::string& sql) {
                CHECK(before.at(fmt::format("quotafuse_{}{{{}{}}}", metric, labels, more)) ==
                      sum_of(site, sql, channel, name));
            };
            check("requests_total", ",outcome=\"answer\"", "kind = 1");
            check("requests_total", ",outcome=\"error\"", "kind = 2 AND NOT " + own);
            check("requests_total", ",outcome=\"client_error\"", "kind = 2 AND " + own);
            check("tokens_total", ",type=\"prompt\"", "(kind = 1) * prompt_tokens");
            check("tokens_total", ",type=\"completion\"", "(kind = 1) * completion_tokens");
            check("cache_tokens_total", "", "(kind = 1) * cache_tokens");
            check("quota_total", "", "(kind = 1) * quota");
            check("refunded_quota_total", "", "(kind = 3) * quota");
        }
    }
    // Latencies, by model: within the 2 % of a bucket around each bound.
    for (const std::int64_t bound : {1000, 5000, 60'000}) {
        const auto told = before.at(fmt::format(
            "quotafuse_latency_seconds_bucket{{model=\"model-1\",le=\"{}.0\"}}", bound / 1000));
        const auto count = [&](double most) {
            SQLite::Statement query{
                site.handle(),
                "SELECT count(*) FROM log WHERE kind = 1 AND latency_ms <= ? AND model = (SELECT "
                "id FROM text WHERE value = 'model-1')"};
            query.bind(1, most);
            query.executeStep();
            return query.getColumn(0).getDouble();
        };
        CHECK(told >= count(static_cast<double>(bound)));
        CHECK(told <= count(static_cast<double>(bound) * 1.041));
    }
    CHECK(before.at("quotafuse_latency_seconds_count{model=\"model-1\"}") ==
          before.at("quotafuse_latency_seconds_bucket{model=\"model-1\",le=\"+Inf\"}"));
    CHECK(before.at("quotafuse_store_rows") == 3600);
}

TEST_CASE("a negative charge is money given back, and lets no counter fall") {
    MetricsSite site;
    site.add({row(1, "m", kStart + 10)}, kStart + 20);
    const auto before = site.look();
    auto back = row(1, "m", kStart + 30);
    back.quota = -120;
    back.prompt_tokens = -7;
    site.add({back}, kStart + 40);
    const auto after = site.look();
    check_no_fall(before, after);
    CHECK(after.at("quotafuse_quota_total{channel=\"1\",model=\"m\"}") == 500);
    CHECK(after.at("quotafuse_refunded_quota_total{channel=\"1\",model=\"m\"}") == 120);
    // And when the hour is closed.
    site.add({row(2, "m", kStart + 9000)}, kStart + 9001);
    const auto closed = site.look();
    check_no_fall(after, closed);
    CHECK(closed.at("quotafuse_refunded_quota_total{channel=\"1\",model=\"m\"}") == 120);
}

TEST_CASE("however many channels and models there are, the series are bounded and never fall") {
    MetricsSite site;
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < 700; ++i)
        entries.push_back(row(1 + i % 7, fmt::format("early-{}", i), kStart + i));
    entries.push_back(row(1, "other", kStart + 701));  // who calls a model like that
    entries.push_back(row(1, "", kStart + 702));
    site.add(entries, kStart + 1000);
    const auto before = site.look();
    const auto count = [](const Exposition& told, const std::string& name) {
        return std::count_if(told.series.begin(), told.series.end(),
                             [&](const auto& one) { return one.first.starts_with(name + "{"); });
    };
    // The first 500, of which one has no name; of three channels some came later.
    CHECK(count(before, "quotafuse_quota_total") == kMostPairs - 1 + 3);
    entries.clear();
    for (int i = 0; i < 3000; ++i)
        entries.push_back(row(1 + i % 400, fmt::format("late-{}", i), kStart + 4000 + i));
    // What strangers make up has no channel.
    for (int i = 0; i < 500; ++i)
        entries.push_back(row(0, fmt::format("made-up-{}", i), kStart + 4000 + i));
    site.add(entries, kStart + 9000);
    const auto after = site.look();
    check_no_fall(before, after);
    const auto most = kMostPairs + static_cast<std::int64_t>(kMostChannels) + 1;
    CHECK(count(after, "quotafuse_quota_total") <= most);
    CHECK(count(after, "quotafuse_quota_total") > kMostPairs + 90);
    CHECK(count(after, "quotafuse_latency_seconds_count") <=
          static_cast<std::int64_t>(kMostModels) + 1);
    CHECK(after.at("quotafuse_quota_total{channel=\"0\",model=\"other\"}") == 500 * 500);
    CHECK(after.series.contains("quotafuse_quota_total{channel=\"other\",model=\"other\"}"));
    for (const auto& name : after.names) CHECK_FALSE(name.find("made-up") != std::string::npos);
    double sum = 0;
    for (const auto& [key, value] : after.series)
        if (key.starts_with("quotafuse_quota_total{")) sum += value;
    SQLite::Statement query{site.handle(), "SELECT sum(quota) FROM log"};
    query.executeStep();
    CHECK(sum == query.getColumn(0).getDouble());
}

TEST_CASE("the gateway's channels, balances and quota") {
    MetricsSite site;
    sync::GatewayInfo info;
    info.gateway = sync::Gateway::new_api;
    info.has_balances = true;
    info.channels[3] = {.name = "azure \"eu\"\n",
                        .type = 1,
                        .status = 3,
                        .tag = "prod",
                        .balance = 12.5,
                        .balance_at = kStart - 100};
    info.channels[4] = {.name = "b", .type = 14, .status = 1};
    info.users[1] = {.name = "a", .group = "g", .status = 1, .remaining = 900, .used = 100};
    info.users[2] = {.name = "b", .group = "g", .status = 1, .remaining = 50, .used = 7};
    info.users_covered = sync::kEveryId;
    info.extents = {{sync::ObjectKind::channels, sync::Extent::all},
                    {sync::ObjectKind::users, sync::Extent::all}};
    site.gauges.record(info, base::from_unix(kStart));
    const auto told = site.look();
    CHECK(told.at("quotafuse_channel_info{channel=\"3\",name=\"azure \\\"eu\\\"\\n\",provider="
                  "\"OpenAI\",tag=\"prod\"}") == 1);
    CHECK(told.at("quotafuse_channel_status{channel=\"3\",status=\"auto_disabled\"}") == 1);
    CHECK(told.at("quotafuse_channel_status{channel=\"3\",status=\"enabled\"}") == 0);
    CHECK(told.at("quotafuse_channel_status{channel=\"4\",status=\"enabled\"}") == 1);
    CHECK(told.at("quotafuse_channel_balance{channel=\"3\"}") == 12.5);
    CHECK(told.at("quotafuse_channel_balance_timestamp_seconds{channel=\"3\"}") == kStart - 100);
    CHECK_FALSE(told.series.contains("quotafuse_channel_balance{channel=\"4\"}"));
    CHECK(told.at("quotafuse_users_used_quota") == 107);
    CHECK(told.at("quotafuse_users_remaining_quota") == 950);
    CHECK(told.at("quotafuse_quota_per_dollar") == 500'000);
}

TEST_CASE("ten who ask at once cost as one, and a query does not change that") {
    MetricsSite site;
    site.add(mixed_rows(kStart, 100), kStart + 5000);
    std::vector<std::thread> scrapers;
    std::vector<std::string> bodies(10);
    for (auto& body : bodies) scrapers.emplace_back([&] { body = site.ask().body; });
    for (auto& scraper : scrapers) scraper.join();
    CHECK(site.asked == 1);
    for (const auto& body : bodies) CHECK(body == bodies.front());
    CHECK(site.ask({}, {{"x", "1"}}).status == 400);
    CHECK(site.ask().status == 200);
    CHECK(site.asked == 1);
    site.clock.advance_mono(base::Seconds{10});
    CHECK(site.ask().status == 200);
    CHECK(site.asked == 2);
}

TEST_CASE("what the kernel knows of this process") {
    const auto facts = process_facts();
    CHECK(facts.cpu_seconds > 0);
    CHECK(facts.resident_bytes.value_or(0) > 1'000'000);
    CHECK(facts.open_files.value_or(0) >= 3);
    CHECK(facts.most_open_files.value_or(0) >= *facts.open_files);
    const auto now = static_cast<double>(std::time(nullptr));
    CHECK(facts.start_time.value_or(0) > now - 86'400);
    CHECK(*facts.start_time < now + 5);
}
