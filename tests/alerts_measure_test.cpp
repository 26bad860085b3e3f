#include <map>

#include <doctest/doctest.h>

#include "alerts/window.h"
#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Dimension;
using alerts::Metric;
using alerts::SeriesKey;
using alerts::Sums;

namespace {

void ignore(const sync::Row&) {}

void warm_up(alerts::WindowSet& windows) {
    while (windows.warm_up(std::chrono::milliseconds{50}, ignore)) {
    }
}

Metric metric_of(std::string_view name) {
    const auto& names = alerts::metric_names();
    return static_cast<Metric>(std::find(names.begin(), names.end(), name) - names.begin());
}

sync::Row row(sync::Kind kind, std::uint64_t request, int attempts = 1) {
    sync::Row made;
    made.created_at = kMonday;
    made.kind = kind;
    made.request_id = request;
    made.attempts = attempts;
    if (kind == sync::Kind::error) made.status = 500;
    return made;
}

/// The measure of some rows; `sign` −1 takes one away.
class Meeting {
public:
    explicit Meeting(Metric metric, alerts::Where where = {})
        : where_(std::move(where)), parts_(alerts::parts_of(metric)) {}
    void take(const sync::Row& one, int sign = 1) {
        alerts::Filter filter{where_, std::nullopt, true, texts_};
        measure.take(one, *filter.count(one), parts_, sign, values);
    }
    std::optional<double> value(Metric metric) const {
        return value_of(metric, &measure, {at(-60), at(0)}, 1);
    }
    alerts::Measure measure;
    std::int64_t values = 0;

private:
    sync::Texts texts_;
    alerts::Where where_;
    alerts::Parts parts_;
};

}  // namespace

TEST_CASE("final_error_rate joins the attempts of a request, in whatever order they come and go") {
    using sync::Kind;
    Meeting all{Metric::final_error_rate};
    const auto rate = [&] { return all.value(Metric::final_error_rate); };
    CHECK_FALSE(rate());
    all.take(row(Kind::consume, 1));
    CHECK(rate() == 0.0);
    // The answer after two failures comes first.
    const auto answer = row(Kind::consume, 2, 3);
    all.take(answer);
    all.take(row(Kind::error, 2));
    all.take(row(Kind::error, 2));
    CHECK(rate() == 0.0);
    CHECK(weight_of(Metric::final_error_rate, &all.measure) == 2);
    all.take(row(Kind::error, 3));
    all.take(row(Kind::error, 3));
    CHECK(rate() == doctest::Approx(100.0 / 3));
    all.take(row(Kind::error, 0));
    CHECK(rate() == doctest::Approx(50));
    all.take(answer, -1);
    CHECK(rate() == doctest::Approx(75));
    auto clients = row(Kind::error, 4);
    clients.status = 400;
    all.take(clients);
    CHECK(rate() == doctest::Approx(75));
    CHECK(all.values == 2);
    for (const auto request : {2, 2, 3, 3, 0}) {
        all.take(row(Kind::error, static_cast<std::uint64_t>(request)), -1);
    }
    CHECK(rate() == 0.0);
    CHECK(weight_of(Metric::final_error_rate, &all.measure) == 1);
    CHECK(all.values == 0);
}

TEST_CASE("an attempt that failed with what is no error here answers no request") {
    Meeting all{Metric::final_error_rate, {{alerts::Dimension::status, {{false, 500, {}}}}}};
    auto limited = row(sync::Kind::error, 1);
    limited.status = 429;
    all.take(limited);
    CHECK(all.value(Metric::final_error_rate) == 0.0);
    all.take(row(sync::Kind::error, 1));
    CHECK(all.value(Metric::final_error_rate) == 100.0);
}

TEST_CASE("distinct values are exact, and a key without id is its owner and name") {
    Meeting all{Metric::distinct_tokens};
    auto one = row(sync::Kind::consume, 0);
    all.take(one);  // no key at all
    CHECK(all.value(Metric::distinct_tokens) == 0.0);
    one.token = 5;
    all.take(one);
    all.take(one);
    CHECK(all.value(Metric::distinct_tokens) == 1.0);
    auto named = row(sync::Kind::consume, 0);
    named.user = 7;
    named.token_name = 5;
    all.take(named);
    named.user = 8;
    all.take(named);
    CHECK(all.value(Metric::distinct_tokens) == 3.0);
    all.take(one, -1);
    CHECK(all.value(Metric::distinct_tokens) == 3.0);
    all.take(one, -1);
    CHECK(all.value(Metric::distinct_tokens) == 2.0);
    CHECK(all.values == 2);
    auto test = one;
    test.channel_test = true;
    all.take(test);
    CHECK(all.value(Metric::distinct_tokens) == 2.0);
}

