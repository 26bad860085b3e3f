// Live breakers as processes: two that trip the same channel, one that is killed at each place
// between its intent and its record, a connection and a server that end in the commit.

#include "breaker_processes_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr auto* kDisabled = "is disabled at the gateway (status 3)";
const Texts kTripped{"intent", "tripped"};

/// A daemon that has seen a little traffic, so that what comes next is news.
void start_with_traffic(LockedGateway& gateway, BreakerSite& site) {
    site.start();
    gateway.request(4, 10);
    site.settle();
}

/// Nothing is told or written twice, also not by a daemon that starts anew.
void check_stays(LockedGateway& gateway, BreakerSite& site) {
    const auto told = site.told();
    const auto writes = gateway.writes();
    const auto steps = site.steps();
    site.end(SIGTERM);
    site.start();
    site.settle();
    CHECK(site.told() == told);
    CHECK(gateway.writes() == writes);
    CHECK(site.steps() == steps);
}

void check_tripped_once(LockedGateway& gateway, BreakerSite& site) {
    CHECK(gateway.state() == "3 0");
    CHECK(gateway.writes() == "3");
    CHECK(gateway.marked_trip() == site.trip_id());
    CHECK(site.steps() == kTripped);
    CHECK(site.open() == Texts{site.trip_id()});
}

}  // namespace

TEST_CASE("two daemons trip the same channel: one writes, each tells its own once") {
    LockedGateway gateway{shared_mariadb(), "two_daemons"};
    BreakerSite first{gateway};
    BreakerSite second{gateway};
    start_with_traffic(gateway, first);
    start_with_traffic(gateway, second);
    Held held{gateway, kAbilitiesOf3};
    held.wait_until_taken();
    gateway.request(3, 2500);
    REQUIRE(eventually([&] { return gateway.waiting("qf_breaker", "SELECT peer") == 2; }));
    held.release();
    REQUIRE_MESSAGE(eventually([&] { return first.told() > 0 && second.told() > 0; }),
                    (first.log() + second.log()));

    auto& winner = first.open().empty() ? second : first;
    auto& other = &winner == &first ? second : first;
    CHECK(first.trip_id() != second.trip_id());
    check_tripped_once(gateway, winner);
    CHECK(winner.told(kDisabled) == 1);
    CHECK(other.steps() == Texts{"intent", "already_off"});
    CHECK(other.open().empty());
    CHECK(other.told("was disabled already") == 1);
    CHECK(other.told(kDisabled) == 0);
    for (auto* const site : {&winner, &other}) {
        CHECK(site->told("Firing: burn") == 1);
        check_stays(gateway, *site);
        CHECK(site->told() == 1);
    }

    // Only the one whose doing it is gives it back.
    const Texts restore{"restore", "--channel", "3"};
    CHECK(other.order(restore)->wait() == 1);
    CHECK(gateway.state() == "3 0");
    CHECK(winner.order(restore)->wait() == 0);
    CHECK(gateway.state() == "1 1");
    CHECK(gateway.writes() == "3,1");
}

namespace {

enum class Moment { intent, writing, written };

/// Brings the daemon to the moment, kills it there, and lets go of all locks.
void kill_at(Moment moment, LockedGateway& gateway, BreakerSite& site,
             const std::function<void()>& begin) {
    Held held{gateway, moment == Moment::intent ? kAbilitiesOf3 : kRowOf3};
    held.wait_until_taken();
    begin();
    const auto* const stands = moment == Moment::intent ? "SELECT" : "UPDATE";
    REQUIRE_MESSAGE(eventually([&] { return gateway.waiting("qf_breaker", stands) == 1; }),
                    site.log());
    if (moment != Moment::written) {
        site.end(SIGKILL);
        return;
    }
    // In the queue behind the daemon: it has the row when that has committed and looks again.
    Held next{gateway, kRowOf3};
    REQUIRE(eventually([&] { return gateway.waiting("root", kRowOf3) == 1; }));
    const auto before = gateway.state();
    held.release();
    next.wait_until_taken();
    CHECK(gateway.state() != before);
    REQUIRE_MESSAGE(eventually([&] { return gateway.waiting("qf_breaker", "SELECT") == 1; }),
                    site.log());
    site.end(SIGKILL);
}

}  // namespace

TEST_CASE("a daemon killed between intent, write and record goes on from what it finds") {
    struct Killed {
        Moment moment;
        std::unique_ptr<LockedGateway> gateway;
        std::unique_ptr<BreakerSite> site;
    };
    // All are killed first: the alert of each waits a while for what became of its trip.
    std::vector<Killed> all;
    for (const auto moment : {Moment::intent, Moment::writing, Moment::written}) {
        CAPTURE(static_cast<int>(moment));
        auto gateway = std::make_unique<LockedGateway>(
            shared_mariadb(), fmt::format("killed_{}", static_cast<int>(moment)));
        auto site = std::make_unique<BreakerSite>(*gateway);
        start_with_traffic(*gateway, *site);
        kill_at(moment, *gateway, *site, [&] { gateway->request(3, 2500); });
        REQUIRE(eventually([&] { return gateway->breaker_is_gone(); }));
        CHECK(site->steps() == Texts{"intent"});
        CHECK(gateway->state() == (moment == Moment::written ? "3 0" : "1 1"));
        CHECK(site->told() == 0);
        site->start();
        all.push_back({moment, std::move(gateway), std::move(site)});
    }
    for (const auto& [moment, gateway, site] : all) {
        CAPTURE(static_cast<int>(moment));
        const auto& killed = *site;
        REQUIRE_MESSAGE(eventually([&] { return killed.steps().size() > 1; }), killed.log());
        site->settle();
        check_tripped_once(*gateway, *site);
        CHECK(site->told(kDisabled) == 1);
        CHECK(site->told("Firing: burn") == 1);
        check_stays(*gateway, *site);
    }
}

