// The breaker's thread: returns, looks, and a pause.

#include <doctest/doctest.h>

#include "circuit_breaker_breaker_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

ReturnOrder return_order(const Circuit& circuit, Way way, const base::Clock& clock) {
    return {.request = {.circuit = circuit, .way = way}, .guard = {}, .asked_at = clock.now()};
}

}  // namespace

TEST_CASE("trips, returns and looks are carried out in turn, each reported as what it is") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "t1");
    News news;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(LookOrder{.circuits = {circuit}}));
    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    CHECK(breaker.submit(LookOrder{.circuits = {circuit}}));
    CHECK(breaker.submit(order(2, "t2", clock)));
    const auto got = news.wait_for(4);
    REQUIRE(got.size() == 4);
    const auto& off = std::get<Looked>(got[0]);
    CHECK(off.troubles.empty());
    CHECK(off.began == clock.now());
    REQUIRE(off.sightings.size() == 1);
    CHECK(off.sightings[0].trip_id == "t1");
    CHECK(off.sightings[0].change == Change::none);
    CHECK(kind(std::get<ReturnResult>(got[1])) == "done");
    CHECK(std::get<Looked>(got[2]).sightings.at(0).change == Change::enabled);
    CHECK(kind_name(std::get<TripResult>(got[3]).kind) == "tripped");
}

TEST_CASE("a look at a gateway that is down says so once, and is not tried again") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    std::atomic<int> tries = 0;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [&](const std::string&) {
        ++tries;
        refuse_connection();
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(
        breaker.submit(LookOrder{.circuits = {{.trip_id = "a", .target = Target::of_channel(1)}}}));
    const auto got = news.wait_for(1);
    REQUIRE(got.size() == 1);
    CHECK(std::get<Looked>(got[0]).troubles ==
          decltype(Looked::troubles){{Target::Kind::channel, "connection refused"}});
    CHECK(std::get<Looked>(got[0]).sightings.empty());
    CHECK(tries == 1);
}

TEST_CASE("a channel that cannot be mended is a trouble, and is seen all the same") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "t1");
    gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 1");
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string& sql) {
        if (sql.starts_with("UPDATE"))
            throw sync::GatewayError(sync::GatewayError::Kind::denied, "no grant");
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(LookOrder{.circuits = {circuit}, .to_mend = {"t1"}}));
    const auto got = news.wait_for(1);
    REQUIRE(got.size() == 1);
    const auto& looked = std::get<Looked>(got[0]);
    REQUIRE(looked.sightings.size() == 1);
    CHECK(looked.sightings[0].half_on);
    CHECK(looked.mended.empty());
    CHECK(looked.troubles ==
          decltype(Looked::troubles){
              {Target::Kind::channel,
               "channel 1 is half on, and could not be switched off wholly: no grant"}});
}

TEST_CASE("a return is tried again until it is 30 s old, then it failed") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "t1");
    std::atomic<int> tries = 0;
    std::atomic<bool> down = true;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [&](const std::string&) {
        if (!down) return;
        ++tries;
        refuse_connection();
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    CHECK(eventually([&] { return tries >= 2; }));
    CHECK(news.wait_for(0).empty());
    clock.advance(31s);
    const auto first = news.returns(1);
    REQUIRE(first.size() == 1);
    CHECK(kind(first[0]) == "failed");
    CHECK(first[0].why == "channel 1 could not be given back: connection refused");

    auto late = return_order(circuit, Way::whole, clock);
    late.asked_at -= 31s;
    CHECK(breaker.submit(late));
    CHECK(news.returns(2).at(1).why == "expired: asked for more than 30 s ago");

    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    const int before = tries;
    CHECK(eventually([&] { return tries > before; }));
    down = false;
    CHECK(kind(news.returns(3).at(2)) == "done");
    CHECK(status_of(*gateway, 1) == "1");
}

TEST_CASE("a resumed return that is too old is looked for, and never carried out late") {
    for (const bool was_done : {true, false}) {
        CAPTURE(was_done);
        const auto gateway = three_channels(Engine::sqlite);
        FakeClock clock{kStart};
        const auto circuit = tripped(*gateway, 1, "t1");
        if (was_done) CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
        const auto before = everything(*gateway);
        News news;
        Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
        auto old = return_order(circuit, Way::whole, clock);
        old.request.resumed = true;
        clock.advance(60s);
        CHECK(breaker.submit(old));
        const auto result = news.returns(1).at(0);
        CHECK(kind(result) == (was_done ? "done" : "failed"));
        CHECK(result.request.resumed);
        CHECK_FALSE(result.request.dry_run);
        CHECK(everything(*gateway) == before);
    }
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string&) { refuse_connection(); };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    auto old = return_order({.trip_id = "a", .target = Target::of_channel(1)}, Way::whole, clock);
    old.request.resumed = true;
    clock.advance(60s);
    CHECK(breaker.submit(old));
    const auto result = news.returns(1).at(0);
    CHECK(kind(result) == "unknown");
    CHECK(result.why ==
          "expired: asked for more than 30 s ago; whether it was carried out before could not be "
          "read: connection refused");
}

