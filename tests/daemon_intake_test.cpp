#include <doctest/doctest.h>
#include <fmt/format.h>

#include "daemon/blind_spots.h"
#include "daemon/intake.h"
#include "daemon/schemas.h"
#include "support/fake_clock.h"
#include "support/logged.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;
using Phase = SourceState::Phase;
using Kind = sync::GatewayError::Kind;

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A real store and engine behind the intake; the test is the reader.
class Desk {
public:
    explicit Desk(std::optional<base::Seconds> max_lag = {}) : max_lag_(max_lag) { open(); }

    /// As after a restart on the same file.
    void open() {
        parts_.reset();
        parts_ = std::make_unique<Parts>(*this);
        parts_->engine.restore({}, clock.now());
    }

    sync::Poll poll() {
        sync::Poll poll;
        poll.batch.position = parts_->store.position();
        poll.sent = clock.now();
        poll.drained = true;
        return poll;
    }
    sync::Poll poll_of(sync::Kind kind) {
        auto one = poll();
        sync::LogEntry entry;
        entry.id = ++one.batch.position.cursor;
        entry.created_at = base::unix_seconds(clock.now());
        entry.kind = kind;
        one.batch.entries.push_back(entry);
        return one;
    }
    void count(std::optional<std::int64_t> requests, bool read_only = false) {
        sync::GatewayInfo info;
        info.requests = requests;
        info.read_only = read_only;
        intake().take(info);
    }

    Intake& intake() { return parts_->intake; }
    const SourceState& state() { return parts_->intake.state(); }
    sync::Store& store() { return parts_->store; }
    tests::FakeClock clock{kStart};
    tests::Logged logged;

private:
    struct Parts {
        explicit Parts(Desk& desk)
            : database(desk.folder_.file("s.db"), all_schemas()),
              store(database),
              engine({}, store),
              intake(database, store, engine, "a test", desk.clock, desk.log_, desk.max_lag_) {}
        base::Database database;
        sync::Store store;
        alerts::Engine engine;
        Intake intake;
    };

    tests::TempDir folder_;
    base::Log log_;
    std::optional<base::Seconds> max_lag_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace

TEST_CASE("each trouble has its own state, one line at its change, and T stands in all of them") {
    Desk desk;
    desk.intake().take(desk.poll_of(sync::Kind::consume));
    CHECK(desk.state().phase == Phase::ok);
    CHECK(desk.logged.take().size() == 2);  // which gateway, and caught up
    const auto seen = desk.intake().horizon();
    CHECK(seen == base::from_unix(kStart));
    struct Case {
        Kind kind;
        Phase phase;
        std::string name;
    };
    for (const auto& one :
         {Case{Kind::unreachable, Phase::unreachable, "unreachable"},
          Case{Kind::stalled, Phase::stalled, "stalled"},
          Case{Kind::locked, Phase::locked, "locked"}, Case{Kind::denied, Phase::denied, "denied"},
          Case{Kind::schema, Phase::schema, "schema"},
          Case{Kind::rejected, Phase::rejected, "rejected"}}) {
        for (int second = 0; second < 60; ++second) {
            desk.clock.advance(1s);
            desk.intake().take(SourceTrouble{one.kind, fmt::format("why, try {}", second)});
        }
        CHECK(desk.state().phase == one.phase);
        CHECK(phase_name(desk.state().phase) == one.name);
        const auto lines = desk.logged.take();
        REQUIRE(lines.size() == 1);
        CHECK(contains(lines[0], fmt::format("cannot be read ({}): why, try 0", one.name)));
        CHECK(standstill_of(desk.state()) ==
              fmt::format("the gateway cannot be read ({}): why, try 59", one.name));
        CHECK(desk.intake().horizon() == seen);
    }
    // All of them are one outage.
    CHECK(desk.state().since == base::from_unix(kStart + 1));
    desk.intake().take(desk.poll());
    const auto lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "can be read again, after 5m59s"));
    CHECK(standstill_of(desk.state()).empty());
    CHECK(desk.intake().horizon() == base::from_unix(kStart + 360));
}

TEST_CASE("a store that cannot be read to compare the gateway with it stops T, too") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.logged.take();
    for (int i = 0; i < 9; ++i) desk.intake().take(MirrorTrouble{"disk I/O error"});
    CHECK(desk.state().phase == Phase::unproven);
    CHECK(desk.logged.take().size() == 1);
    CHECK(contains(standstill_of(desk.state()), "disk I/O error"));
}

TEST_CASE("a table that ends before what is stored stops T until it goes on") {
    Desk desk;
    desk.intake().take(desk.poll_of(sync::Kind::consume));
    desk.logged.take();
    for (int i = 0; i < 30; ++i) {
        desk.clock.advance(1s);
        auto behind = desk.poll();
        behind.behind = true;
        desk.intake().take(behind);
    }
    CHECK(desk.state().phase == Phase::behind);
    CHECK(desk.intake().horizon() == base::from_unix(kStart));
    CHECK(contains(standstill_of(desk.state()), "the gateway is behind: its log ends before id 1"));
    auto lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "behind: its log ends before id 1"));
    desk.intake().take(desk.poll());
    lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "goes on, after 29s (behind)"));
    CHECK(desk.intake().horizon() == base::from_unix(kStart + 30));
}

