// A crash at any point between the intent, the write at the gateway and its record.

#include <doctest/doctest.h>

#include "circuit_breaker/audit.h"
#include "circuit_breaker_breaker_fixture.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("a crash between the trip and its record neither repeats nor forgets it") {
    for (const bool late : {false, true}) {
        CAPTURE(late);
        const auto gateway = three_channels(Engine::mariadb);
        FakeClock clock{kStart};
        const tests::TempDir folder;
        {
            base::Database store{folder.file("store.db"), {Audit::schema()}};
            Audit audit{store};
            for (const auto& [channel, trip] : {std::pair{1, "done"}, std::pair{2, "not done"}}) {
                audit.intend(order(channel, trip, clock).request, {}, clock.now());
            }
            News news;
            Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
            CHECK(breaker.submit(order(1, "done", clock)));
            CHECK(news.trips(1).size() == 1);
        }  // killed: the result was never recorded
        const auto after_trip = gateway->contents();
        clock.advance(late ? 1h : 10s);

        base::Database store{folder.file("store.db"), {Audit::schema()}};
        Audit audit{store};
        News news;
        Breaker breaker{gateway->session(), gateway->database(), clock, 1, news.reporter()};
        const auto pending = audit.pending_intents();
        CHECK(pending.size() == 2);
        for (const auto& [request, asked_at, notifiers] : pending) {
            CHECK(breaker.submit(TripOrder{.request = request, .guard = {}, .asked_at = asked_at}));
        }
        for (const auto& result : news.trips(2)) audit.record(result, clock.now());
        CHECK(audit.pending_intents().empty());
        const auto open = audit.circuits().all();
        REQUIRE(open.size() == (late ? 1 : 2));
        CHECK(open[0].trip_id == "done");
        CHECK(open[0].name == "channel-1");
        CHECK(status_of(*gateway, 2) == (late ? "1" : "3"));
        if (late) {
            CHECK(gateway->contents() == after_trip);
            CHECK(audit.last(1).at(0).why == "expired: asked for more than 30 s ago");
        }
    }
}

TEST_CASE(
    "a resumed order whose gateway stays down until it expires is unknown, and counts as open") {
    // What the configuration has become since takes nothing back.
    for (const auto mode_now : {Mode::live, Mode::shadow, Mode::off}) {
        CAPTURE(mode_name(mode_now));
        const auto gateway = three_channels(Engine::sqlite);
        FakeClock clock{kStart};
        const tests::TempDir folder;
        base::Database store{folder.file("store.db"), {Audit::schema()}};
        Audit audit{store};
        audit.intend(order(1, "a", clock).request, {}, clock.now());
        clock.advance(10s);
        std::atomic<int> tries = 0;
        auto session = std::make_unique<AccidentSession>(gateway->session());
        session->before = [&](const std::string&) {
            ++tries;
            throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "connection refused");
        };
        News news;
        Breaker breaker{std::move(session), gateway->database(), clock, 1, news.reporter()};
        auto pending = audit.pending_intents().at(0);
        pending.request.mode = mode_now;
        CHECK(breaker.submit(
            TripOrder{.request = pending.request, .guard = {}, .asked_at = pending.asked_at}));
        CHECK(eventually([&] { return tries >= 1; }));
        if (mode_now != Mode::off) {
            CHECK(eventually([&] { return tries >= 2; }));
            CHECK(news.trips(0).empty());
            clock.advance(21s);
        }
        const auto got = news.trips(1);
        REQUIRE(got.size() == 1);
        CHECK(kind_name(got[0].kind) == "unknown");
        CHECK(
            got[0].why.ends_with("; whether it was carried out before the restart could not be "
                                 "read: connection refused"));
        audit.record(got[0], clock.now());
        CHECK(audit.counts(clock.now()).open == 1);
        const auto seen = clock.now() + 60s;
        // On at the gateway: nobody's doing, it may never have been off. It is asked again.
        CHECK(audit.observe({{.trip_id = "a", .change = Change::enabled}}, seen, seen).empty());
        CHECK(audit.counts(clock.now()).open == 1);
        CHECK(audit.pending_intents().size() == 1);
    }
}