TEST_CASE("while it is paused nothing is written, and what only looks goes on") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "t1");
    const auto before = everything(*gateway);
    News news;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    breaker.hold(TripCause::Kind::paused);
    auto shadow = order(3, "c", clock);
    shadow.request.mode = Mode::shadow;
    auto dry = return_order(circuit, Way::whole, clock);
    dry.request.dry_run = true;
    CHECK(breaker.submit(order(2, "b", clock)));
    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    CHECK(breaker.submit(shadow));
    CHECK(breaker.submit(dry));
    CHECK(breaker.submit(LookOrder{.circuits = {circuit}}));
    const auto got = news.wait_for(5);
    REQUIRE(got.size() == 5);
    const auto& trip = std::get<TripResult>(got[0]);
    CHECK(kind_name(trip.kind) == "refused");
    CHECK(trip.cause.kind == TripCause::Kind::paused);
    CHECK(trip.why == "the breaker is paused");
    const auto& given = std::get<ReturnResult>(got[1]);
    CHECK(kind(given) == "refused");
    CHECK(given.cause.kind == TripCause::Kind::paused);
    CHECK(kind_name(std::get<TripResult>(got[2]).kind) == "would_trip");
    CHECK(kind(std::get<ReturnResult>(got[3])) == "would_be");
    CHECK(std::get<Looked>(got[4]).sightings.size() == 1);
    CHECK(everything(*gateway) == before);

    breaker.hold({});
    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    CHECK(kind(std::get<ReturnResult>(news.wait_for(6).at(5))) == "done");
}

TEST_CASE("a pause holds what is between two tries, and what waits behind it") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "t1");
    const auto before = everything(*gateway);
    std::atomic<int> tries = 0;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [&](const std::string&) {
        ++tries;
        refuse_connection();
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(order(2, "b", clock)));
    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    CHECK(eventually([&] { return tries >= 1; }));
    breaker.hold(TripCause::Kind::paused);
    const auto got = news.wait_for(2);
    REQUIRE(got.size() == 2);
    for (const auto& one : got) {  // in any order: each waits behind the other
        const auto* const trip = std::get_if<TripResult>(&one);
        CHECK((trip != nullptr ? trip->cause : std::get<ReturnResult>(one).cause).kind ==
              TripCause::Kind::paused);
    }
    CHECK(everything(*gateway) == before);
}

TEST_CASE("a pause does not hide what was carried out before") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "done");
    const auto returned = tripped(*gateway, 2, "back");
    CHECK(kind(give_back(*gateway, returned, Way::whole)) == "done");
    News news;
    Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
    breaker.hold(TripCause::Kind::paused);
    for (const auto& [channel, trip] : {std::pair{1, "done"}, std::pair{3, "not done"}}) {
        auto resumed = order(channel, trip, clock);
        resumed.request.resumed = true;
        CHECK(breaker.submit(resumed));
    }
    for (const auto& of : {returned, circuit}) {
        auto resumed = return_order(of, Way::whole, clock);
        resumed.request.resumed = true;
        CHECK(breaker.submit(resumed));
    }
    const auto got = news.wait_for(4);
    REQUIRE(got.size() == 4);
    CHECK(kind_name(std::get<TripResult>(got[0]).kind) == "tripped");
    CHECK(std::get<TripResult>(got[1]).cause.kind == TripCause::Kind::paused);
    CHECK(kind(std::get<ReturnResult>(got[2])) == "done");
    CHECK(std::get<ReturnResult>(got[3]).cause.kind == TripCause::Kind::paused);
}