TEST_CASE("with max_lag a source whose newest row is too old stops T, without it never") {
    for (const bool limited : {true, false}) {
        Desk desk{limited ? std::optional{60s} : std::nullopt};
        desk.intake().take(desk.poll_of(sync::Kind::consume));
        desk.logged.take();
        for (int second = 1; second <= 90; ++second) {
            desk.clock.advance(1s);
            desk.intake().take(desk.poll());
        }
        if (!limited) {
            CHECK(desk.state().phase == Phase::ok);
            CHECK(desk.logged.take().empty());
            continue;
        }
        CHECK(desk.state().phase == Phase::lagging);
        CHECK(desk.intake().horizon() == base::from_unix(kStart + 60));
        CHECK(contains(standstill_of(desk.state()), "newest row is 1m30s old"));
        auto lines = desk.logged.take();
        REQUIRE(lines.size() == 1);
        CHECK(contains(lines[0], "lagging: its newest row is 1m1s old, source.max_lag is 1m"));
        desk.intake().take(desk.poll_of(sync::Kind::consume));
        CHECK(desk.intake().horizon() == base::from_unix(kStart + 90));
        lines = desk.logged.take();
        REQUIRE(lines.size() == 1);
        CHECK(contains(lines[0], "goes on, after 29s (lagging)"));
    }
}

TEST_CASE("a suspect poll says nothing and changes nothing") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.logged.take();
    desk.clock.advance(1s);
    auto suspect = desk.poll();
    suspect.drained = false;
    suspect.suspect = true;
    desk.intake().take(suspect);
    CHECK(desk.state().phase == Phase::ok);
    CHECK(desk.intake().horizon() == base::from_unix(kStart));
    CHECK(desk.logged.take().empty());
}

TEST_CASE("a new epoch is one warning, and is known after a restart") {
    Desk desk;
    desk.intake().take(desk.poll_of(sync::Kind::consume));
    CHECK_FALSE(desk.state().epoch_since.has_value());
    desk.logged.take();
    desk.clock.advance(5s);
    auto anew = desk.poll_of(sync::Kind::consume);
    anew.batch.position.epoch = 1;
    anew.batch.position.first = 1;
    anew.batch.position.cursor = anew.batch.entries[0].id = 1;
    desk.intake().take(anew);
    desk.intake().take(desk.poll());
    const auto lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "truncated, restored or replaced: epoch 1 begins at id 1"));
    CHECK(contains(lines[0], "what was stored before stays and counts"));
    CHECK(desk.state().epoch_since == base::from_unix(kStart + 5));
    CHECK(desk.store().rows() == 2);
    desk.clock.advance(60s);
    desk.open();
    CHECK(desk.state().epoch_since == base::from_unix(kStart + 5));
}

TEST_CASE("requests that are counted for five minutes and never logged are told, and T goes on") {
    Desk desk;
    std::int64_t requests = 100;
    const auto look = [&] {
        desk.clock.advance(30s);
        desk.intake().take(desk.poll());
        desk.count(requests += 7);
    };
    desk.intake().take(desk.poll_of(sync::Kind::consume));
    desk.logged.take();
    for (int i = 0; i < 11; ++i) look();  // the first one says nothing yet
    CHECK_FALSE(desk.state().no_rows);
    // A top-up is a row, and yet no request.
    desk.intake().take(desk.poll_of(sync::Kind::other));
    for (int i = 0; i < 40; ++i) look();
    CHECK(desk.state().no_rows);
    CHECK(desk.state().phase == Phase::ok);
    CHECK(desk.intake().horizon() == desk.clock.now());
    auto lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "LOG_SQL_DSN"));
    CHECK(contains(lines[0], "LogConsumeEnabled"));
    desk.intake().take(desk.poll_of(sync::Kind::consume));
    CHECK_FALSE(desk.state().no_rows);
    lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "logged again"));
}

TEST_CASE(
    "an idle gateway, a late count, one that may not be read and an outage are no missing rows") {
    Desk desk;
    desk.intake().take(desk.poll_of(sync::Kind::consume));
    const auto wait = [&](std::optional<std::int64_t> requests, int looks) {
        for (int i = 0; i < looks; ++i) {
            desk.clock.advance(30s);
            desk.intake().take(desk.poll());
            desk.count(requests);
        }
    };
    wait(100, 20);
    wait(101, 20);  // the gateway writes its counts some seconds after the rows
    CHECK_FALSE(desk.state().no_rows);
    wait(std::nullopt, 20);
    wait(200, 2);
    CHECK_FALSE(desk.state().no_rows);
    for (std::int64_t i = 0; i < 30; ++i) {
        desk.clock.advance(30s);
        desk.intake().take(SourceTrouble{Kind::unreachable, "away"});
        desk.count(300 + i);
    }
    CHECK_FALSE(desk.state().no_rows);
}