TEST_CASE("a daemon killed while it gives back goes on from what it finds") {
    int number = 0;
    for (const auto moment : {Moment::intent, Moment::writing, Moment::written}) {
        CAPTURE(static_cast<int>(moment));
        LockedGateway gateway{shared_mariadb(), fmt::format("given_back_{}", ++number)};
        BreakerSite site{gateway};
        start_with_traffic(gateway, site);
        REQUIRE(site.order({"trip", "--channel", "3", "--reason", "x"})->wait() == 0);
        site.settle();
        const auto told = site.told();
        std::unique_ptr<Program> order;
        kill_at(moment, gateway, site, [&] { order = site.order({"restore", "--channel", "3"}); });
        REQUIRE(eventually([&] { return gateway.breaker_is_gone(); }));
        CHECK(site.steps() == Texts{"intent", "tripped", "whole_asked"});
        CHECK(gateway.state() == (moment == Moment::written ? "1 1" : "3 0"));
        CHECK(site.told() == told);
        const auto code = order->wait();
        REQUIRE(code);
        CHECK(*code != 0);  // nobody has told it what became of its order

        site.start();
        REQUIRE_MESSAGE(eventually([&] { return site.steps().size() > 3; }), site.log());
        site.settle();
        CHECK(site.steps() == Texts{"intent", "tripped", "whole_asked", "whole"});
        CHECK(gateway.state() == "1 1");
        CHECK(gateway.writes() == "3,1");
        CHECK(gateway.marked_trip() == "NULL");
        CHECK(site.open().empty());
        CHECK(site.told() == told + 1);
        check_stays(gateway, site);
    }
}

TEST_CASE("a connection that is killed in its commit: the order is carried out once all the same") {
    LockedGateway gateway{shared_mariadb(), "connection_killed"};
    BreakerSite site{gateway};
    start_with_traffic(gateway, site);
    NoCommits block{gateway};
    const auto order = site.order({"trip", "--channel", "3", "--reason", "x", "--json"});
    REQUIRE_MESSAGE(eventually([&] { return !gateway.in_commit().empty(); }), site.log());
    const auto killed = gateway.in_commit();
    gateway.server().sql("KILL CONNECTION " + killed);
    REQUIRE_MESSAGE(eventually([&] {
                        const auto next = gateway.in_commit();
                        return !next.empty() && next != killed;
                    }),
                    site.log());
    CHECK(gateway.state() == "1 1");
    block.end();
    CHECK_MESSAGE(order->wait() == 0, order->err());
    CHECK(Json::parse(order->out()).at("outcome") == "tripped");
    site.settle();
    check_tripped_once(gateway, site);
    CHECK(site.told(kDisabled) == 1);
    check_stays(gateway, site);
}

TEST_CASE("a server that dies in a commit, or just after it: what is told is what there is") {
    for (const bool took_effect : {false, true}) {
        CAPTURE(took_effect);
        MariaDb server{{"--innodb-flush-log-at-trx-commit=1"}};  // of its own: it is killed
        LockedGateway gateway{server, "server_killed"};
        BreakerSite site{gateway};
        start_with_traffic(gateway, site);
        std::unique_ptr<Program> order;
        const auto ask = [&] {
            order = site.order({"trip", "--channel", "3", "--reason", "x", "--json"});
        };
        if (took_effect) {
            Held held{gateway, kRowOf3};
            held.wait_until_taken();
            ask();
            REQUIRE(eventually([&] { return gateway.waiting("qf_breaker", "UPDATE") == 1; }));
            Held next{gateway, kRowOf3};
            REQUIRE(eventually([&] { return gateway.waiting("root", kRowOf3) == 1; }));
            held.release();
            next.wait_until_taken();
            REQUIRE(eventually([&] { return gateway.waiting("qf_breaker", "SELECT") == 1; }));
            server.kill();
        } else {
            const NoCommits block{gateway};
            ask();
            REQUIRE_MESSAGE(eventually([&] { return !gateway.in_commit().empty(); }), site.log());
            server.kill();
        }
        server.start();
        CHECK_MESSAGE(order->wait() == 0, order->err());
        CHECK(Json::parse(order->out()).at("outcome") == "tripped");
        site.settle();
        check_tripped_once(gateway, site);
        CHECK(site.told(kDisabled) == 1);
        check_stays(gateway, site);
    }
}
