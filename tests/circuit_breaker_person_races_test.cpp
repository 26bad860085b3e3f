// What a gateway writes, statement by statement as it does, between any two of ours.

#include <algorithm>
#include <functional>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker_races_fixture.h"
#include "circuit_breaker_trip_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

/// How each look at the tables of routing begins.
constexpr auto* kLook = "SELECT peer.`group`";

/// What a gateway does to channel 2. The whole row is saved as it was read before our trip.
std::vector<Doing> doings() {
    const auto save = [](int status) {
        return fmt::format(
            "UPDATE channels SET status = {}, other_info = '{{\"status_reason\":\"theirs\"}}', "
            "models = 'gpt-4o,o1', name = 'saved' WHERE id = 2",
            status);
    };
    const auto abilities = [](int enabled) {
        return fmt::format("UPDATE abilities SET enabled = {} WHERE channel_id = 2", enabled);
    };
    const auto status = [](int to) {
        return fmt::format("UPDATE channels SET status = {} WHERE id = 2", to);
    };
    return {{"disable, as New API does since 2025-07", {save(2), abilities(0)}},
            {"disable, as One API does", {abilities(0), status(3)}},
            {"save an edit form that was opened before", {save(1), abilities(1)}},
            {"enable, as New API does since 2025-07", {save(1), abilities(1)}, true},
            {"enable, as One API does", {abilities(1), status(1)}, true},
            {"delete, abilities first",
             {"DELETE FROM abilities WHERE channel_id = 2", "DELETE FROM channels WHERE id = 2"}},
            {"delete, channel first",
             {"DELETE FROM channels WHERE id = 2", "DELETE FROM abilities WHERE channel_id = 2"}}};
}

TripResult run(Interleaving& one, TestGateway& gateway, const TripRequest& request,
               const Doing& doing, const Interleaving::Places& places) {
    TripResult result;
    one.run(doing, places, [&](sync::GatewaySession& session) {
        result = circuit_breaker::trip(session, gateway.database(), request, {}, kNow);
    });
    return result;
}

std::string end_of(TestGateway& gateway) {
    const auto channel =
        gateway.sql("SELECT status, models, other_info FROM channels WHERE id = 2");
    if (channel.empty()) {
        return gateway.value("SELECT count(*) FROM abilities WHERE channel_id = 2") == "0"
                   ? "gone"
                   : "half gone";
    }
    const auto enabled = [&](const char* model) {
        return gateway.value(
            fmt::format("SELECT count(*) FROM abilities WHERE channel_id = 2 AND "
                        "enabled = 1 AND model = '{}'",
                        model));
    };
    return fmt::format("status {} models {} gpt-4o {} o1 {} mark {}", channel[0][0], channel[0][1],
                       enabled("gpt-4o"), enabled("o1"), trip_mark(channel[0][2]).value_or("none"));
}

constexpr auto* kOn = "status 1 models gpt-4o,o1 gpt-4o 2 o1 2 mark none";
constexpr auto* kOursOff = "status 3 models gpt-4o,o1 gpt-4o 0 o1 0 mark t1";
constexpr auto* kTheirsOff2 = "status 2 models gpt-4o,o1 gpt-4o 0 o1 0 mark none";
constexpr auto* kTheirsOff3 = "status 3 models gpt-4o,o1 gpt-4o 0 o1 0 mark none";
/// The gateway's second statement came after our last look: it enabled what its first had not seen
/// tripped. Nobody can hinder that; the proof after a trip tells it.
constexpr auto* kEnabledLate = "status 3 models gpt-4o,o1 gpt-4o 2 o1 2 mark t1";
constexpr auto* kModelOff = "status 1 models o1 gpt-4o 0 o1 2 mark none";

void reset(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels WHERE id = 2; DELETE FROM abilities WHERE channel_id = 2");
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o", "o1"});
}

using Judge = std::function<void(const TripResult&, const std::string& end, bool in_time)>;

/// Every doing at every pair of places.
void for_each_interleaving(const TripRequest& request, const std::vector<Doing>& all,
                           const Judge& judge) {
    const auto gateway = std::make_unique<TestGateway>(Engine::mariadb, "newapi_2026");
    gateway->add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    reset(*gateway);
    add_other_channels(*gateway);
    Interleaving one{*gateway, {kLook}};
    run(one, *gateway, request, {"nothing", {}}, {});
    const int ours = one.statements();
    REQUIRE(ours > 8);
    for (const auto& doing : all) {
        CAPTURE(doing.name);
        for (const auto& places : all_places(2, ours + 1, Depth::all)) {
            CAPTURE(places[0]);
            CAPTURE(places[1]);
            reset(*gateway);
            if (doing.starts_off) {
                gateway->sql(
                    "UPDATE channels SET status = 2 WHERE id = 2; "
                    "UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
            }
            const auto result = run(one, *gateway, request, doing, places);
            const auto end = end_of(*gateway);
            CAPTURE(result.why);
            CAPTURE(end);
            judge(result, end, one.all_in_time());
        }
    }
}

bool is_one_of(const std::string& text, const std::vector<std::string>& all) {
    return std::ranges::find(all, text) != all.end();
}

}  // namespace

TEST_CASE(
    "whatever a person does to a channel during its trip, both tables agree and the result is "
    "true") {
    int tripped = 0;
    for_each_interleaving(
        live(2), doings(), [&](const TripResult& result, const std::string& end, bool in_time) {
            const bool whole = is_one_of(end, {kOn, kOursOff, kTheirsOff2, kTheirsOff3, "gone"});
            CHECK((whole || (!in_time && end == kEnabledLate)));
            CHECK(is_one_of(std::string{kind_name(result.kind)},
                            {"tripped", "already_off", "lost_race", "refused"}));
            if (in_time && result.kind == Kind::tripped) CHECK(end == kOursOff);
            if (end == kOursOff) CHECK(kind_name(result.kind) == "tripped");
            if (result.kind == Kind::tripped) ++tripped;
        });
    CHECK(tripped > 10);
}

TEST_CASE("whatever a person does to a channel while one model of it is tripped") {
    int tripped = 0;
    for_each_interleaving(live_model(2, "gpt-4o"), doings(),
                          [&](const TripResult& result, const std::string& end, bool in_time) {
                              CAPTURE(kind_name(result.kind));
                              // A gateway that disables or enables all abilities does not touch the
                              // list; one that saves the row as it was, with the list, is a
                              // person's doing.
                              const bool whole =
                                  is_one_of(end, {kOn, kModelOff, kTheirsOff2, kTheirsOff3, "gone",
                                                  "status 3 models o1 gpt-4o 0 o1 0 mark none"});
                              CHECK((whole || !in_time));
                              CHECK(is_one_of(std::string{kind_name(result.kind)},
                                              {"tripped", "already_off", "lost_race", "refused"}));
                              if (end == kModelOff) CHECK(kind_name(result.kind) == "tripped");
                              if (in_time && result.kind == Kind::tripped) CHECK(end != kOn);
                              if (result.kind == Kind::tripped) ++tripped;
                          });
    CHECK(tripped > 10);
}
