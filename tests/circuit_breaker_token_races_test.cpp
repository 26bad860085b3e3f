// An API key: what becomes of it between any two statements of its trip and of its return, on each
// schema.

#include "circuit_breaker_serial_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

/// `status`: as a form showed it, and as it stands before.
std::vector<Doing> doings(const TestGateway& gateway, int status) {
    const auto set = [](const std::string& what) {
        return "UPDATE tokens SET " + what + " WHERE id = 17";
    };
    std::vector<Doing> all{
        {"disable", {set("status = 2")}},
        {"enable", {set("status = 1")}},
        {"disable and enable", {set("status = 2"), set("status = 1")}},
        {"enable and disable", {set("status = 1"), set("status = 2")}},
        {"use up", {set("remain_quota = 0"), set("status = 4")}},
        {"expire", {set("status = 3")}},
        {"spend", {set("used_quota = used_quota + 1"), set("accessed_time = 5")}},
        {"save a form",
         {set("name = 'saved', remain_quota = 77, status = " + std::to_string(status))}},
        {"delete the row", {"DELETE FROM tokens WHERE id = 17"}}};
    if (gateway.new_api()) all.push_back({"delete", {set("deleted_at = '2026-01-05 00:00:00'")}});
    return all;
}

/// Of a key that is gone nothing matters.
std::string state(TestGateway& gateway) {
    const std::string deleted = gateway.new_api() ? "deleted_at IS NOT NULL" : "0";
    const auto rows = gateway.sql("SELECT " + deleted +
                                  ", status, name, remain_quota, used_quota FROM tokens "
                                  "WHERE id = 17");
    if (rows.empty() || rows[0][0] == "1") return "gone";
    return fmt::format("{}", fmt::join(rows[0], "|"));
}

/// Told as switched off is only what is: New API serves neither what is disabled nor what is gone.
Race race_of_key(TestGateway& gateway) {
    return {.gateway = gateway,
            .reset = {},
            .ours = {},
            .looks = {},
            .state = [&] { return state(gateway); },
            .agrees = [] { return true; },
            .doings = {}};
}

}  // namespace

TEST_CASE("whatever becomes of a key during its trip, one hand comes first") {
    for (const std::string schema : {"newapi_2026", "newapi_2025", "oneapi"}) {
        CAPTURE(schema);
        TestGateway gateway{Engine::mariadb, schema};
        auto request = live_token(17);
        request.gateway = gateway.gateway();
        auto race = race_of_key(gateway);
        race.reset = [&] {
            gateway.sql("DELETE FROM tokens");
            gateway.add_token(17, 4, "ci");
        };
        race.ours = [&](sync::GatewaySession& session) {
            return told(circuit_breaker::trip(session, gateway.database(), request, {}, kNow));
        };
        race.looks = {"SELECT `id`, `name`, `status`"};
        race.is_off = [&] { return state(gateway) == "gone" || state(gateway)[2] != '1'; };
        race.doings = doings(gateway, 1);
        judge(race);
    }
}

TEST_CASE("whatever becomes of a key during its return, one hand comes first") {
    for (const std::string schema : {"newapi_2026", "newapi_2025", "oneapi"}) {
        CAPTURE(schema);
        TestGateway gateway{Engine::mariadb, schema};
        Circuit circuit;
        auto race = race_of_key(gateway);
        race.reset = [&] {
            gateway.sql("DELETE FROM tokens");
            circuit = tripped_key(gateway, 17);
        };
        race.ours = [&](sync::GatewaySession& session) {
            return told(give_back(session, gateway, {.circuit = circuit, .way = Way::whole}));
        };
        race.doings = doings(gateway, 2);
        judge(race);
    }
}
