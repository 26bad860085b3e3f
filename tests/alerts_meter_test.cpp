#include <random>
#include <set>

#include <doctest/doctest.h>

#include "alerts/decide.h"
#include "alerts/row_meter.h"
#include "alerts_meter_fixture.h"

namespace quotafuse::tests {
namespace {

using alerts::Comparison;
using alerts::Dimension;
using alerts::Frame;
using alerts::Metric;
using alerts::SeriesKey;

sync::Row failed(std::int64_t second, std::int64_t channel = 3) {
    auto row = answer(second, channel);
    row.kind = sync::Kind::error;
    row.quota = row.prompt_tokens = row.completion_tokens = 0;
    row.status = 500;
    return row;
}

}  // namespace

TEST_CASE(
    "only series that are over the limit, or known, are sighted, and only when they changed") {
    MeterRig rig{meter_rule(Metric::tokens, 150)};
    rig.add(answer(0, 3));
    rig.add(answer(0, 4));
    rig.run_to(9);
    for (const int channel : {3, 3, 4}) rig.add(answer(10, channel));
    auto sighted = rig.step();
    REQUIRE(sighted.size() == 2);  // 300 and 200 tokens
    rig.add(answer(11, 5));
    CHECK(rig.step().empty());  // 100 tokens
    rig.add(answer(12, 5));
    sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].key == number_key(5));
    CHECK(sighted[0].reading.value == 200);
    CHECK(sighted[0].reading.requests == 2);
    CHECK(sighted[0].reading.oldest == meter_time(11));
    CHECK(rig.step(MeterRig::everybody).empty());
    CHECK(rig.step(MeterRig::nobody, true).size() == 3);
    rig.run_to(59);
    // What entered at second 0 leaves: one known series comes down, one goes.
    CHECK(rig.step(MeterRig::everybody).size() == 2);
    CHECK(rig.read(number_key(4)).value == 100);
    rig.run_to(300);
    CHECK(rig.read(number_key(4)).value == 0);
    CHECK_FALSE(rig.read(number_key(4)).has_rows);
    CHECK_FALSE(rig.read(number_key(4)).oldest.has_value());
}

TEST_CASE("after a gap every series that is over its limit is sighted") {
    MeterRig rig{meter_rule(Metric::tokens, 50)};
    rig.step();
    rig.add(answer(2));
    rig.windows().advance(meter_time(2), [](const sync::Row&) {});
    rig.windows().settle();  // the rule was not looked at: its windows were warming up, say
    rig.now = 2;
    CHECK(rig.step().size() == 1);
    CHECK(rig.step().empty());
}

TEST_CASE("a rule that keeps its keys is told of every series whose rows changed") {
    MeterRig rig{meter_rule(Metric::requests, 0.5, true)};
    rig.run_to(5);
    rig.add(answer(6, 4));
    REQUIRE(rig.step().size() == 1);  // far from firing
    CHECK(rig.step().empty());
    rig.run_to(65);
    const auto left = rig.step();
    REQUIRE(left.size() == 1);
    CHECK(left[0].reading.value == 0);
    CHECK_FALSE(left[0].reading.has_rows);
}

TEST_CASE("a rule without grouping that waits for rows is told of their absence") {
    auto rule = meter_rule(Metric::requests, 1, true);
    rule.by.clear();
    MeterRig rig{rule};
    const auto first = rig.step();
    REQUIRE(first.size() == 1);
    CHECK(first[0].reading.value == 0);
    CHECK_FALSE(first[0].reading.has_rows);
}

TEST_CASE("the time since the last request passes the limit in that very second, again and again") {
    MeterRig rig{meter_rule(Metric::since_last, 100)};
    rig.add(answer(-30));
    rig.step();
    const auto next = [&] {
        // A row is a change, too.
        std::vector<alerts::Meter::Sighting> sighted;
        do sighted = rig.step();
        while (sighted.empty() ||
               !alerts::is_breached(sighted[0].reading.value, meter_rule(Metric::since_last, 100)));
        REQUIRE(sighted.size() == 1);
        CHECK(sighted[0].reading.value == 101);
        return rig.now;
    };
    CHECK(next() == 71);  // its row left the window of a minute long ago
    CHECK_FALSE(rig.read(number_key(3)).has_rows);
    CHECK(rig.read(number_key(3)).last_row == meter_time(-30));
    rig.add(answer(80));
    CHECK(next() == 181);
    for (int second = 190; second <= 230; second += 10) {
        rig.run_to(second - 1);
        rig.add(answer(second));
    }
    CHECK(next() == 331);
    CHECK_FALSE(rig.read(number_key(4)).value.has_value());
}

