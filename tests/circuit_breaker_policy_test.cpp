#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker/policy.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace std::chrono_literals;

namespace {

constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};

Settings live_settings() {
    Settings settings;
    settings.mode = Mode::live;
    return settings;
}

/// As an alert asks for it.
TripRequest request(Target target, Mode mode = Mode::live) {
    TripRequest asked;
    asked.trip_id = "t";
    asked.target = std::move(target);
    asked.mode = mode;
    asked.rule = "burn";
    return asked;
}
TripRequest request(std::int64_t channel, Mode mode = Mode::live) {
    return request(Target::of_channel(channel), mode);
}
TripRequest by_person(TripRequest asked) {
    asked.rule.clear();
    return asked;
}

std::optional<std::string> refusal_of(const Settings& settings, const Situation& situation,
                                      const TripRequest& asked) {
    const auto cause = guard_policy(settings, situation, asked);
    if (!cause) return std::nullopt;
    return describe(*cause, asked.target);
}
std::optional<std::string> refusal_of(const Settings& settings, const Counts& counts,
                                      const TripRequest& asked) {
    Situation situation;
    situation.counts = counts;
    return refusal_of(settings, situation, asked);
}

TripCause::Kind kind_of(const Settings& settings, const Situation& situation,
                        const TripRequest& asked) {
    const auto cause = guard_policy(settings, situation, asked);
    return cause ? cause->kind : TripCause::Kind::none;
}

RecentTrip recent(Target target, Mode mode, base::Second at, const std::string& key = "") {
    RecentTrip trip;
    trip.target = std::move(target);
    trip.mode = mode;
    trip.at = at;
    if (!key.empty()) trip.leading = LeadingKey{key, "ci (alice)", 93};
    return trip;
}

Circuit circuit(Target target, const std::string& key = "") {
    Circuit off;
    off.target = std::move(target);
    if (!key.empty()) off.leading = LeadingKey{key, "ci (alice)", 93};
    return off;
}

using Ids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("protected channels and the limits hold back a trip, in shadow mode as well") {
    auto settings = live_settings();
    settings.protected_channels = {7};
    for (const auto mode : {Mode::shadow, Mode::live}) {
        CHECK(refusal_of(settings, {.open = 2, .live_last_hour = 5}, request(3, mode)) ==
              std::nullopt);
        CHECK(refusal_of(settings, {.open = 3, .live_last_hour = 0}, request(3, mode)) ==
              "3 channels are already off by quotafuse (breaker.max_open is 3)");
        CHECK(refusal_of(settings, {.open = 0, .live_last_hour = 6}, request(3, mode)) ==
              "6 trips in the last hour (breaker.max_per_hour is 6)");
        CHECK(refusal_of(settings, Counts{}, request(7, mode)) ==
              "channel 7 is protected (breaker.protect)");
        CHECK(refusal_of(settings, {.open = 3}, request(Target::of_model(3, "o1"), mode)) ==
              "3 channels are already off by quotafuse (breaker.max_open is 3)");
    }
    settings.max_open = settings.max_per_hour = 1;
    CHECK(refusal_of(settings, {.open = 1, .live_last_hour = 0}, request(3)) ==
          "1 channel is already off by quotafuse (breaker.max_open is 1)");
    CHECK(refusal_of(settings, {.open = 0, .live_last_hour = 1}, request(3)) ==
          "1 trip in the last hour (breaker.max_per_hour is 1)");
    CHECK(refusal_of(settings, {.open = 1}, by_person(request(3))) != std::nullopt);
    settings.mode = Mode::off;
    CHECK(refusal_of(settings, Counts{}, request(3)) == "the breaker is off");
    settings.mode = Mode::live;
    CHECK(refusal_of(settings, Counts{}, request(3, Mode::off)) == "the breaker is off");
}

TEST_CASE("shadow trips use up nothing of what a live one may, and all of what a shadow one may") {
    auto settings = live_settings();
    auto asked = request(3);
    const Counts counts{.live_last_hour = 2, .shadow_last_hour = 4};
    CHECK(refusal_of(settings, counts, asked) == std::nullopt);
    CHECK(refusal_of(settings, {.live_last_hour = 6}, asked) ==
          "6 trips in the last hour (breaker.max_per_hour is 6)");
    asked.mode = Mode::shadow;
    CHECK(refusal_of(settings, counts, asked) ==
          "6 trips in the last hour (breaker.max_per_hour is 6)");
    asked.mode = Mode::live;
    settings.mode = Mode::shadow;  // the ceiling makes it a shadow one
    CHECK(refusal_of(settings, counts, asked) ==
          "6 trips in the last hour (breaker.max_per_hour is 6)");
}