TEST_CASE("a channel test or a refund is no sign of life") {
    Meeting all{Metric::since_last};
    auto test = row(sync::Kind::consume, 0);
    test.channel_test = true;
    all.take(test);
    auto refund = row(sync::Kind::refund, 0);
    all.take(refund);
    CHECK_FALSE(all.value(Metric::since_last));
    auto answer = row(sync::Kind::consume, 0);
    answer.created_at -= 30;
    all.take(answer);
    CHECK(all.value(Metric::since_last) == 30.0);
    all.take(answer, -1);
    CHECK_FALSE(all.value(Metric::since_last));
}

TEST_CASE("rates per minute of a calendar window are over the time that has passed of it") {
    alerts::Measure measure;
    measure.sums.requests = 30;
    CHECK(value_of(Metric::rpm, &measure, {at(0), at(120)}, 1) == 15.0);
    CHECK(value_of(Metric::rpm, &measure, {at(0), at(0)}, 1) == 0.0);
}

TEST_CASE("errors_when says which failed attempts are errors; the others are the client's doing") {
    Mirror mirror;
    const auto counted = [&](const std::string& errors_when, sync::LogEntry entry) {
        const auto rule =
            rules_from("rules: [{name: a, metric: error_rate, window: 1m, above: 1, errors_when: " +
                       errors_when + "}]")
                .front();
        alerts::Filter filter{rule.where, rule.errors_when, true, mirror.store().texts()};
        const auto sums = filter.count(mirror.append({std::move(entry)}, at(0)).front()).value();
        return std::vector<std::int64_t>{sums.requests, sums.attempts, sums.errors,
                                         sums.client_errors};
    };
    using Counts = std::vector<std::int64_t>;
    const Counts error{1, 1, 1, 0};
    const Counts clients{1, 0, 0, 1};
    CHECK(counted("{status: [5xx, 429]}", failure(0, 503)) == error);
    CHECK(counted("{status: [5xx, 429]}", failure(0, 429)) == error);
    CHECK(counted("{status: [5xx, 429]}", failure(0, 403)) == clients);
    CHECK(counted("{status: 400}", failure(0, 400)) == error);
    auto coded = failure(0, 403);
    coded.error_code = "insufficient_quota";
    CHECK(counted("{status: 5xx, code: insufficient_*}", coded) == error);
    CHECK(counted("{code: insufficient_*}", failure(0, 500)) == clients);
    CHECK(counted("{status: 5xx}", request(0)) == Counts{1, 1, 0, 0});
}

TEST_CASE("a filter chooses and groups by provider and tag as the gateway has them now") {
    Mirror mirror;
    const auto stored = mirror.append({request(0), request(0)}, at(0));
    sync::Texts texts;
    const auto azure = texts.add("Azure");
    const auto prod = texts.add("prod");
    alerts::Filter filter{
        {{Dimension::provider, {{false, std::nullopt, "az*"}, {false, std::nullopt, "Az*"}}},
         {Dimension::tag, {{false, std::nullopt, "prod"}}}},
        std::nullopt,
        false,
        texts};
    CHECK(filter.needs_names());
    CHECK_FALSE(filter.count(stored.front()));
    sync::Directory directory;
    directory.known = true;
    directory.channels[3].provider = azure;
    directory.channels[3].tag = prod;
    CHECK(filter.use(directory));
    CHECK_FALSE(filter.use(directory));
    CHECK(filter.count(stored.front()));
    const std::vector<Dimension> by{Dimension::tag, Dimension::provider};
    const auto key = key_of(stored.front(), by, directory);
    CHECK(key.parts[0] == alerts::KeyPart{0, prod});
    CHECK(key.parts[1] == alerts::KeyPart{0, azure});
    CHECK(key_of(stored.front(), by, {}) == SeriesKey{});
    CHECK(alerts::key_from_json(to_json(key, by, texts), by, texts) == key);
    directory.channels[3].tag = 0;
    CHECK(filter.use(directory));
    CHECK_FALSE(filter.count(stored.front()));
}

