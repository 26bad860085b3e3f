#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker_trip_fixture.h"

using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

Ability serving(const std::string& group, const std::string& model, std::int64_t channel) {
    return {
        .group = group, .model = model, .channel = channel, .enabled = true, .channel_on = true};
}

}  // namespace

TEST_CASE(
    "requests count for an ability as the gateway finds it: any case, by pattern, without group") {
    const std::vector<Ability> lit = {serving("Default", "GPT-4o", 1),
                                      serving("vip", "gpt-4-gizmo-*", 1), serving("vip", "o1", 1)};
    const Guard guard{
        .served = {{"default", "gpt-4o", 1}, {"vip", "gpt-4-gizmo-abc", 20}, {"", "o1", 300}}};
    const auto dark = find_dark(1, lit, lit, guard);
    CHECK(dark.unused.empty());
    CHECK(describe({.kind = TripCause::Kind::last_usable, .pairs = dark.used},
                   Target::of_channel(1)) ==
          "channel 1 is the last usable one for vip/o1 (300 requests in the last 24 h), "
          "vip/gpt-4-gizmo-* (20 requests), Default/GPT-4o (1 request)");
}

TEST_CASE("a long list of models is cut") {
    std::vector<Ability> lit;
    Guard guard;
    for (char model = 'a'; model <= 'h'; ++model) {
        lit.push_back(serving("g", {model}, 7));
        guard.served.push_back({"g", {model}, 1'234'567});
    }
    CHECK(
        describe({.kind = TripCause::Kind::last_usable, .pairs = find_dark(7, lit, {}, guard).used},
                 Target::of_channel(7)) ==
        "channel 7 is the last usable one for g/a (1,234,567 requests in the last 24 h), "
        "g/b (1,234,567 requests), g/c (1,234,567 requests), "
        "g/d (1,234,567 requests), g/e (1,234,567 requests) and 3 more");
}

TEST_CASE("a long or broken reason is cut to valid text") {
    std::string reason = "\xff";
    for (int i = 0; i < 400; ++i) reason += "额";
    const auto json = nlohmann::json::parse(with_trip("{}", "t", reason, 1));
    const auto text = json["status_reason"].get<std::string>();
    CHECK(text.size() <= 500);
    CHECK(text.starts_with("[quotafuse] \uFFFD额额"));
    CHECK(text.ends_with("额…"));
}

TEST_CASE("a channel that settles is one that is set up for a pair of ours, on or off") {
    auto off = serving("g", "a", 2);
    off.enabled = off.channel_on = false;
    const std::vector<Ability> now = {serving("g", "a", 1), serving("g", "b", 1), off,
                                      serving("g", "b", 3)};
    const auto lit = lit_of(1, std::nullopt, now);
    REQUIRE(lit.size() == 2);
    CHECK(find_settling(1, lit, now, {.settling = {2}}) == 2);
    CHECK(find_settling(1, lit, now, {.settling = {3, 9}}) == 3);
    CHECK(find_settling(1, lit, now, {.settling = {1, 9}}) == std::nullopt);
    CHECK(find_settling(1, lit, now, {.firing = {2}}) == std::nullopt);
    const auto one_model = lit_of(1, "b", now);
    REQUIRE(one_model.size() == 1);
    CHECK(find_settling(1, one_model, now, {.settling = {2}}) == std::nullopt);
    CHECK(find_settling(1, one_model, now, {.settling = {2, 3}}) == 3);
}

TEST_CASE("abilities that were disabled before stand in the mark, and only in a mark") {
    const Routes off = {{"default", "o1"}, {"贵宾", "gpt-4-gizmo-*"}};
    const auto info = with_trip(R"({"a":1})", "t1", "r", 1, off);
    CHECK(trip_mark(info) == "t1");
    CHECK(abilities_off(info) == off);
    CHECK(nlohmann::json::parse(with_trip({}, "t1", "r", 1))["quotafuse"] ==
          nlohmann::json{{"trip", "t1"}});
    // A second trip leaves nothing of the first.
    CHECK(abilities_off(with_trip(info, "t2", "r", 1)).empty());
    for (const auto* text :
         {"", "[]", R"({"quotafuse":{"off":[["g","m"]]}})", R"({"quotafuse":{"trip":"t","off":1}})",
          R"({"quotafuse":{"trip":"t","off":[1,["g"],["g",2],{"g":"m"}]}})"}) {
        CAPTURE(text);
        CHECK(abilities_off(std::string{text}).empty());
    }
    CHECK(abilities_off(std::nullopt).empty());
}

TEST_CASE("what nests without end is no object") {
    const auto deep = "{\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
    CHECK(trip_mark(with_trip(deep, "t", "r", 1)) == "t");
    CHECK(!nlohmann::json::parse(with_trip(deep, "t", "r", 1)).contains("a"));
    const auto shallow = "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
    CHECK(nlohmann::json::parse(with_trip(shallow, "t", "r", 1)).contains("a"));
}

TEST_CASE("a key and a model are told in their own words") {
    using Cause = TripCause::Kind;
    const auto key = Target::of_token(17);
    CHECK(describe({Cause::was_off, 2}, key) == "key 17 was already off");
    CHECK(describe({Cause::was_off, 3}, key) == "key 17 was already expired");
    CHECK(describe({Cause::was_off, 4}, key) == "key 17 was already used up");
    CHECK(describe({Cause::was_off, 9}, key) == "key 17 was already status 9");
    CHECK(describe({Cause::no_channel}, key) == "key 17 does not exist at the gateway");
    const Target named{.kind = Target::Kind::token, .user = 4, .token_name = "ci"};
    CHECK(describe({Cause::no_key_id, 2}, named) ==
          "key 'ci' of user 4 cannot be told from others: 2 have its name");
    const auto model = Target::of_model(3, "o1");
    CHECK(describe({Cause::was_off, 2}, model) == "channel 3 was already disabled by hand");
    CHECK(describe({Cause::no_channel}, model) == "channel 3 does not exist at the gateway");
    CHECK(describe({Cause::only_model}, model) ==
          "model o1 of channel 3 is the only one that it serves: disable the channel");
    CHECK(describe({.kind = Cause::last_usable, .pairs = {{"default/o1", 2}}}, model) ==
          "channel 3 is the last usable one for default/o1 (2 requests in the last 24 h)");
}

TEST_CASE("only our own mark is one") {
    CHECK(trip_mark(with_trip({}, "abc", "r", 1)) == "abc");
    for (const auto* text :
         {"", "{}", "[]", "{", R"({"quotafuse":1})", R"({"quotafuse":{"trip":1}})"}) {
        CHECK(trip_mark(std::string{text}) == std::nullopt);
    }
    CHECK(trip_mark(std::nullopt) == std::nullopt);
}
