#pragma once
// What a gateway writes, statement by statement as it does, between any two of ours.

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/test_gateway.h"

namespace quotafuse::tests {

/// Statements that the gateway runs one after the other, each autocommitted.
struct Doing {
    std::string name;
    std::vector<std::string> statements;
    bool starts_off = false;  // the channel is disabled before
    /// The abilities are made by a status that was read before our order. Where that is a return,
    /// they are off until somebody saves the form again: the gateway's own lost update.
    bool stale = false;
};

/// A connection of the gateway itself. Its statements may wait for our locks, so they run beside
/// us, one after the other.
class GatewaysOwn {
public:
    explicit GatewaysOwn(TestGateway& gateway)
        : watch_(gateway.session()), session_(gateway.session()) {}
    ~GatewaysOwn() {
        if (running_.valid()) running_.wait();
    }

    /// Returns when it is done, or waits for a lock.
    void run(const std::string& sql) {
        ++unfinished_;
        running_ =
            std::async(std::launch::async, [this, sql, last = std::move(running_)]() mutable {
                if (last.valid()) last.get();
                session_->execute(sql);
                --unfinished_;
            });
        while (running_.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready) {
            const bool alone = unfinished_ == 1;  // before that look: else the one before may wait
            if (!waits_for_lock()) continue;
            queued_ = alone;
            return;
        }
        queued_ = false;
    }
    /// All are done, or the last one waits in the queue of a lock, before whoever asks later.
    bool settled() const { return unfinished_ == 0 || queued_; }
    /// Waits for all of them; the first error is thrown.
    void finish() {
        if (running_.valid()) running_.get();
        queued_ = false;
        unfinished_ = 0;
    }

private:
    bool waits_for_lock() {
        return watch_->query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")[0][1] !=
               "0";
    }
    std::unique_ptr<sync::GatewaySession> watch_;
    std::unique_ptr<sync::GatewaySession> session_;
    std::atomic<int> unfinished_{0};
    bool queued_ = false;
    std::future<void> running_;
};

/// One order of ours during which a doing happens: its statement i before our statement number
/// `places[i]`, counted from 1; what has its place behind our last comes after it.
class Interleaving {
public:
    using Places = std::vector<int>;
    using Ours = std::function<void(sync::GatewaySession&)>;

    /// `looks`: how our statements begin that read what the gateway writes.
    Interleaving(TestGateway& gateway, std::vector<std::string> looks)
        : theirs_(gateway), session_(gateway.session()), looks_(std::move(looks)) {}

    void run(const Doing& doing, const Places& places, const Ours& ours) {
        std::size_t begun = 0;
        statements_ = 0;
        all_in_time_ = false;
        const auto catch_up = [&](int place) {
            while (begun < places.size() && places[begun] <= place)
                theirs_.run(doing.statements[begun++]);
        };
        session_.before = [&](const std::string& sql) {
            catch_up(++statements_);
            if (is_look(sql)) all_in_time_ = begun == places.size() && theirs_.settled();
        };
        ours(session_);
        session_.before = nullptr;
        catch_up(kEnd);
        theirs_.finish();
    }
    /// Of our order, with those that it repeated.
    int statements() const { return statements_; }
    /// Whether the gateway's last statement was at work, or waited for a lock of ours, before our
    /// last look at what it writes.
    bool all_in_time() const { return all_in_time_; }

    static constexpr int kEnd = 999;  // after our last statement

private:
    bool is_look(std::string_view sql) const {
        for (const auto& look : looks_) {
            if (sql.starts_with(look)) return true;
        }
        return false;
    }
    GatewaysOwn theirs_;
    AccidentSession session_;
    std::vector<std::string> looks_;
    int statements_ = 0;
    bool all_in_time_ = false;
};

/// Where the statements of a doing fall: at every place; or together, in the middle of our last
/// look (after the commit), or behind all of ours.
enum class Depth { all, edges };

/// Every way to spread `count` statements over `places`, in their order.
inline std::vector<Interleaving::Places> all_places(std::size_t count, int places, Depth depth) {
    std::vector<Interleaving::Places> all{{}};
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<Interleaving::Places> longer;
        for (const auto& one : all) {
            for (int place = one.empty() ? 1 : one.back(); place <= places; ++place) {
                const bool edge =
                    one.empty() || place == one.back() || place == places || place == places - 3;
                if (depth == Depth::edges && !edge) continue;
                longer.push_back(one);
                longer.back().push_back(place);
            }
        }
        all = std::move(longer);
    }
    return all;
}

/// A server scans a small table where it goes by the index of channels in a large one, and then
/// takes other locks: here are as many rows as a gateway has.
inline void add_other_channels(TestGateway& gateway) {
    std::string rows;
    for (int channel = 11; channel <= 40; ++channel) {
        for (int model = 1; model <= 20; ++model) {
            rows += (rows.empty() ? "('other', 'm" : ", ('other', 'm") + std::to_string(model) +
                    "', " + std::to_string(channel) + ", 1)";
        }
    }
    gateway.sql("INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES" + rows +
                "; ANALYZE TABLE abilities");
}

}  // namespace quotafuse::tests