TEST_CASE(
    "after a commit that nobody answered, a pause asks before it says that nothing was done") {
    using Lost = AccidentSession::Lost;
    for (const auto lost : {Lost::after_it_took_effect, Lost::before_it_took_effect}) {
        const bool took_effect = lost == Lost::after_it_took_effect;
        CAPTURE(took_effect);
        const auto gateway = three_channels(Engine::sqlite);
        FakeClock clock{kStart};
        const auto circuit = tripped(*gateway, 1, "t1");
        std::atomic<bool> down = false;
        std::atomic<int> refused = 0;
        auto session = std::make_unique<AccidentSession>(gateway->session());
        session->lost_commit = lost;
        session->after_commit = [&] { down = true; };
        session->before = [&](const std::string&) {
            if (!down) return;
            ++refused;
            refuse_connection();
        };
        News news;
        Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
        CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
        CHECK(eventually([&] { return refused >= 2; }));
        breaker.hold(TripCause::Kind::paused);
        const auto result = news.returns(1).at(0);
        // The gateway was down still: nobody can know.
        CHECK(kind(result) == "unknown");
        CHECK(result.cause.unread == "connection refused");
        CHECK_FALSE(result.request.resumed);
        CHECK(status_of(*gateway, 1) == (took_effect ? "1" : "3"));
        down = false;
        auto resumed = return_order(circuit, Way::whole, clock);
        resumed.request.resumed = true;
        CHECK(breaker.submit(resumed));
        CHECK(kind(news.returns(2).at(1)) == (took_effect ? "done" : "refused"));
    }
}

TEST_CASE("a library that throws something else leaves a return unknown and a look in trouble") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    const auto circuit = tripped(*gateway, 1, "t1");
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [](const std::string&) { throw std::runtime_error("out of cheese"); };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    auto dry = return_order(circuit, Way::whole, clock);
    dry.request.dry_run = true;  // nothing can have been written
    CHECK(breaker.submit(return_order(circuit, Way::whole, clock)));
    CHECK(breaker.submit(dry));
    CHECK(breaker.submit(LookOrder{.circuits = {circuit}}));
    const auto got = news.wait_for(3);
    REQUIRE(got.size() == 3);
    CHECK(kind(std::get<ReturnResult>(got[0])) == "unknown");
    CHECK(std::get<ReturnResult>(got[0]).why == "the breaker could not go on: out of cheese");
    CHECK(kind(std::get<ReturnResult>(got[1])) == "failed");
    CHECK(std::get<Looked>(got[2]).troubles ==
          decltype(Looked::troubles){{Target::Kind::channel, "out of cheese"}});
}

TEST_CASE("a return that stop() cut off is not reported: it stays on record") {
    const auto gateway = three_channels(Engine::sqlite);
    FakeClock clock{kStart};
    std::atomic<int> tries = 0;
    auto session = std::make_unique<AccidentSession>(gateway->session());
    session->before = [&](const std::string&) {
        ++tries;
        refuse_connection();
    };
    News news;
    Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
    CHECK(breaker.submit(
        return_order({.trip_id = "a", .target = Target::of_channel(1)}, Way::whole, clock)));
    CHECK(eventually([&] { return tries >= 1; }));
    breaker.stop();
    CHECK(news.wait_for(0).empty());
}

TEST_CASE("a return of what a later order tripped anew is refused, and writes nothing") {
    for (const auto* schema : {"oneapi", "newapi_2026"}) {
        for (const bool dry_run : {false, true}) {
            CAPTURE(schema);
            CAPTURE(dry_run);
            TestGateway gateway{Engine::sqlite, schema};
            for (const std::int64_t id : {1, 2}) gateway.add_channel(id, {"default"}, {"gpt-4o"});
            FakeClock clock{kStart};
            const auto circuit = tripped(gateway, 1, "t1");
            gateway.sql("UPDATE channels SET status = 1; UPDATE abilities SET enabled = 1");
            auto second = order(1, "t2", clock);
            second.request.gateway = gateway.gateway();
            News news;
            Breaker breaker{gateway.session(), gateway.database(), clock, 1, news.reporter()};
            CHECK(breaker.submit(second));
            auto late = return_order(circuit, Way::whole, clock);
            late.request.resumed = true;
            late.request.dry_run = dry_run;
            CHECK(breaker.submit(late));
            auto got = news.wait_for(2);
            REQUIRE(got.size() == 2);
            const auto tripped_anew = std::get<TripResult>(got[0]);
            CHECK(kind_name(tripped_anew.kind) == "tripped");
            const auto refused = std::get<ReturnResult>(got[1]);
            CHECK(kind(refused) == "refused");
            CHECK(refused.cause.kind == TripCause::Kind::not_held);
            CHECK(refused.why ==
                  "channel 1 is not held by this trip any more: `quotafuse breaker list` tells "
                  "what is");
            CHECK(status_of(gateway, 1) == "3");
            // Its own return is no such.
            CHECK(breaker.submit(return_order(circuit_of(tripped_anew), Way::whole, clock)));
            got = news.wait_for(3);
            REQUIRE(got.size() == 3);
            CHECK(kind(std::get<ReturnResult>(got[2])) == "done");
        }
    }
}