TEST_CASE("keys have a limit of their own, and use up nothing of the channels'") {
    const auto settings = live_settings();
    const auto key = request(Target::of_token(17));
    const Counts full{.open = 50, .live_last_hour = 50, .shadow_last_hour = 50};
    CHECK(refusal_of(settings, full, key) == std::nullopt);
    const Counts counts{.live_keys_last_hour = 2, .shadow_keys_last_hour = 3};
    CHECK(refusal_of(settings, counts, key) == std::nullopt);
    CHECK(refusal_of(settings, counts, request(Target::of_token(17), Mode::shadow)) ==
          "5 keys in the last hour (breaker.max_keys_per_hour is 5)");
    CHECK(refusal_of(settings, {.live_keys_last_hour = 5}, key) ==
          "5 keys in the last hour (breaker.max_keys_per_hour is 5)");
    CHECK(refusal_of(settings, {.live_keys_last_hour = 50}, request(3)) == std::nullopt);
}

TEST_CASE("what is protected is never switched off: channels with their models, keys, users") {
    auto settings = live_settings();
    settings.protected_channels = {7};
    settings.protected_tokens = {17};
    settings.protected_users = {4};
    const auto protects = [&](const Target& target, std::int64_t owner = 0) {
        Situation situation;
        situation.owner = owner;
        return kind_of(settings, situation, by_person(request(target))) ==
               TripCause::Kind::is_protected;
    };
    CHECK(protects(Target::of_channel(7)));
    CHECK(protects(Target::of_model(7, "o1")));
    CHECK_FALSE(protects(Target::of_channel(17)));
    CHECK_FALSE(protects(Target::of_channel(4)));
    CHECK_FALSE(protects(Target::of_channel(1), 4));
    CHECK(protects(Target::of_token(17)));
    CHECK_FALSE(protects(Target::of_token(7)));
    CHECK(protects(Target::of_token(18), 4));
    CHECK_FALSE(protects(Target::of_token(18), 5));
    CHECK(protects({.kind = Target::Kind::token, .user = 4, .token_name = "ci"}));
    CHECK_FALSE(protects({.kind = Target::Kind::token, .user = 5, .token_name = "ci"}));
}

TEST_CASE("a pause holds live trips, whoever asks, and lets shadow mode watch on") {
    auto settings = live_settings();
    Situation situation;
    situation.pause = Pause{kNow, kNow + 2h, ""};
    const auto cause = guard_policy(settings, situation, request(3));
    REQUIRE(cause);
    CHECK(cause->kind == TripCause::Kind::paused);
    CHECK(cause->limit == base::unix_seconds(kNow + 2h));
    CHECK(kind_of(settings, situation, by_person(request(3))) == TripCause::Kind::paused);
    CHECK(kind_of(settings, situation, request(Target::of_token(1))) == TripCause::Kind::paused);
    CHECK_FALSE(guard_policy(settings, situation, request(3, Mode::shadow)));
    situation.pause->until = {};
    CHECK(guard_policy(settings, situation, request(3))->limit == 0);
    settings.mode = Mode::shadow;
    CHECK_FALSE(guard_policy(settings, situation, request(3)));
}

TEST_CASE("a person's order against what is off already is refused") {
    const auto settings = live_settings();
    Situation situation;
    situation.circuits = {circuit(Target::of_channel(3)), circuit(Target::of_model(4, "o1"))};
    CHECK(refusal_of(settings, situation, by_person(request(3))) ==
          "channel 3 is already off by quotafuse");
    CHECK(kind_of(settings, situation, by_person(request(Target::of_model(4, "o1")))) ==
          TripCause::Kind::held);
    CHECK_FALSE(guard_policy(settings, situation, by_person(request(4))));
    CHECK_FALSE(guard_policy(settings, situation, by_person(request(Target::of_model(3, "o1")))));
    CHECK_FALSE(guard_policy(settings, situation, request(3)));  // the gateway tells an alert
}

TEST_CASE("rows that are too old trip nothing, but a person may") {
    auto settings = live_settings();
    settings.max_lag = 30s;
    Situation situation;
    for (const auto mode : {Mode::shadow, Mode::live}) {
        situation.rows_age = 30;
        CHECK_FALSE(guard_policy(settings, situation, request(3, mode)));
        situation.rows_age = 31;
        CHECK(refusal_of(settings, situation, request(3, mode)) ==
              "the newest rows are 31 s old (breaker.max_lag is 30 s)");
        CHECK_FALSE(guard_policy(settings, situation, by_person(request(3, mode))));
    }
    CHECK(kind_of(settings, situation, request(Target::of_token(1))) == TripCause::Kind::old_rows);
}

