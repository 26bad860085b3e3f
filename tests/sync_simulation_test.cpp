// A mirror of a simulated gateway to which everything happens that happens to real ones, by many
// seeds: what it holds at the end is what the gateway had, row for row.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/fake_clock.h"
#include "support/mirroring.h"
#include "support/rollup_check.h"
#include "support/simulated_source.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;
constexpr std::int64_t kHour = 3600;
constexpr int kPollsOfTurn = 50;
constexpr int kLastRows = 16;

struct Stored {
    sync::Fingerprint values;
    std::int64_t latency_ms;
    bool operator==(const Stored&) const = default;
};
Stored stored(const SimulatedRow& row) {
    return {row.values, row.use_time * 1000};
}

/// A life of a gateway and of the mirror beside it.
class Life {
public:
    Life(std::uint64_t seed, bool stepped)
        : random_(seed), habits_(habits(stepped)), gateway_(clock_, seed, habits_) {
        options_.batch = pick<std::size_t>({7, 60, 5000});
        options_.gap_timeout = base::Seconds{pick<int>({10, 60})};
        rows_per_second_ = pick<double>({0.05, 0.5, 3});
        if (chance(0.5)) gateway_.write(200);
        start();
    }

    void live(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            clock_.advance(base::Seconds{1});
            write();
            accident();
            if (!resets_.pending) change();
            if (up_at_ <= now()) turn();
        }
    }

    /// A quiet day, longer than the longest audit: a row an hour, and what commits late.
    void let_settle() {
        gateway_.calm();
        gateway_.lag(0);
        gateway_.set_down(false);
        if (!mirroring_) start();
        for (int i = 0; i < 600; ++i) step(1);
        for (int hour = 0; hour < 26; ++hour) {
            gateway_.write(1);
            for (int minute = 0; minute < 60; ++minute) step(60);
        }
        REQUIRE(gateway_.quiet());
    }

    void check() {
        mirroring_->store_all();
        CHECK(std::none_of(mirroring_->reached().gaps.begin(), mirroring_->reached().gaps.end(),
                           [](const sync::Gap& gap) { return gap.open(); }));
        CHECK(!resets_.pending);
        CHECK(mirroring_->reached().epoch == resets_.noticed);
        const auto rows = read_rows();
        CHECK(mirroring_->store().rows() == static_cast<std::int64_t>(rows.size()));
        check_source(rows);
        check_strangers(rows);
        check_no_row_twice(rows);
        CHECK(rollup_differences(mirroring_->file()) == "");
    }