TEST_CASE("a filter says of a key whether it still chooses what the key names") {
    sync::Texts texts;
    sync::Directory directory;
    directory.known = true;
    directory.channels[3].name = "azure-eu";
    directory.channels[3].provider = texts.add("Azure");
    const auto filter_of = [&](Dimension dimension, std::optional<std::int64_t> id,
                               const std::string& pattern) {
        alerts::Filter filter{{{dimension, {{false, id, pattern}}}}, std::nullopt, false, texts};
        filter.use(directory);
        return filter;
    };
    const SeriesKey key{{{{3, 0}, {0, texts.add("gpt-4o")}, {12, 0}}}};
    const std::vector<Dimension> by{Dimension::channel, Dimension::model, Dimension::token};
    const auto chooses = [&](Dimension dimension, std::optional<std::int64_t> id,
                             const std::string& pattern = "") {
        return filter_of(dimension, id, pattern).chooses(key, by);
    };
    CHECK(chooses(Dimension::channel, 3));
    CHECK_FALSE(chooses(Dimension::channel, 4));
    CHECK(chooses(Dimension::channel, std::nullopt, "azure-*"));
    CHECK_FALSE(chooses(Dimension::channel, std::nullopt, "openai"));
    CHECK(chooses(Dimension::provider, std::nullopt, "Azure"));
    CHECK_FALSE(chooses(Dimension::provider, std::nullopt, "OpenAI"));
    CHECK(chooses(Dimension::model, std::nullopt, "gpt-*"));
    CHECK_FALSE(chooses(Dimension::model, std::nullopt, "claude-*"));
    CHECK(chooses(Dimension::token, 12));
    CHECK_FALSE(chooses(Dimension::token, 13));
    // The key does not say what key 12 is called, nor which group or user.
    CHECK(chooses(Dimension::token, std::nullopt, "internal-*"));
    CHECK(chooses(Dimension::group, std::nullopt, "vip"));
    CHECK(chooses(Dimension::user, 4));
}

TEST_CASE("a condition on the status chooses errors and never thins the attempts") {
    Mirror mirror;
    const auto rules = rules_from(R"(rules:
  - {name: a, metric: error_rate, where: {status: 5xx}, window: 1m, above: 10}
  - {name: b, metric: requests, where: {status: 5xx}, window: 1m, above: 10}
)");
    alerts::WindowSet windows{mirror.store()};
    for (const auto& rule : rules) windows.share(window_of(rule), parts_of(rule.metric));
    windows.start(at(0), {});
    warm_up(windows);
    auto gone = failure(1, 0);
    gone.stream_end = sync::StreamEnd::client_gone;
    auto blocked = failure(1, 500);
    blocked.error_code = "prompt_blocked";
    mirror.append({request(1), failure(1, 500), failure(1, 503), failure(1, 429), failure(1, 404),
                   gone, blocked},
                  at(1));
    windows.advance(at(10), ignore);
    const auto* const rate = windows.windows()[0]->find({});
    REQUIRE(rate != nullptr);
    CHECK(rate->sums.attempts == 4);
    CHECK(rate->sums.errors == 2);
    CHECK(value_of(alerts::Metric::error_rate, rate, windows.windows()[0]->span(), 1) == 50.0);
    REQUIRE(windows.windows()[1]->find({}) != nullptr);
    CHECK(windows.windows()[1]->find({})->sums.requests == 3);
}

TEST_CASE("a ratio of no rows has no value, a sum of no rows is 0") {
    const alerts::Span minute{at(0), at(60)};
    for (const auto& name : alerts::metric_names()) {
        const auto metric = metric_of(name);
        if (is_gauge(metric)) continue;
        CAPTURE(name);
        const auto value = value_of(metric, nullptr, minute, 1);
        CHECK(value.has_value() == !(needs_rows(metric) || metric == alerts::Metric::since_last));
        if (value) CHECK(*value == 0.0);
        CHECK(weight_of(metric, nullptr) == 0);
    }
}

