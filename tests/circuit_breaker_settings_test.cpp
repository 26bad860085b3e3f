#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker/settings.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;

namespace {

Settings read(const std::string& text, std::vector<std::string>& faults) {
    base::yaml::Diagnostics diagnostics;
    const auto document = base::yaml::parse("q.yaml", text, diagnostics);
    REQUIRE(document);
    auto settings = read_settings("q.yaml", document->root, diagnostics);
    faults = diagnostics.lines();
    return settings;
}

using Texts = std::vector<std::string>;

std::string joined(const Texts& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

std::optional<std::string> refusal_of(const Settings& settings, const Counts& counts,
                                      const TripRequest& request) {
    const auto cause = guard_policy(settings, counts, request);
    if (!cause) return std::nullopt;
    return describe(*cause, request.channel);
}

}  // namespace

TEST_CASE("the breaker's section is read, and careful where it says nothing") {
    Texts faults;
    const auto careful = read("{}", faults);
    CHECK(faults == Texts{});
    CHECK(careful.mode == Mode::shadow);
    CHECK(careful.max_open == 3);
    CHECK(careful.max_per_hour == 6);
    CHECK_FALSE(careful.dsn);

    const auto full = read(
        "{dsn: 'fuse:pw@tcp(db:3306)/new-api', mode: live, max_open: 1, max_per_hour: 2,\n"
        " protect: {channels: [1, 7]}}",
        faults);
    CHECK(faults == Texts{});
    REQUIRE(full.dsn);
    CHECK(full.dsn->database == "new-api");
    CHECK(full.mode == Mode::live);
    CHECK(full.max_open == 1);
    CHECK(full.max_per_hour == 2);
    CHECK(full.protected_channels == std::set<std::int64_t>{1, 7});

    CHECK_FALSE(read("{dsn: '', mode: 'off'}", faults).dsn);
    CHECK(faults == Texts{});
}

TEST_CASE("every fault of the breaker's section is told with its place") {
    Texts faults;
    read(
        "mode: live\n"
        "max_open: 0\n"
        "max_per_hour: many\n"
        "protect: {channels: [1, azure, -3], chanels: []}\n"
        "max_opne: 3\n",
        faults);
    CHECK(joined(faults) ==
          "q.yaml:1:7: mode live needs breaker.dsn: the account that may disable channels "
          "(`quotafuse grants` prints what it must be granted)\n"
          "q.yaml:2:11: max_open must be a whole number from 1 to 1000, not '0'\n"
          "q.yaml:3:15: max_per_hour must be a whole number from 1 to 1000, not 'many'\n"
          "q.yaml:4:25: a channel id is a whole number above 0\n"
          "q.yaml:4:32: a channel id is a whole number above 0\n"
          "q.yaml:4:37: unknown key 'chanels' in protect; did you mean 'channels'?\n"
          "q.yaml:5:1: unknown key 'max_opne' in breaker; did you mean 'max_open'?\n");
    read("{dsn: 'postgres://a:secret@b/c', mode: livid, protect: {channels: 3}}", faults);
    CHECK(joined(faults) ==
          "q.yaml:1:7: dsn: PostgreSQL gateways are not supported: quotafuse reads MySQL, MariaDB "
          "and "
          "the gateway's own SQLite file\n"
          "q.yaml:1:40: mode must be one of off, shadow, live, not 'livid'; did you mean 'live'?\n"
          "q.yaml:1:67: channels must be a list of channel ids, not '3'\n");
}

TEST_CASE("protected channels and the limits hold back a trip, in shadow mode as well") {
    Settings settings;
    settings.mode = Mode::live;
    settings.protected_channels = {7};
    for (const auto mode : {Mode::shadow, Mode::live}) {
        const TripRequest request{.trip_id = "t", .channel = 3, .reason = "", .mode = mode};
        CHECK(refusal_of(settings, {.open = 2, .live_last_hour = 5}, request) == std::nullopt);
        CHECK(refusal_of(settings, {.open = 3, .live_last_hour = 0}, request) ==
              "3 channels are already off by quotafuse (breaker.max_open is 3)");
        CHECK(refusal_of(settings, {.open = 0, .live_last_hour = 6}, request) ==
              "6 trips in the last hour (breaker.max_per_hour is 6)");
        auto guarded = request;
        guarded.channel = 7;
        CHECK(refusal_of(settings, {.open = 0, .live_last_hour = 0}, guarded) ==
              "channel 7 is protected (breaker.protect.channels)");
    }
    settings.max_open = settings.max_per_hour = 1;
    const TripRequest request{.trip_id = "t", .channel = 3, .reason = "", .mode = Mode::live};
    CHECK(refusal_of(settings, {.open = 1, .live_last_hour = 0}, request) ==
          "1 channel is already off by quotafuse (breaker.max_open is 1)");
    CHECK(refusal_of(settings, {.open = 0, .live_last_hour = 1}, request) ==
          "1 trip in the last hour (breaker.max_per_hour is 1)");
    settings.mode = Mode::off;
    CHECK(refusal_of(settings, {.open = 0, .live_last_hour = 0}, request) == "the breaker is off");
}

TEST_CASE("shadow trips use up nothing of what a live one may, and all of what a shadow one may") {
    Settings settings;
    settings.mode = Mode::live;
    TripRequest request{.trip_id = "t", .channel = 3, .reason = "", .mode = Mode::live};
    const Counts counts{.live_last_hour = 2, .shadow_last_hour = 4};
    CHECK(refusal_of(settings, counts, request) == std::nullopt);
    CHECK(refusal_of(settings, {.live_last_hour = 6}, request) ==
          "6 trips in the last hour (breaker.max_per_hour is 6)");
    request.mode = Mode::shadow;
    CHECK(refusal_of(settings, counts, request) ==
          "6 trips in the last hour (breaker.max_per_hour is 6)");
    request.mode = Mode::live;
    settings.mode = Mode::shadow;  // the ceiling makes it a shadow one
    CHECK(refusal_of(settings, counts, request) ==
          "6 trips in the last hour (breaker.max_per_hour is 6)");
}

TEST_CASE("of two modes the stricter holds") {
    CHECK(stricter(Mode::live, Mode::shadow) == Mode::shadow);
    CHECK(stricter(Mode::off, Mode::live) == Mode::off);
    CHECK(stricter(Mode::live, Mode::live) == Mode::live);
}
