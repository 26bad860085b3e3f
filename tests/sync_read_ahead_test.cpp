#include <atomic>
#include <future>

#include <doctest/doctest.h>

#include "support/fake_clock.h"
#include "support/simulated_source.h"
#include "support/temp_dir.h"
#include "sync/read_ahead.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;

/// A source that the test may watch and break while another thread reads it.
class Watched final : public LogSource {
public:
    explicit Watched(std::unique_ptr<LogSource> source) : source_(std::move(source)) {}

    const Dialect& dialect() override { return source_->dialect(); }
    std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                      const Visit& visit) override {
        if (down) throw GatewayError(GatewayError::Kind::unreachable, "down");
        const auto count = source_->fetch(first, last, limit, visit);
        rows += static_cast<std::int64_t>(count);
        return count;
    }
    std::size_t fetch_gaps(std::span<const Gap> gaps, std::size_t limit,
                           const Visit& visit) override {
        return source_->fetch_gaps(gaps, limit, visit);
    }
    std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) override {
        return source_->fetch_down(last, limit, visit);
    }
    std::int64_t last_id() override { return source_->last_id(); }
    bool steps_ids() override { return source_->steps_ids(); }
    void interrupt() noexcept override { source_->interrupt(); }

    std::atomic<std::int64_t> rows = 0;
    std::atomic<bool> down = false;

private:
    std::unique_ptr<LogSource> source_;
};

/// A gateway with rows, and a store that follows it by a ReadAhead.
class Desk {
public:
    explicit Desk(int rows) : gateway_(clock, 3, {.faults = 0}) {
        gateway_.calm();
        gateway_.write(rows);
        clock.advance(10s);
        source_ = std::make_unique<Watched>(gateway_.connect());
        mirror_ = make_mirror(folder_.file("s.db"));
        database_.set_durable(false);
    }

    ReadAhead begin(std::size_t batch) {
        FollowOptions options;
        options.batch = batch;
        return {*source_, *mirror_, store_.position(), options, clock};
    }
    void store(const Poll& poll) { store_.append(poll.batch, clock.now()); }
    Store& stored() { return store_; }
    Watched& source() { return *source_; }
    /// Only while nobody reads.
    tests::SimulatedGateway& gateway() { return gateway_; }
    tests::FakeClock clock{kStart};

private:
    tests::TempDir folder_;
    base::Database database_{folder_.file("s.db"), {Store::schema()}};
    Store store_{database_};
    tests::SimulatedGateway gateway_;
    std::unique_ptr<Watched> source_;
    std::unique_ptr<Mirror> mirror_;
};

/// So that whatever the reader could still do, it has done.
void let_it_run() {
    std::this_thread::sleep_for(20ms);
}

}  // namespace

TEST_CASE("reading ahead gives every row once and in order, and ends where the source ends") {
    Desk desk{5000};
    auto ahead = desk.begin(100);
    int polls = 0;
    std::int64_t last = 0;
    while (const auto poll = ahead.next()) {
        for (const auto& entry : poll->batch.entries)
            CHECK(entry.id > std::exchange(last, entry.id));
        desk.store(*poll);
        ++polls;
    }
    CHECK(polls == 51);
    CHECK(desk.stored().rows() == 5000);
    CHECK_FALSE(ahead.next().has_value());
}

TEST_CASE("the reader is never more than two polls ahead of the store") {
    Desk desk{5000};
    auto ahead = desk.begin(100);
    for (std::int64_t taken = 0; taken < 20; ++taken) {
        const auto poll = ahead.next();
        REQUIRE(poll.has_value());
        let_it_run();
        // The work so far is that of the poll in hand and of one more; a third waits.
        CHECK(desk.source().rows <= (taken + 2) * 101 + 2);
        CHECK(desk.source().rows >= (taken + 1) * 100);
        desk.store(*poll);
    }
}

TEST_CASE("what the follower threw arrives after the polls before it") {
    Desk desk{1000};
    auto ahead = desk.begin(100);
    const auto first = ahead.next();
    REQUIRE(first.has_value());
    let_it_run();  // the second one has been read by now
    desk.source().down = true;
    desk.store(*first);
    const auto second = ahead.next();
    REQUIRE(second.has_value());
    desk.store(*second);
    CHECK_THROWS_AS(ahead.next(), GatewayError);
    CHECK(desk.stored().rows() == 200);
}

TEST_CASE("after a suspect poll the reader waits until everything before it has been stored") {
    Headroom headroom;
    std::stop_source stop;
    Poll ordinary;
    Poll suspect;
    suspect.suspect = true;
    const auto has_room = [&] {
        auto waiting =
            std::async(std::launch::async, [&] { return headroom.wait(stop.get_token()); });
        const bool at_once = waiting.wait_for(30ms) == std::future_status::ready;
        if (!at_once) stop.request_stop();
        CHECK(waiting.get() == at_once);
        stop = {};
        return at_once;
    };
    CHECK(has_room());
    headroom.read(ordinary);
    CHECK(has_room());
    headroom.read(suspect);
    CHECK_FALSE(has_room());
    headroom.stored();
    CHECK_FALSE(has_room());
    headroom.stored();
    CHECK(has_room());
    headroom.read(ordinary);
    CHECK(has_room());
    headroom.read(ordinary);
    CHECK_FALSE(has_room());
}

TEST_CASE("a truncated table is followed into its new epoch by a reader that runs ahead") {
    Desk desk{1000};
    {
        auto ahead = desk.begin(100);
        while (const auto poll = ahead.next()) desk.store(*poll);
    }
    desk.gateway().truncate();
    desk.gateway().write(2500);
    desk.clock.advance(10s);
    auto ahead = desk.begin(100);
    while (const auto poll = ahead.next()) {
        let_it_run();
        desk.store(*poll);
    }
    CHECK(desk.stored().position().epoch == 1);
    CHECK(desk.stored().rows() == 3500);
}

TEST_CASE("stopping ends a wait for the next poll, and what was read and not stored is forgotten") {
    Desk desk{5000};
    auto ahead = desk.begin(100);
    const auto poll = ahead.next();
    REQUIRE(poll.has_value());
    desk.store(*poll);
    std::jthread stopper{[&] { ahead.stop(); }};
    stopper.join();
    CHECK_FALSE(ahead.next().has_value());
    CHECK(desk.stored().rows() == 100);
}