TEST_CASE("no second channel is tripped for the same key") {
    const auto settings = live_settings();
    auto asked = request(3);
    asked.leading = LeadingKey{"t17", "ci (alice)", 80};
    asked.even_if_last = true;
    Situation situation;
    const auto refused = [&] {
        return kind_of(settings, situation, asked) == TripCause::Kind::same_key;
    };
    SUBCASE("while the other one is off") {
        situation.circuits = {circuit(Target::of_channel(4), "t17")};
        CHECK(refusal_of(settings, situation, asked) ==
              "one key (ci (alice)) makes 80 % of the value, and a channel was tripped for it "
              "already: the key is to blame");
        asked.mode = Mode::shadow;
        CHECK(refused());
        asked.target = Target::of_model(3, "o1");
        CHECK(refused());
        situation.circuits = {circuit(Target::of_model(4, "o1"), "t17")};
        CHECK(refused());
        asked.leading->share = 79;
        CHECK_FALSE(refused());
        asked.leading->share = 100;
        CHECK(refused());
        CHECK_FALSE(guard_policy(settings, situation, by_person(asked)));
        asked.target = Target::of_token(17);
        CHECK_FALSE(refused());
    }
    SUBCASE("not for its own channel, another key, or a key that is off") {
        situation.circuits = {circuit(Target::of_channel(3), "t17"),
                              circuit(Target::of_model(3, "o1"), "t17"),
                              circuit(Target::of_channel(4), "t18"), circuit(Target::of_channel(5)),
                              circuit(Target::of_token(17), "t17")};
        CHECK_FALSE(refused());
        asked.leading.reset();
        situation.circuits = {circuit(Target::of_channel(5))};
        CHECK_FALSE(refused());
    }
    SUBCASE("nor within the hour; what only would have been counts for shadow mode") {
        situation.recent = {recent(Target::of_channel(4), Mode::live, kNow, "t17")};
        situation.recent[0].ended = true;
        CHECK(refused());
        situation.recent[0].mode = Mode::shadow;
        CHECK_FALSE(refused());
        asked.mode = Mode::shadow;
        CHECK(refused());
        situation.recent[0].leading->id = "t18";
        CHECK_FALSE(refused());
    }
}

TEST_CASE("of several reasons the first in order is told") {
    auto settings = live_settings();
    Situation situation;
    auto asked = by_person(request(3));
    situation.counts = {.open = 50, .live_last_hour = 50};
    situation.circuits = {circuit(Target::of_channel(3)), circuit(Target::of_channel(4), "t17")};
    situation.pause = Pause{};
    situation.rows_age = 9000;
    settings.protected_channels = {3};
    settings.mode = Mode::off;
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::off);
    settings.mode = Mode::live;
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::is_protected);
    settings.protected_channels.clear();
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::paused);
    situation.pause.reset();
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::held);
    asked.rule = "burn";
    asked.leading = LeadingKey{"t17", "ci", 95};
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::old_rows);
    situation.rows_age = 1;
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::same_key);
    asked.leading.reset();
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::max_open);
    situation.counts.open = 0;
    CHECK(kind_of(settings, situation, asked) == TripCause::Kind::max_per_hour);
}

TEST_CASE("what was tripped just now settles first") {
    auto settings = live_settings();
    settings.settle = 5min;
    const std::vector<RecentTrip> trips{
        recent(Target::of_channel(9), Mode::live, kNow - 1s),
        recent(Target::of_model(4, "o1"), Mode::live, kNow - 4min),
        recent(Target::of_channel(4), Mode::live, kNow - 299s),
        recent(Target::of_channel(5), Mode::live, kNow - 5min),
        recent(Target::of_channel(6), Mode::shadow, kNow),
        recent(Target::of_token(7), Mode::live, kNow),
        recent(Target::of_channel(3), Mode::live, kNow),
    };
    CHECK(settling(settings, trips, request(3), kNow) == Ids{4, 9});
    CHECK(settling(settings, trips, request(Target::of_model(3, "o1")), kNow) == Ids{4, 9});
    CHECK(settling(settings, trips, request(3, Mode::shadow), kNow) == Ids{4, 6, 9});
    CHECK(settling(settings, trips, request(Target::of_token(3)), kNow).empty());
    auto ended = trips;
    ended[0].ended = true;
    CHECK(settling(settings, ended, request(3), kNow) == Ids{4});
    settings.mode = Mode::shadow;
    CHECK(settling(settings, trips, request(3), kNow) == Ids{4, 6, 9});
    settings.settle = 0s;
    CHECK(settling(settings, trips, request(3), kNow).empty());
}

TEST_CASE("of two modes the stricter holds") {
    CHECK(stricter(Mode::live, Mode::shadow) == Mode::shadow);
    CHECK(stricter(Mode::off, Mode::live) == Mode::off);
    CHECK(stricter(Mode::live, Mode::live) == Mode::live);
}