TEST_CASE("cost is money, and rpm and tpm are by the minute") {
    Sums sums;
    sums.quota = 1'250'000;
    sums.requests = 30;
    sums.prompt_tokens = 400;
    sums.completion_tokens = 200;
    const std::chrono::seconds window{300};
    CHECK(value_of(alerts::Metric::cost, sums, window, 500'000) == 2.5);
    CHECK(value_of(alerts::Metric::rpm, sums, window, 1) == 6.0);
    CHECK(value_of(alerts::Metric::tpm, sums, window, 1) == 120.0);
}

TEST_CASE("values are matched by id, name and pattern, and ! takes away") {
    Mirror mirror;
    sync::Directory directory;
    directory.known = true;
    directory.channels[3].name = "azure-eu";
    directory.channels[4].name = "azure-us";
    directory.channels[5].name = "openai";
    const auto matching = [&](const std::string& where) {
        const auto rule =
            rules_from("rules: [{name: a, metric: tokens, window: 1m, above: 1, where: " + where +
                       "}]")
                .front();
        alerts::Filter filter{rule.where, rule.errors_when, false, mirror.store().texts()};
        filter.use(directory);
        std::vector<std::int64_t> matched;
        for (const std::int64_t channel : {3, 4, 5, 6}) {
            auto entry = request(0);
            entry.channel = channel;
            entry.token_name = channel == 4 ? "internal-x" : "k1";
            const auto rows = mirror.append({entry}, at(0));
            if (filter.count(rows.front())) matched.push_back(channel);
        }
        return matched;
    };
    using Ids = std::vector<std::int64_t>;
    CHECK(matching("{channel: 3}") == Ids{3});
    CHECK(matching("{channel: [5, \"azure-*\"]}") == Ids{3, 4, 5});
    CHECK(matching("{channel: [\"azure-*\", \"!4\"]}") == Ids{3});
    CHECK(matching("{channel: \"!azure-*\"}") == Ids{5, 6});
    CHECK(matching("{token: \"!internal-*\"}") == Ids{3, 5, 6});
    CHECK(matching("{token: 12, user: alice, model: \"gpt-?o\"}") == Ids{3, 4, 5, 6});
    CHECK(matching("{user: [bob, \"!7\"]}").empty());
}

TEST_CASE("a token without an id is its owner and its name") {
    Mirror mirror;
    auto one = request(0);
    one.token = 0;
    auto other = one;
    other.user = 8;
    const auto rows = mirror.append({one, other, one}, at(0));
    const std::vector<Dimension> by{Dimension::token};
    CHECK(alerts::key_of(rows[0], by, {}) != alerts::key_of(rows[1], by, {}));
    CHECK(alerts::key_of(rows[0], by, {}) == alerts::key_of(rows[2], by, {}));
    const auto json = alerts::to_json(alerts::key_of(rows[0], by, {}), by, mirror.store().texts());
    CHECK(json == R"([[-7,"k1"]])");
    CHECK(alerts::key_from_json(json, by, mirror.store().texts()) ==
          alerts::key_of(rows[0], by, {}));
    CHECK_FALSE(alerts::key_from_json("[[0,\"never seen\"]]", by, mirror.store().texts()));
    CHECK_FALSE(alerts::key_from_json("[[0", by, mirror.store().texts()));
}

TEST_CASE("an address groups rows by its number, and is stored and shown as people write it") {
    Mirror mirror;
    const auto key_of_ip = [&](const std::string& ip) {
        auto entry = request(0);
        entry.ip = ip;
        return alerts::key_of(mirror.append({entry}, at(0)).front(), {Dimension::ip}, {});
    };
    const std::vector<Dimension> by{Dimension::ip};
    const auto& texts = mirror.store().texts();
    CHECK(key_of_ip("203.0.113.7") == key_of_ip("::ffff:203.0.113.7"));
    CHECK(key_of_ip("203.0.113.7") != key_of_ip("203.0.113.8"));
    CHECK(key_of_ip("2001:db8:1:2::1") == key_of_ip("2001:db8:1:2:ffff::1"));
    // As the first version stored it, so that its alerts go on.
    CHECK(to_json(key_of_ip("203.0.113.7"), by, texts) == R"([[0,"203.0.113.7"]])");
    for (const auto* const ip : {"203.0.113.7", "2001:db8:1:2::1", ""}) {
        const auto key = key_of_ip(ip);
        CHECK(alerts::key_from_json(to_json(key, by, texts), by, texts) == key);
    }
    CHECK_FALSE(alerts::key_from_json(R"([[0,"2001:db8:1:2::1"]])", by, texts));  // no series now
    CHECK_FALSE(alerts::key_from_json(R"([[0,"alice"]])", by, texts));
}

TEST_CASE("addresses are matched as they are written, one of IPv6 by its /64") {
    Mirror mirror;
    const auto matching = [&](const std::string& where) {
        const auto rule =
            rules_from("rules: [{name: a, metric: tokens, window: 1m, above: 1, where: {ip: " +
                       where + "}}]")
                .front();
        alerts::Filter filter{rule.where, rule.errors_when, false, mirror.store().texts()};
        std::string matched;
        for (const auto* const ip : {"10.0.0.1", "10.0.1.1", "2001:db8:1:2::1", "fe80::1", ""}) {
            auto entry = request(0);
            entry.ip = ip;
            const bool yes = filter.count(mirror.append({entry}, at(0)).front()).has_value();
            matched += yes ? 'y' : '-';
        }
        return matched;
    };
    CHECK(matching("\"10.0.0.1\"") == "y----");
    CHECK(matching("\"::ffff:10.0.0.1\"") == "y----");
    CHECK(matching("\"10.0.*\"") == "yy---");
    CHECK(matching("\"2001:0DB8:1:2::99\"") == "--y--");
    CHECK(matching("\"2001:db8:1:2::/64\"") == "--y--");
    CHECK(matching("\"2001:db8:*\"") == "--y--");
    CHECK(matching("[\"fe80::5\", \"10.0.1.1\"]") == "-y-y-");
    CHECK(matching("\"!10.0.*\"") == "--yyy");
    CHECK(matching("\"?*\"") == "yyyy-");
}