TEST_CASE("rows with an unreadable `other` are counted, and told at most once an hour") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.logged.take();
    for (int i = 0; i < 120; ++i) {
        auto broken = desk.poll_of(sync::Kind::consume);
        broken.broken_others = 2;
        desk.intake().take(broken);
        desk.clock.advance(1min);
    }
    CHECK(desk.state().broken_others == 240);
    const auto lines = desk.logged.take();
    REQUIRE(lines.size() == 2);
    CHECK(contains(lines[0], "2 rows since the start"));
    CHECK(contains(lines[1], "122 rows since the start"));
}

TEST_CASE("a server that takes no writes is told when it begins and when it ends") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.logged.take();
    for (int i = 0; i < 5; ++i) desk.count(1, true);
    CHECK(desk.state().read_only);
    CHECK(desk.logged.take().size() == 1);
    for (int i = 0; i < 5; ++i) desk.count(1, false);
    CHECK_FALSE(desk.state().read_only);
    CHECK(desk.logged.take().size() == 1);
}

TEST_CASE(
    "rows of the first catch-up count as seen when they were made, later ones when they came") {
    Desk desk;
    desk.intake().expect_backfill();
    auto first = desk.poll_of(sync::Kind::consume);
    first.batch.entries[0].created_at = kStart - 5000;
    first.drained = false;
    auto rows = desk.intake().take(first);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].seen_at == kStart - 5000);
    auto last = desk.poll_of(sync::Kind::consume);
    last.batch.entries[0].created_at = kStart - 4000;
    rows = desk.intake().take(last);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].seen_at == kStart - 4000);
    auto late = desk.poll_of(sync::Kind::consume);
    late.batch.entries[0].created_at = kStart - 300;
    rows = desk.intake().take(late);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].seen_at == kStart);
}

TEST_CASE("the gateway's clock is told by the newest rows of several polls, late ones aside") {
    Desk desk;
    const auto poll_with = [&](std::int64_t ahead) {
        desk.clock.advance(1s);
        auto poll = desk.poll_of(sync::Kind::consume);
        poll.batch.entries[0].created_at += ahead;
        desk.intake().take(poll);
    };
    for (int i = 0; i < 9; ++i) poll_with(45);
    CHECK_FALSE(desk.state().clock_ahead.has_value());  // the first poll may have been a backlog
    poll_with(45);
    CHECK(desk.state().clock_ahead == 45);
    poll_with(-3000);  // one transaction that took long
    CHECK(desk.state().clock_ahead == 45);
    for (int i = 0; i < 9; ++i) poll_with(-1);
    CHECK(desk.state().clock_ahead == -1);
}

TEST_CASE("what rules need and the account may not read is told once, and when it may again") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.logged.take();
    sync::GatewayInfo info;
    info.troubles["tokens"] = "no grant";
    info.limits["users"] = "the gateway has over 100000 users: the others are not watched";
    for (int i = 0; i < 3; ++i) desk.intake().take(info);
    auto lines = desk.logged.take();
    REQUIRE(lines.size() == 2);
    CHECK(contains(lines[1], "over 100000 users"));
    CHECK(desk.state().kind_troubles.size() == 1);
    CHECK(contains(lines[0],
                   "tokens cannot be read, rules that need them are not evaluated: no grant"));
    info.troubles.clear();
    for (int i = 0; i < 3; ++i) desk.intake().take(info);
    lines = desk.logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(contains(lines[0], "tokens can be read again"));
}

TEST_CASE(
    "an account that may read no channels makes rules blind at once, a short outage does not") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.intake().take(InfoTrouble{Kind::unreachable, "gone away"});
    CHECK_FALSE(desk.intake().is_blind());
    desk.intake().take(InfoTrouble{Kind::denied, "no grant"});
    CHECK(desk.intake().is_blind());
    CHECK(desk.state().kind_troubles == std::map<std::string, std::string>{
                                            {kChannelsKind, "no grant"}, {kNamesKind, "no grant"}});
    desk.intake().take(sync::GatewayInfo{});
    CHECK_FALSE(desk.intake().is_blind());
    CHECK(desk.state().kind_troubles.empty());
}

TEST_CASE("objects that were read stand for five minutes, and T alone says what an outage does") {
    Desk desk;
    desk.intake().take(desk.poll());
    desk.intake().take(sync::GatewayInfo{});
    for (const auto kind : {Kind::denied, Kind::unreachable}) {
        desk.intake().take(sync::GatewayInfo{});
        desk.clock.advance(Intake::kInfoLasts - 1s);
        desk.intake().take(InfoTrouble{kind, "no answer"});
        CHECK_FALSE(desk.intake().is_blind());
        desk.clock.advance(1s);
        desk.intake().take(InfoTrouble{kind, "no answer"});
        CHECK(desk.intake().is_blind());
    }
    desk.intake().take(SourceTrouble{Kind::unreachable, "gone away"});
    desk.intake().take(InfoTrouble{Kind::unreachable, "gone away"});
    CHECK_FALSE(desk.intake().is_blind());
}
