#include <doctest/doctest.h>

#include "alerts_meter_fixture.h"

namespace quotafuse::tests {
namespace {

using alerts::Condition;
using alerts::Dimension;
using alerts::Metric;
using alerts::Term;
using sync::Gauge;

Term named(std::string pattern, bool negated = false) {
    return {negated, std::nullopt, std::move(pattern)};
}

Term numbered(std::int64_t id) {
    return {false, id, {}};
}

std::optional<double> value_of(MeterRig& rig, std::int64_t object) {
    return rig.read(number_key(object)).value;
}

}  // namespace

TEST_CASE("a channel is down when it is not enabled, and a deleted one is no series") {
    MeterRig rig{meter_rule(Metric::channel_down, 0)};
    rig.set(Gauge::channel_status, 1, 1);
    rig.set(Gauge::channel_status, 2, 2);
    rig.set(Gauge::channel_status, 3, 3);
    const auto first = rig.step();
    REQUIRE(first.size() == 2);
    CHECK(first[0].key == number_key(2));
    CHECK(first[0].reading.value == 1);
    CHECK(first[1].key == number_key(3));
    CHECK(value_of(rig, 1) == 0);
    CHECK_FALSE(rig.meter().deleted(number_key(2)));

    CHECK(rig.step().empty());  // nothing changed
    rig.set(Gauge::channel_status, 1, 3);
    rig.set(Gauge::channel_status, 2, std::nullopt);
    const auto next = rig.step();
    REQUIRE(next.size() == 1);
    CHECK(next[0].key == number_key(1));
    CHECK(rig.meter().deleted(number_key(2)));
    CHECK_FALSE(rig.read(number_key(2)).has_rows);
    CHECK_FALSE(value_of(rig, 2).has_value());
    CHECK_FALSE(rig.meter().deleted(number_key(1)));
}

TEST_CASE("nothing is told of gauges before the first snapshot") {
    MeterRig rig{meter_rule(Metric::channel_balance, 5, true)};
    CHECK(rig.meter().warmed_up() == 0);
    CHECK_FALSE(rig.meter().deleted(number_key(1)));
    rig.board.note_known();
    CHECK(rig.meter().warmed_up() == 1);
    CHECK(rig.meter().deleted(number_key(1)));
}

TEST_CASE("a known series is told of whenever one of its gauges changes") {
    MeterRig rig{meter_rule(Metric::channel_balance, 5, true)};
    rig.set(Gauge::channel_balance, 1, 3);
    CHECK(rig.step().size() == 1);
    rig.set(Gauge::channel_balance, 1, 100);
    CHECK(rig.step().empty());
    rig.set(Gauge::channel_balance, 1, 101);
    const auto known = rig.step(MeterRig::everybody);
    REQUIRE(known.size() == 1);
    CHECK(known[0].reading.value == 101);
    CHECK(rig.step(MeterRig::everybody).empty());
    CHECK(rig.step(MeterRig::nobody, true).size() == 1);
}

TEST_CASE("a rule that keeps no series at all is told of those over its limit only") {
    MeterRig rig{meter_rule(alerts::Metric::channel_down, 0)};
    rig.set(Gauge::channel_status, 3, 1);
    rig.set(Gauge::channel_status, 4, 2);
    rig.board.note_known();
    const auto sightings = rig.step({});
    REQUIRE(sightings.size() == 1);
    CHECK(sightings[0].key == number_key(4));
}

TEST_CASE("what is switched off says nothing but that it is down") {
    MeterRig balance{meter_rule(Metric::channel_balance, 5, true)};
    balance.set(Gauge::channel_status, 1, 1);
    balance.set(Gauge::channel_balance, 1, 3);
    CHECK(balance.step().size() == 1);
    balance.set(Gauge::channel_status, 1, 2);
    const auto off = balance.step(MeterRig::everybody);
    REQUIRE(off.size() == 1);
    CHECK_FALSE(off[0].reading.value.has_value());
    CHECK(balance.meter().deleted(number_key(1)));
    balance.set(Gauge::channel_status, 1, 1);
    CHECK(balance.step().size() == 1);  // on again, and still low

    MeterRig dead{meter_rule(Metric::dead_keys, 0)};
    dead.set(Gauge::dead_keys, 1, 2);
    dead.set(Gauge::channel_status, 1, 3);
    CHECK(dead.step().empty());
}

TEST_CASE("a key that expired or ran out keeps its values, a disabled one has none") {
    for (const int status : {3, 4}) {
        CAPTURE(status);
        MeterRig left{meter_rule(Metric::token_remaining, 1, true)};
        left.set(Gauge::token_status, 5, 1);
        left.set(Gauge::token_remaining, 5, 100);
        CHECK(left.step().size() == 1);
        left.set(Gauge::token_status, 5, status);
        left.set(Gauge::token_remaining, 5, 0);
        left.step();
        CHECK(value_of(left, 5) == 0);
        CHECK_FALSE(left.meter().deleted(number_key(5)));
        left.set(Gauge::token_status, 5, 2);
        left.step();
        CHECK_FALSE(value_of(left, 5).has_value());
        CHECK(left.meter().deleted(number_key(5)));

        MeterRig used{meter_rule(Metric::token_used_percent, 90)};
        used.set(Gauge::token_status, 5, status);
        used.set(Gauge::token_remaining, 5, 0);
        used.set(Gauge::token_used, 5, 70);
        CHECK(used.step().size() == 1);
        CHECK(value_of(used, 5) == 100);

        MeterRig ends{meter_rule(Metric::token_expires_in, 3600, true)};
        ends.set(Gauge::token_status, 5, status);
        ends.set(Gauge::token_expires_at, 5, static_cast<double>(kMeterMonday - 60));
        CHECK(ends.step().size() == 1);
        CHECK(value_of(ends, 5) == 0);
    }
    // Users are enabled or not, and channels have no end of their own.
    MeterRig user{meter_rule(Metric::user_remaining, 1, true)};
    user.set(Gauge::user_status, 5, 3);
    user.set(Gauge::user_remaining, 5, 0);
    CHECK(user.step().empty());
}

TEST_CASE("a gauge is judged when all of its kind has been read since the start") {
    using sync::Extent;
    using sync::ObjectKind;
    const auto warmed_up = [](alerts::Rule rule, ObjectKind kind, Extent extent) {
        MeterRig rig{std::move(rule)};
        // What is stored is of days ago.
        for (const auto gauge : {Gauge::token_remaining, Gauge::user_remaining})
            rig.set(gauge, 1, 0);
        rig.set(Gauge::extent, static_cast<std::int64_t>(ObjectKind::tokens),
                static_cast<double>(Extent::all));
        rig.set(Gauge::extent, static_cast<std::int64_t>(kind), static_cast<double>(extent));
        return rig.meter().warmed_up();
    };
    const std::vector<std::pair<Metric, ObjectKind>> kinds{
        {Metric::channel_down, ObjectKind::channels},
        {Metric::channel_balance, ObjectKind::channels},
        {Metric::dead_keys, ObjectKind::channels},
        {Metric::token_expires_in, ObjectKind::tokens},
        {Metric::user_used_percent, ObjectKind::users},
        {Metric::healthy_channels, ObjectKind::abilities}};
    for (const auto& [metric, kind] : kinds) {
        const auto name = alerts::metric_name(metric);
        CAPTURE(name);
        const auto rule = meter_rule(metric, 1);
        CHECK(warmed_up(rule, kind, Extent::unread) < 1);
        CHECK(warmed_up(rule, kind, Extent::begun) < 1);
        CHECK(warmed_up(rule, kind, Extent::refused) < 1);
        CHECK(warmed_up(rule, kind, Extent::most) == 1);
        CHECK(warmed_up(rule, kind, Extent::all) == 1);
    }
    // Before its owners are known every key would pass for one of nobody's.
    auto of_group = meter_rule(Metric::token_remaining, 1, true);
    of_group.where = {{Dimension::group, {named("vip", true)}}};
    CHECK(warmed_up(of_group, ObjectKind::users, Extent::begun) < 1);
    CHECK(warmed_up(of_group, ObjectKind::users, Extent::all) == 1);
    auto of_user = meter_rule(Metric::token_remaining, 1, true);
    of_user.where = {{Dimension::user, {numbered(9)}}};
    CHECK(warmed_up(of_user, ObjectKind::users, Extent::unread) == 1);
}

TEST_CASE("the age of a balance passes its limit in that very second") {
    MeterRig rig{meter_rule(Metric::channel_balance_age, 100)};
    rig.set(Gauge::channel_balance_at, 1, static_cast<double>(kMeterMonday + 10));
    CHECK(rig.first_sighting(200) == 111);
    CHECK(value_of(rig, 1) == 101);
    CHECK(rig.step().empty());  // passed and told; whoever knows it reads it
    rig.set(Gauge::channel_balance_at, 1, static_cast<double>(kMeterMonday + 150));
    rig.run_to(160);
    // Refreshed again before it was due: the former time means nothing.
    rig.set(Gauge::channel_balance_at, 1, static_cast<double>(kMeterMonday + 160));
    CHECK(rig.first_sighting(400) == 261);
    rig.set(Gauge::channel_balance_at, 2, 1e300);
    rig.set(Gauge::channel_balance_at, 3, -1e300);
    const auto absurd = rig.step();
    REQUIRE(absurd.size() == 1);
    CHECK(absurd[0].key == number_key(3));
}

TEST_CASE(
    "a key is told of in the second that it comes near its end, and no longer a week after it") {
    MeterRig rig{meter_rule(Metric::token_expires_in, 100, true)};
    const auto end = [](std::int64_t second) { return static_cast<double>(kMeterMonday + second); };
    rig.set(Gauge::token_expires_at, 5, end(300));
    rig.set(Gauge::token_expires_at, 6, end(-8 * 86400));
    rig.set(Gauge::token_expires_at, 7, end(-6 * 86400));
    const auto first = rig.step();
    REQUIRE(first.size() == 1);
    CHECK(first[0].key == number_key(7));
    CHECK(first[0].reading.value == 0);
    CHECK(rig.first_sighting(400) == 201);  // 99 s are left
    CHECK(value_of(rig, 5) == 99);
    CHECK_FALSE(value_of(rig, 6).has_value());
    CHECK_FALSE(value_of(rig, 8).has_value());  // it never ends

    auto half = meter_rule(Metric::token_expires_in, 1.5, true);
    MeterRig fraction{half};
    fraction.set(Gauge::token_expires_at, 5, end(50));
    CHECK(fraction.first_sighting(100) == 49);
}

TEST_CASE("what remains is in dollars, and what is used in percent") {
    MeterRig rig{meter_rule(Metric::token_remaining, 1, true)};
    rig.directory.quota_per_unit = 1000;
    rig.set(Gauge::token_remaining, 5, 900);
    const auto first = rig.step();
    REQUIRE(first.size() == 1);
    CHECK(first[0].reading.value == doctest::Approx(0.9));

    MeterRig used{meter_rule(Metric::user_used_percent, 90)};
    used.set(Gauge::user_remaining, 1, 5);
    used.set(Gauge::user_used, 1, 95);
    used.set(Gauge::user_remaining, 2, 0);  // nothing was ever there
    used.set(Gauge::user_used, 2, 0);
    used.set(Gauge::user_remaining, 3, -10);
    used.set(Gauge::user_used, 3, 5);
    used.set(Gauge::user_used, 4, 95);  // no limit, so nothing remains or not
    const auto full = used.step();
    REQUIRE(full.size() == 2);
    CHECK(full[0].key == number_key(1));
    CHECK(full[0].reading.value == doctest::Approx(95));
    CHECK(full[1].key == number_key(3));
    CHECK(full[1].reading.value == doctest::Approx(100));
    CHECK_FALSE(value_of(used, 2).has_value());
    used.set(Gauge::user_used, 1, 10);  // the other half of it changes
    CHECK(used.step(MeterRig::everybody).size() == 1);
    CHECK(value_of(used, 1) == doctest::Approx(100.0 * 10 / 15));
}

TEST_CASE("healthy channels are told by group and model") {
    auto rule = meter_rule(Metric::healthy_channels, 2, true);
    MeterRig rig{rule};
    const auto group = rig.rows.text("vip");
    const auto model = rig.rows.text("gpt-4o");
    const auto other = rig.rows.text("o1");
    rig.board.set({{Gauge::healthy_channels, 0, group, model}, kMeterMonday, 1});
    rig.board.set({{Gauge::healthy_channels, 0, group, other}, kMeterMonday, 2});
    const auto first = rig.step();
    REQUIRE(first.size() == 1);
    CHECK(first[0].key.parts[0].text == group);
    CHECK(first[0].key.parts[1].text == model);
    CHECK(first[0].reading.value == 1);
    CHECK_FALSE(rig.meter().deleted(first[0].key));
    rig.board.set({{Gauge::healthy_channels, 0, group, model}, kMeterMonday, std::nullopt});
    rig.step();
    CHECK(rig.meter().deleted(first[0].key));
}

TEST_CASE("a gauge is chosen by the name, tag, provider, owner or group of its object") {
    const auto sighted = [](Metric metric, Gauge gauge, Condition condition) {
        auto rule = meter_rule(metric, 1000, true);
        rule.where = {std::move(condition)};
        MeterRig rig{rule};
        rig.directory.quota_per_unit = 1;
        rig.directory.channels[1] = {"azure-eu", 1, rig.rows.text("Azure"), rig.rows.text("prod")};
        rig.directory.channels[2] = {"openai", 1, rig.rows.text("OpenAI"), 0};
        rig.directory.tokens[1] = {"web", 8};
        rig.directory.tokens[2] = {"internal-x", 9};
        rig.directory.users[8] = {"alice", rig.rows.text("vip")};
        rig.directory.users[9] = {"bob", rig.rows.text("default")};
        for (const std::int64_t object : {1, 2, 3, 8, 9}) rig.set(gauge, object, 5);
        std::vector<std::int64_t> objects;
        for (const auto& one : rig.step()) objects.push_back(one.key.parts[0].number);
        for (const auto object : objects) CHECK(rig.meter().chooses(number_key(object)));
        return objects;
    };
    using Objects = std::vector<std::int64_t>;
    const auto channels = [&](Condition condition) {
        return sighted(Metric::channel_balance, Gauge::channel_balance, std::move(condition));
    };
    CHECK(channels({Dimension::channel, {named("azure-*")}}) == Objects{1});
    CHECK(channels({Dimension::channel, {numbered(2), numbered(3)}}) == Objects{2, 3});
    CHECK(channels({Dimension::channel, {named("azure-*", true)}}) == Objects{2, 3, 8, 9});
    CHECK(channels({Dimension::tag, {named("prod")}}) == Objects{1});
    CHECK(channels({Dimension::provider, {named("Open*")}}) == Objects{2});
    const auto tokens = [&](Condition condition) {
        return sighted(Metric::token_remaining, Gauge::token_remaining, std::move(condition));
    };
    CHECK(tokens({Dimension::token, {named("internal-*", true)}}) == Objects{1, 3, 8, 9});
    CHECK(tokens({Dimension::user, {named("alice")}}) == Objects{1});
    CHECK(tokens({Dimension::user, {numbered(9)}}) == Objects{2});
    const auto users = [&](Condition condition) {
        return sighted(Metric::user_remaining, Gauge::user_remaining, std::move(condition));
    };
    CHECK(users({Dimension::group, {named("vip")}}) == Objects{8});
    CHECK(users({Dimension::user, {named("b?b")}}) == Objects{9});
}

TEST_CASE("a renamed object is chosen with the next snapshot") {
    auto rule = meter_rule(Metric::channel_balance, 5, true);
    rule.where = {{Dimension::channel, {named("azure-*")}}};
    MeterRig rig{rule};
    rig.directory.channels[1].name = "openai";
    rig.set(Gauge::channel_balance, 1, 3);
    CHECK(rig.step().empty());
    rig.directory.channels[1].name = "azure-eu";
    rig.names.use(rig.directory);
    CHECK(rig.meter().chooses(number_key(1)));
    CHECK(rig.first_sighting(60) == 30);
}

}  // namespace quotafuse::tests
