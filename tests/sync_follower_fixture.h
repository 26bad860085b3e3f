#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "sync/follower.h"
#include "sync_store_fixture.h"

namespace quotafuse::tests {

/// A `logs` table in which a test puts each row where and when it wants it to be seen. For what a
/// gateway does by itself there is SimulatedGateway.
class FakeTable final : public sync::LogSource {
public:
    struct Content {
        std::int64_t created_at;
        std::string other;
    };

    void put(std::int64_t id, std::int64_t created_at, std::string other = "") {
        rows[id] = {created_at, std::move(other)};
    }
    /// Those with first, first + step, … ≤ last.
    void put_all(std::int64_t first, std::int64_t last, std::int64_t step,
                 std::int64_t created_at) {
        for (auto id = first; id <= last; id += step) put(id, created_at);
    }

    const sync::Dialect& dialect() override { return dialect_; }

    std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                      const Visit& visit) override {
        if (down) throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "down");
        std::size_t count = 0;
        for (auto at = rows.lower_bound(first);
             at != rows.end() && at->first <= last && count < limit; ++at, ++count)
            hand_over(at->first, at->second, visit);
        return count;
    }
    std::size_t fetch_gaps(std::span<const sync::Gap> gaps, std::size_t limit,
                           const Visit& visit) override {
        std::size_t count = 0;
        for (const auto& gap : gaps) {
            if (count < limit) count += fetch(gap.first, gap.last, limit - count, visit);
        }
        return count;
    }
    std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) override {
        std::size_t count = 0;
        for (auto at = std::make_reverse_iterator(rows.upper_bound(last));
             at != rows.rend() && count < limit; ++at, ++count)
            hand_over(at->first, at->second, visit);
        return count;
    }
    std::int64_t last_id() override { return rows.empty() ? 0 : rows.rbegin()->first; }
    bool steps_ids() override { return cluster; }
    void interrupt() noexcept override {}

    std::map<std::int64_t, Content> rows;  // by id
    bool cluster = false;                  // the server says that it steps its ids
    bool down = false;
    std::optional<std::int64_t> cut_before;  // the row at which every read breaks off
    std::int64_t handed_over = 0;            // rows
    std::int64_t last_handed_over = 0;       // the id of the last of them

private:
    static sync::Dialect new_api() {
        std::set<std::string> columns;
        for (std::size_t i = 0; i < sync::kColumns; ++i) {
            const auto column = static_cast<sync::Column>(i);
            if (column != sync::Column::elapsed_time)
                columns.insert(std::string{column_name(column)});
        }
        return sync::Dialect::detect(columns);
    }

    void hand_over(std::int64_t id, const Content& content, const Visit& visit) {
        using sync::Column;
        if (cut_before == id)
            throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "cut");
        sync::RawRow raw;
        const auto number = [&](Column column, std::int64_t value) {
            raw.numbers[static_cast<std::size_t>(column)] = value;
        };
        number(Column::id, id);
        number(Column::created_at, content.created_at);
        number(Column::type, 2);
        number(Column::user_id, 1);
        number(Column::channel_id, 1);
        number(Column::token_id, 1);
        number(Column::quota, id);
        number(Column::prompt_tokens, 5);
        number(Column::completion_tokens, 5);
        raw.texts[static_cast<std::size_t>(Column::other) - raw.numbers.size()] = content.other;
        ++handed_over;
        last_handed_over = id;
        visit(raw);
    }

    sync::Dialect dialect_ = new_api();
};

/// A table, and a daemon's follower and store beside it, which store what they read at once.
class FollowedTable {
public:
    static constexpr std::int64_t kStart = 1'767'000'000;

    /// Begins a run; the first, or the next after the one before was stopped.
    void start() {
        stop();
        const auto path = folder_.file("store.db");
        file_.emplace(path, keep);
        mirror_ = sync::make_mirror(path);
        follower_.emplace(table, *mirror_, store().position(), options, clock);
    }
    void stop() {
        follower_.reset();
        mirror_.reset();
        file_.reset();
    }

    /// One look at the table; the comparison that a suspect one calls for included.
    sync::Poll poll() {
        auto poll = store_next();
        if (poll.suspect) poll = store_next();
        REQUIRE_FALSE(poll.suspect);
        return poll;
    }
    /// A poll a second; they fail while the table is down.
    void follow(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            clock.advance(base::Seconds{1});
            if (table.down)
                CHECK_THROWS_AS(poll(), sync::GatewayError);
            else
                poll();
        }
    }
    void keep_up() {
        while (store().keep_up(clock.now()).more) {
        }
    }

    std::int64_t now() const { return base::unix_seconds(clock.now()); }
    bool has(std::int64_t id) { return mirror_->find(id).has_value(); }
    sync::Store& store() { return file_->store; }
    sync::Mirror& mirror() { return *mirror_; }
    /// Of all rows that ever came, those deleted since included.
    std::int64_t answers() {
        return number(file_->database.handle(), "SELECT sum(answers) FROM hour_group");
    }

    FakeTable table;
    FakeClock clock{kStart};
    sync::FollowOptions options;     // of the next start
    sync::Keep keep;                 // of the next start
    std::int64_t broken_others = 0;  // as told by all polls

private:
    sync::Poll store_next() {
        auto poll = follower_->next();
        store().append(poll.batch, clock.now());
        broken_others += poll.broken_others;
        return poll;
    }

    TempDir folder_;
    std::optional<StoreFile> file_;
    std::unique_ptr<sync::Mirror> mirror_;
    std::optional<sync::Follower> follower_;
};

}  // namespace quotafuse::tests