TEST_CASE("of a thousand silences of a key one time to look at it is remembered") {
    alerts::LastRows rows{100};
    std::vector<alerts::SeriesKey> overdue;
    for (std::int64_t second = 0; second < 1'000'000; second += 1000) {
        rows.see(number_key(3), meter_time(second));
        rows.see(number_key(4), meter_time(second));
        overdue.clear();
        rows.overdue(meter_time(second + 101), overdue);
        CHECK(overdue.size() == 2);
        CHECK(rows.scheduled() == 2);
    }
    rows.overdue(meter_time(999'101) + alerts::LastRows::kRemembered, overdue);
    CHECK(rows.size() == 0);
    CHECK(rows.scheduled() == 0);
}

TEST_CASE("channel tests and refunds are no sign of life") {
    MeterRig rig{meter_rule(Metric::since_last, 20)};
    rig.add(answer(-10));
    rig.step();
    auto test = answer(5);
    test.channel_test = true;
    rig.run_to(5);
    rig.add(test);
    auto refund = answer(6);
    refund.kind = sync::Kind::refund;
    rig.add(refund);
    rig.run_to(11);
    CHECK(rig.read(number_key(3)).value == 21);
}

TEST_CASE("a last row from before a restart is remembered when it is told") {
    MeterRig rig{meter_rule(Metric::since_last, 7200)};
    CHECK(rig.step().empty());
    CHECK_FALSE(rig.read(number_key(3)).value.has_value());
    rig.meter().recall(number_key(3), meter_time(-7190));
    rig.meter().recall(number_key(3), meter_time(-8000));  // older: known already
    CHECK(rig.first_sighting(100) == 11);
    CHECK(rig.read(number_key(3)).value == 7201);
}

TEST_CASE("a mean per minute is over the time that a calendar period has lasted") {
    auto rule = meter_rule(Metric::rpm, 1e6);
    rule.window = Frame{Frame::Kind::today, {}, {}, {}};
    MeterRig rig{rule, 86'400 - 10};
    rig.add(answer(0));
    CHECK(rig.meter().period(meter_time(86'399)) == meter_time(0));
    rig.run_to(86'400);
    CHECK(rig.meter().period(meter_time(86'400)) == meter_time(86'400));
    CHECK(rig.read(number_key(3)).value == 0);
    for (int i = 0; i < 4; ++i) rig.add(answer(86'410));
    rig.run_to(86'400 + 119);
    CHECK(rig.read(number_key(3)).value == doctest::Approx(2));
    CHECK(meter_rule(Metric::rpm, 1).window.is_calendar() == false);
    MeterRig rolling{meter_rule(Metric::rpm, 1)};
    CHECK_FALSE(rolling.meter().period(meter_time(5)).has_value());
}

TEST_CASE("a mean per minute that falls by time alone passes its limit in that very second") {
    auto rule = meter_rule(Metric::rpm, 3, true);
    rule.window = Frame{Frame::Kind::fixed, {}, meter_time(0), meter_time(600)};
    MeterRig rig{rule};
    for (int i = 0; i < 4; ++i) rig.add(answer(1));
    rig.run_to(80);
    CHECK(rig.read(number_key(3)).value == doctest::Approx(3));
    const auto sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].reading.value == doctest::Approx(4 * 60.0 / 81));
}

TEST_CASE("a key is deleted when the gateway no longer has its object") {
    auto rule = meter_rule(Metric::tokens, 1);
    rule.by = {Dimension::model, Dimension::token, Dimension::user};
    MeterRig rig{rule};
    const auto key = [](std::int64_t token, std::int64_t user) {
        SeriesKey one;
        one.parts[0].text = 1;
        one.parts[1].number = token;
        one.parts[2].number = user;
        return one;
    };
    CHECK_FALSE(rig.meter().deleted(key(5, 6)));  // tokens and users may not be read
    rig.directory.tokens[5].name = "k";
    rig.directory.users[6].name = "u";
    rig.names.use(rig.directory);
    CHECK_FALSE(rig.meter().deleted(key(5, 6)));
    CHECK_FALSE(rig.meter().deleted(key(0, 0)));
    CHECK_FALSE(rig.meter().deleted(key(-6, 6)));  // a token without id, of user 6
    CHECK(rig.meter().deleted(key(4, 6)));
    CHECK(rig.meter().deleted(key(5, 7)));
    rig.set(sync::Gauge::token_status, 5, 2);
    CHECK_FALSE(rig.meter().deleted(key(5, 6)));  // what it spent before counts

    MeterRig below{meter_rule(Metric::tokens, 1, true)};
    below.directory.channels[3].status = 1;
    below.directory.channels[4].status = 3;
    CHECK_FALSE(below.meter().deleted(number_key(3)));
    CHECK(below.meter().deleted(number_key(4)));  // nobody expects anything of it
    CHECK(below.meter().deleted(number_key(5)));
}

TEST_CASE("a rule over names, or over money, waits until they are known") {
    const auto part = [](alerts::Rule rule, bool known) {
        MeterRig rig{std::move(rule)};
        rig.directory.known = known;
        return rig.meter().warmed_up();
    };
    auto by_tag = meter_rule(Metric::tokens, 1);
    by_tag.by = {Dimension::tag};
    auto named = meter_rule(Metric::tokens, 1);
    named.where = {{Dimension::channel, {{false, std::nullopt, "azure-*"}}}};
    for (const auto& rule : {by_tag, named, meter_rule(Metric::cost, 1)}) {
        CHECK(part(rule, false) == 0);
        CHECK(part(rule, true) == 1);
    }
    CHECK(part(meter_rule(Metric::tokens, 1), false) == 1);
}

TEST_CASE("a new quota for a dollar makes every cost another") {
    MeterRig rig{meter_rule(Metric::cost, 1)};
    rig.add(answer(-5));
    CHECK(rig.step().empty());
    rig.directory.quota_per_unit = 100;
    rig.names.use(rig.directory);
    const auto sighted = rig.step();
    REQUIRE(sighted.size() == 1);
    CHECK(sighted[0].reading.value == 5);
}

namespace {

alerts::Rule random_rule(std::mt19937& random) {
    const auto one_of = [&](const auto& list) { return list[random() % list.size()]; };
    const std::vector<Metric> metrics{Metric::requests,    Metric::errors, Metric::error_rate,
                                      Metric::tokens,      Metric::rpm,    Metric::tpm,
                                      Metric::latency_avg, Metric::quota,  Metric::since_last,
                                      Metric::latency_p95};
    const std::vector<Comparison> comparisons{Comparison::none, Comparison::none,
                                              Comparison::previous, Comparison::yesterday,
                                              Comparison::usual};
    auto rule = meter_rule(one_of(metrics), 0, random() % 3 == 0);
    if (rule.metric != Metric::since_last) rule.compare_to = one_of(comparisons);
    rule.window = Frame::rolling(std::chrono::seconds{60 + random() % 120});
    if (random() % 4 == 0) rule.window = Frame{Frame::Kind::today, {}, {}, {}};
    if (random() % 6 == 0 && rule.compare_to == Comparison::none) {
        rule.window = Frame{Frame::Kind::fixed, {}, meter_time(86'400), meter_time(86'600)};
    }
    rule.limit = static_cast<double>(random() % 60);
    if (rule.compare_to != Comparison::none) rule.limit -= rule.below ? 60 : 20;
    if (rule.metric == Metric::tokens || rule.metric == Metric::quota) rule.limit *= 10;
    rule.min_requests = static_cast<std::int64_t>(random() % 3);
    rule.eval_delay = std::chrono::seconds{random() % 4};
    return rule;
}

/// Days of a little traffic before, and something in each minute of what is looked at.
void fill(MeterRig& rig, std::mt19937& random, std::int64_t start) {
    for (const std::int64_t days : {28, 21, 14, 7, 1, 0}) {
        if (days > 7 && random() % 3 == 0) continue;  // a week of which the store has nothing
        for (int i = 0; i < 40; ++i) {
            const auto offset = static_cast<std::int64_t>(random() % 600) - 200;
            auto second = start - days * 86'400 + offset;
            if (days == 0) second = start - static_cast<std::int64_t>(random() % 200);
            rig.add(random() % 4 == 0 ? failed(second, 1 + static_cast<int>(random() % 3))
                                      : answer(second, 1 + static_cast<int>(random() % 3)));
        }
    }
}

}  // namespace

TEST_CASE("whatever comes to be over its limit is sighted in that very second") {
    std::size_t rose = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
        std::mt19937 random{seed};
        const auto rule = random_rule(random);
        CAPTURE(seed);
        CAPTURE(alerts::metric_name(rule.metric));
        const std::int64_t start = 86'400 - 100 - static_cast<std::int64_t>(random() % 100);
        MeterRig rig{rule, start, 4};
        fill(rig, random, start);
        std::set<SeriesKey> over;
        const auto known = [&](const SeriesKey& key) { return over.contains(key); };
        for (int second = 0; second < 400; ++second) {
            if (random() % 6 == 0) {
                const auto channel = 1 + static_cast<std::int64_t>(random() % 3);
                const auto late = static_cast<std::int64_t>(random() % 30) - 5;
                rig.add(random() % 3 == 0 ? failed(rig.now - late, channel)
                                          : answer(rig.now - late, channel));
            }
            const auto sighted = rig.step(known);
            std::set<SeriesKey> told;
            for (const auto& one : sighted) REQUIRE(told.insert(one.key).second);
            for (std::int64_t channel = 1; channel <= 3; ++channel) {
                const auto key = number_key(channel);
                const auto reading = rig.read(key);
                const bool breached = alerts::is_breached(reading.value, rule);
                // Nobody asks for a key before its first row.
                const bool exists =
                    over.contains(key) || reading.has_rows || reading.base || reading.last_row;
                if (!breached) {
                    over.erase(key);
                } else if (exists && over.insert(key).second) {
                    REQUIRE(told.contains(key));
                    ++rose;
                }
            }
        }
    }
    CHECK(rose > 300);  // else this looked at nothing
}

}  // namespace quotafuse::tests