private:
    using Rows = std::map<std::int64_t, Stored>;  // by row id

    std::int64_t now() const { return base::unix_seconds(clock_.now()); }
    bool chance(double share) { return std::bernoulli_distribution{share}(random_); }
    std::int64_t whole(std::int64_t least, std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>{least, most}(random_);
    }
    template <class T>
    T pick(std::initializer_list<T> list) {
        return list.begin()[whole(0, static_cast<std::int64_t>(list.size()) - 1)];
    }

    SimulatedHabits habits(bool stepped) {
        SimulatedHabits habits;
        habits.id_step = stepped ? pick<std::int64_t>({3, 7}) : 1;
        habits.cluster = stepped && chance(0.5);
        habits.rolled_back = pick<double>({0, 0.05, 0.3});
        habits.faults = pick<double>({0, 0.01, 0.1});
        // Where ids step, holes mean nothing, and only the last gap_timeout is read again.
        if (stepped) habits.minutes_late = habits.hours_late = 0;
        return habits;
    }

    void start() {
        mirroring_.emplace(folder_.file("store.db"), gateway_, options_, clock_);
        polls_since_reset_ = 0;
        was_plain_ = false;
        seconds_of_run_ = 0;
    }

    void write() {
        if (now() / 600 % 3 == 2) return;  // quiet times
        auto count = std::poisson_distribution<int>{rows_per_second_}(random_);
        if (chance(0.002)) count += 300;
        gateway_.write(count);
    }

    /// To the reader.
    void accident() {
        // A lag is a late commit of everything.
        if (chance(0.001)) gateway_.lag(whole(1, habits_.id_step > 1 ? 4 : 60));
        if (chance(0.02)) gateway_.lag(0);
        if (chance(0.002)) gateway_.set_down(true);
        if (chance(0.05)) gateway_.set_down(false);
        if (mirroring_ && chance(0.003)) kill();
    }

    /// Of the table; not while a reset is still to be noticed, which it could hide.
    void change() {
        if (chance(0.002)) gateway_.skip_ids(pick<std::int64_t>({10, 1'000'000}) * habits_.id_step);
        if (chance(0.001)) gateway_.prune(now() - whole(10, 3000));
        if (habits_.id_step == 1 && chance(0.0003)) gateway_.prune(now() + 1);
        if (chance(0.002)) gateway_.dump();
        if (chance(0.001)) reset();
    }

    /// What was read and not yet stored is lost, as by kill -9.
    void kill() {
        mirroring_.reset();
        up_at_ = now() + pick<std::int64_t>({0, 5, 60, 600, 3 * kHour});
        const auto stored = firsts_.empty() ? 0 : firsts_.rbegin()->first;
        if (stored < resets_.noticed) resets_ = {stored, true};
    }

    void reset() {
        if (mirroring_) {
            mirroring_->store_all();
            note_stored();
        }
        // Some of the new rows must fall where old ones were: a table whose rows all lie above the
        // cursor is told by nothing.
        const bool room = cursor_ > gateway_.dumped_up_to() + 50 * habits_.id_step;
        switch (whole(0, 4)) {
            case 0:
                if (!room) return;
                gateway_.truncate();
                break;
            case 1:  // the new rows have passed the cursor before anybody looks
                if (!room || cursor_ > 5000) return;
                gateway_.truncate();
                gateway_.write(static_cast<int>(cursor_) + 50);
                break;
            case 2:
                if (!room || gateway_.dumped_up_to() == 0) return;
                gateway_.restore();
                break;
            case 3:
                if (!room) return;
                gateway_.replace(whole(0, 50) * habits_.id_step + 1,
                                 static_cast<int>(whole(0, 2000)));
                break;
            default:
                gateway_.replace(cursor_ + whole(1, 5000) * habits_.id_step,
                                 static_cast<int>(whole(0, 200)));
                break;
        }
        resets_.pending = cursor_ >= gateway_.own_since();
        polls_since_reset_ = 0;
    }

    void step(std::int64_t seconds) {
        clock_.advance(base::Seconds{seconds});
        turn();
    }

    void turn() {
        if (!mirroring_) start();
        int polls = 0;
        while (look() && ++polls < kPollsOfTurn) {
        }
    }

    /// One poll; true when the next is due at once.
    bool look() {
        const auto before = gateway_.work();
        const auto from = mirroring_->reached();
        bool more = false;
        try {
            const auto poll = mirroring_->poll();
            const bool plain = !poll.suspect && !poll.behind;
            // After a start the last rows are read again for a while.
            if (plain && poll.drained && std::exchange(polled_at_, now()) != now())
                ++seconds_of_run_;
            const bool settled = seconds_of_run_ > options_.gap_timeout.count() + 10;
            if (plain && was_plain_ && settled && habits_.id_step == 1)
                check_work(before, from, poll);
            was_plain_ = plain;
            more = !poll.drained;
            watch_for_reset(poll);
        } catch (const sync::GatewayError&) {
            polls_since_reset_ = 0;
        }
        for (const auto ahead = whole(0, 2); std::cmp_greater(mirroring_->waiting(), ahead);)
            mirroring_->store_one();
        if (chance(0.1)) mirroring_->keep_up();
        note_stored();
        return more;
    }

    /// What a life goes on from after a kill.
    void note_stored() {
        const auto& position = mirroring_->store().position();
        cursor_ = position.cursor;
        firsts_[position.epoch] = position.first;
    }

    /// Budget P8: an idle poll is one statement; N new rows cost N and the row at the cursor, and a
    /// look at each gap.
    void check_work(const SimulatedGateway::Work& before, const sync::Position& from,
                    const sync::Poll& poll) {
        const auto& after = gateway_.work();
        const auto news = static_cast<std::int64_t>(poll.batch.entries.size());
        const auto asked = sync::gaps_to_ask(from.gaps, now(), 200).size();
        const auto statements =
            static_cast<std::int64_t>(1 + (asked + 199) / 200) + (from.anchor ? 0 : 1);
        CHECK(after.statements - before.statements <= statements);
        CHECK(after.rows - before.rows <= news + 1);
        CHECK(after.ranges - before.ranges <= static_cast<std::int64_t>(asked));
    }

    /// Two polls after a row of the new table can be read, its epoch has begun; no epoch begins
    /// otherwise.
    void watch_for_reset(const sync::Poll& poll) {
        const auto epoch = poll.batch.position.epoch;
        if (resets_.pending && epoch == resets_.noticed + 1) {
            resets_ = {epoch, false};
            return;
        }
        REQUIRE(epoch == resets_.noticed);
        if (!resets_.pending || !shows_new_row()) {
            polls_since_reset_ = 0;
            return;
        }
        ++polls_since_reset_;
        REQUIRE(polls_since_reset_ < 2);
    }

    /// What tells one table from the other: among the last rows up to the cursor there is one whose
    /// id the mirror has from the former table.
    bool shows_new_row() {
        const auto rows = gateway_.visible();
        auto row = std::make_reverse_iterator(rows.upper_bound(cursor_));
        for (int i = 0; i < kLastRows && row != rows.rend(); ++i, ++row) {
            if (row->first < gateway_.own_since()) return false;
            if (mirroring_->mirror().find(row->first)) return true;
        }
        return false;
    }

    Rows read_rows() {
        Rows rows;
        SQLite::Statement log{mirroring_->file(),
                              "SELECT id, created_at, user, token, channel, quota, prompt_tokens, "
                              "completion_tokens, latency_ms FROM log"};
        while (log.executeStep()) {
            const auto number = [&](int column) { return log.getColumn(column).getInt64(); };
            rows[number(0)] = {
                {number(1), number(2), number(3), number(4), number(5), number(6), number(7)},
                number(8)};
        }
        return rows;
    }

    /// The row that an id has now: of the newest epoch that reaches down to it.
    const Stored* view(const Rows& rows, std::int64_t id) const {
        for (auto epoch = firsts_.rbegin(); epoch != firsts_.rend(); ++epoch) {
            if (epoch->second > id) continue;
            const auto found = rows.find(sync::row_id(epoch->first, id));
            return found == rows.end() ? nullptr : &found->second;
        }
        return nullptr;
    }

    void check_source(const Rows& rows) {
        const auto source = gateway_.visible();
        std::size_t missing = 0;
        for (const auto& [id, row] : source) {
            const auto* const ours = view(rows, id);
            if (ours != nullptr && *ours == stored(row)) continue;
            // What came late to a table and was in its dump is not asked for any more when that
            // dump is restored.
            if (id < gateway_.own_since() && row.visible_at > row.values.created_at + 2) continue;
            ++missing;
            MESSAGE(fmt::format("id {} ({}): created {}, committed {} s later", id,
                                ours == nullptr ? "missing" : "differs", row.values.created_at,
                                row.visible_at - row.values.created_at));
        }
        CHECK(missing == 0);
        if (!source.empty()) CHECK(mirroring_->reached().cursor == source.rbegin()->first);
    }

    /// Of the ids that only the present table has, nothing is held that it never had.
    void check_strangers(const Rows& rows) {
        const auto source = gateway_.visible();
        std::size_t strangers = 0;
        for (const auto& [key, values] : rows) {
            const auto id = sync::gateway_id(key);
            if (id < gateway_.own_since() || view(rows, id) != &values) continue;
            const auto here = source.find(id);
            const auto gone = gateway_.deleted().find(id);
            const bool had = (here != source.end() && stored(here->second) == values) ||
                             (gone != gateway_.deleted().end() && stored(gone->second) == values);
            if (!had) ++strangers;
        }
        CHECK(strangers == 0);
    }

    void check_no_row_twice(const Rows& rows) {
        std::map<std::int64_t, std::vector<Stored>> by_id;
        for (const auto& [key, values] : rows) by_id[sync::gateway_id(key)].push_back(values);
        std::size_t twice = 0;
        for (const auto& [id, list] : by_id) {
            for (std::size_t i = 1; i < list.size(); ++i)
                twice += static_cast<std::size_t>(std::count(
                    list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]));
        }
        CHECK(twice == 0);
    }

    struct Resets {
        std::int64_t noticed = 0;
        bool pending = false;
    };

    TempDir folder_;
    FakeClock clock_{kStart};
    std::mt19937_64 random_;
    SimulatedHabits habits_;
    SimulatedGateway gateway_;
    sync::FollowOptions options_;
    double rows_per_second_;
    std::optional<Mirroring> mirroring_;
    std::int64_t up_at_ = 0;
    std::int64_t polled_at_ = 0;
    std::int64_t seconds_of_run_ = 0;  // with a poll that left nothing behind
    Resets resets_;
    int polls_since_reset_ = 0;
    bool was_plain_ = false;   // the last poll found no reason to compare tables
    std::int64_t cursor_ = 0;  // stored
    std::map<std::int64_t, std::int64_t> firsts_{};  // of each stored epoch, its first id
};

/// A seed that failed is run alone with QUOTAFUSE_SEED=N.
void live_many_lives(std::uint64_t seeds, bool stepped) {
    const char* const only = std::getenv("QUOTAFUSE_SEED");
    const std::uint64_t first = only != nullptr ? std::stoull(only) : 1;
    const std::uint64_t last = only != nullptr ? first : seeds;
    for (auto seed = first; seed <= last; ++seed) {
        INFO("seed ", seed);
        Life life{seed, stepped};
        life.live(4000);
        life.let_settle();
        life.check();
    }
}

}  // namespace

TEST_CASE("whatever happens to a gateway and its mirror, they are equal at the end") {
    live_many_lives(20, false);
}

TEST_CASE("so they are where ids come in steps") {
    live_many_lives(6, true);
}
