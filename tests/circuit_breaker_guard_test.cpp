#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/other_info.h"

using namespace quotafuse::circuit_breaker;

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
    CHECK(describe({.kind = TripCause::Kind::last_usable, .pairs = dark.used}, 1) ==
          "channel 1 is the last usable one for vip/o1 (300 requests in 24 h), "
          "vip/gpt-4-gizmo-* (20 requests in 24 h), Default/GPT-4o (1 request in 24 h)");
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
                 7) ==
        "channel 7 is the last usable one for g/a (1,234,567 requests in 24 h), "
        "g/b (1,234,567 requests in 24 h), g/c (1,234,567 requests in 24 h), "
        "g/d (1,234,567 requests in 24 h), g/e (1,234,567 requests in 24 h) and 3 more");
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

TEST_CASE("only our own mark is one") {
    CHECK(trip_mark(with_trip({}, "abc", "r", 1)) == "abc");
    for (const auto* text :
         {"", "{}", "[]", "{", R"({"quotafuse":1})", R"({"quotafuse":{"trip":1}})"}) {
        CHECK(trip_mark(std::string{text}) == std::nullopt);
    }
    CHECK(trip_mark(std::nullopt) == std::nullopt);
}
