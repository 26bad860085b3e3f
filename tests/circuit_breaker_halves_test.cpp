// A gateway that was just disabling a channel, abilities first, while it came back.

#include <doctest/doctest.h>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

/// Channel 2 serves gpt-4o.
void fresh(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels; DELETE FROM abilities");
    add_two_channels(gateway);
    set_rank(gateway, 2, 9, 5);
}

void write_second_half(TestGateway& gateway) {
    gateway.sql("UPDATE channels SET status = 3 WHERE id = 2");
}

bool any_on(TestGateway& gateway) {
    return gateway.value("SELECT COUNT(*) FROM abilities WHERE channel_id = 2 AND enabled = 1") !=
           "0";
}

}  // namespace

TEST_CASE("a half that a gateway leaves after a return is switched off, and is told") {
    for (const auto& gateway : tests::every_gateway()) {
        for (const auto way : {Way::whole, Way::trial}) {
            for (const bool half : {true, false}) {
                CAPTURE(gateway->describe());
                CAPTURE(std::string{way_name(way)});
                CAPTURE(half);
                fresh(*gateway);
                const auto circuit = tripped(*gateway, 2, "t1");
                AccidentSession session{gateway->session()};
                bool written = false;
                session.after_commit = [&] {
                    if (half && !written) write_second_half(*gateway);
                    written = true;
                };
                const auto result = give_back(session, *gateway, {.circuit = circuit, .way = way});
                CHECK(kind(result) == "done");
                CHECK(result.mended == half);
                CHECK(any_on(*gateway) != half);
            }
        }
    }
}

TEST_CASE("a half is switched off also after a return that a former run wrote") {
    for (const auto& gateway : tests::every_gateway()) {
        for (const bool only_looks : {false, true}) {
            CAPTURE(gateway->describe());
            CAPTURE(only_looks);
            fresh(*gateway);
            auto circuit = tripped(*gateway, 2, "t1");
            circuit.intended = give_back(*gateway, circuit, Way::trial).kept;
            write_second_half(*gateway);
            const ReturnRequest request{
                .circuit = circuit, .way = Way::trial, .resumed = true, .dry_run = only_looks};
            const auto result = give_back(*gateway->session(), *gateway, request);
            CHECK(kind(result) == "done");
            CHECK(result.mended != only_looks);
            CHECK(any_on(*gateway) == only_looks);
        }
    }
}

TEST_CASE("a model that a former run gave back is not left on in a channel that went off since") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        fresh(*gateway);
        gateway->sql(
            "DELETE FROM channels WHERE id = 2; DELETE FROM abilities WHERE channel_id = 2");
        gateway->add_channel(2, {"default"}, {"a", "gpt-4o"});
        const auto model = tripped_model(*gateway, 2, "gpt-4o", "a");
        CHECK(kind(give_back(*gateway, model, Way::whole)) == "done");
        write_second_half(*gateway);
        const auto result = give_back(*gateway, model, Way::whole, true);
        CHECK(kind(result) == "done");
        CHECK(result.mended);
        CHECK_FALSE(any_on(*gateway));
    }
}
