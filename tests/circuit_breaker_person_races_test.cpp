// What a gateway writes, statement by statement as it does, between any two of ours.

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker_trip_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

constexpr int kEnd = 99;  // after our last statement
/// How each look at the tables of routing, and at those of keys, begins.
constexpr auto* kLook = "SELECT peer.`group`";
constexpr auto* kKeyLook = "SELECT `id`, `name`, `status` FROM `tokens`";

/// A connection of the gateway itself. Its statements are autocommitted and may wait for our locks,
/// so they run beside us, one after the other.
class GatewaysOwn {
public:
    explicit GatewaysOwn(TestGateway& gateway) : gateway_(gateway), watch_(gateway.session()) {}
    ~GatewaysOwn() {
        if (running_.valid()) running_.wait();
    }

    /// Returns when it is done, or waits for a lock.
    void run(const std::string& sql) {
        ++unfinished_;
        running_ =
            std::async(std::launch::async, [this, sql, last = std::move(running_)]() mutable {
                if (last.valid()) last.get();
                if (!session_) session_ = gateway_.session();
                session_->execute(sql);
                --unfinished_;
            });
        while (running_.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready) {
            if (!waits_for_lock()) continue;
            queued_ = unfinished_ == 1;
            return;
        }
        queued_ = false;
    }
    /// All are done, or the last one waits in the queue of a lock, before whoever asks later.
    bool settled() const { return unfinished_ == 0 || queued_; }
    /// Waits for all of them; the first error is thrown.
    void finish() {
        if (running_.valid()) running_.get();
    }

private:
    bool waits_for_lock() {
        return watch_->query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")[0][1] !=
               "0";
    }
    TestGateway& gateway_;
    std::unique_ptr<sync::GatewaySession> watch_;
    std::unique_ptr<sync::GatewaySession> session_;
    std::atomic<int> unfinished_{0};
    bool queued_ = false;
    std::future<void> running_;
};

/// Two statements that the gateway runs one after the other, each autocommitted.
struct Doing {
    std::string name;
    std::string first;
    std::string second;
    bool starts_off = false;  // the channel is disabled before
};

/// What a gateway does to channel 2. The whole row is saved as it was read before our trip.
std::vector<Doing> doings() {
    const auto save = [](int status) {
        return fmt::format(
            "UPDATE channels SET status = {}, other_info = '{{\"status_reason\":\"theirs\"}}', "
            "models = 'gpt-4o,o1', name = 'saved' WHERE id = 2",
            status);
    };
    const auto abilities = [](int enabled) {
        return fmt::format("UPDATE abilities SET enabled = {} WHERE channel_id = 2", enabled);
    };
    const auto status = [](int to) {
        return fmt::format("UPDATE channels SET status = {} WHERE id = 2", to);
    };
    return {{"disable, as New API does since 2025-07", save(2), abilities(0)},
            {"disable, as One API does", abilities(0), status(3)},
            {"save an edit form that was opened before", save(1), abilities(1)},
            {"enable, as New API does since 2025-07", save(1), abilities(1), true},
            {"enable, as One API does", abilities(1), status(1), true},
            {"delete, abilities first", "DELETE FROM abilities WHERE channel_id = 2",
             "DELETE FROM channels WHERE id = 2"},
            {"delete, channel first", "DELETE FROM channels WHERE id = 2",
             "DELETE FROM abilities WHERE channel_id = 2"}};
}

/// One trip during which `doing` happens: its first statement before our statement number `first`,
/// its second before number `second`.
class Interleaving {
public:
    Interleaving(TestGateway& gateway, const TripRequest& request)
        : gateway_(gateway), request_(request), session_(gateway.session()) {}

    TripResult run(const Doing& doing, int first, int second) {
        GatewaysOwn theirs{gateway_};
        statements_ = 0;
        all_in_time_ = false;
        session_.before = [&](const std::string& sql) {
            ++statements_;
            if (statements_ == first) theirs.run(doing.first);
            if (statements_ == second) theirs.run(doing.second);
            if (sql.starts_with(kLook) || sql.starts_with(kKeyLook))
                all_in_time_ = statements_ >= second && theirs.settled();
        };
        auto result = circuit_breaker::trip(session_, gateway_.database(), request_, {}, kNow);
        session_.before = nullptr;
        if (first > statements_) theirs.run(doing.first);
        if (second > statements_) theirs.run(doing.second);
        theirs.finish();
        return result;
    }
    /// Of our trip, with those that it repeated.
    int statements() const { return statements_; }
    /// Whether the gateway's last statement was at work, or waited for a lock of ours, before our
    /// last look at what it writes.
    bool all_in_time() const { return all_in_time_; }

private:
    TestGateway& gateway_;
    const TripRequest& request_;
    AccidentSession session_;
    int statements_ = 0;
    bool all_in_time_ = false;
};

std::string end_of(TestGateway& gateway) {
    const auto channel =
        gateway.sql("SELECT status, models, other_info FROM channels WHERE id = 2");
    if (channel.empty()) {
        return gateway.value("SELECT count(*) FROM abilities WHERE channel_id = 2") == "0"
                   ? "gone"
                   : "half gone";
    }
    const auto enabled = [&](const char* model) {
        return gateway.value(
            fmt::format("SELECT count(*) FROM abilities WHERE channel_id = 2 AND "
                        "enabled = 1 AND model = '{}'",
                        model));
    };
    return fmt::format("status {} models {} gpt-4o {} o1 {} mark {}", channel[0][0], channel[0][1],
                       enabled("gpt-4o"), enabled("o1"), trip_mark(channel[0][2]).value_or("none"));
}

constexpr auto* kOn = "status 1 models gpt-4o,o1 gpt-4o 2 o1 2 mark none";
constexpr auto* kOursOff = "status 3 models gpt-4o,o1 gpt-4o 0 o1 0 mark t1";
constexpr auto* kTheirsOff2 = "status 2 models gpt-4o,o1 gpt-4o 0 o1 0 mark none";
constexpr auto* kTheirsOff3 = "status 3 models gpt-4o,o1 gpt-4o 0 o1 0 mark none";
/// The gateway's second statement came after our last look: it enabled what its first had not seen
/// tripped. Nobody can hinder that; the proof after a trip tells it.
constexpr auto* kEnabledLate = "status 3 models gpt-4o,o1 gpt-4o 2 o1 2 mark t1";
constexpr auto* kModelOff = "status 1 models o1 gpt-4o 0 o1 2 mark none";

/// A server scans a small table where it goes by the index of channels in a large one, and then
/// takes other locks: here are as many rows as a gateway has.
void add_other_channels(TestGateway& gateway) {
    std::string rows;
    for (int channel = 11; channel <= 40; ++channel) {
        for (int model = 1; model <= 20; ++model) {
            rows +=
                fmt::format("{}('other', 'm{}', {}, 1)", rows.empty() ? "" : ", ", model, channel);
        }
    }
    gateway.sql("INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES" + rows +
                "; ANALYZE TABLE abilities");
}

void reset(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels WHERE id = 2; DELETE FROM abilities WHERE channel_id = 2");
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o", "o1"});
}

using Judge = std::function<void(const TripResult&, const std::string& end, bool in_time)>;

/// Every doing at every pair of places.
void for_each_interleaving(const TripRequest& request, const std::vector<Doing>& all,
                           const Judge& judge) {
    const auto gateway = std::make_unique<TestGateway>(Engine::mariadb, "newapi_2026");
    gateway->add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    reset(*gateway);
    add_other_channels(*gateway);
    Interleaving one{*gateway, request};
    one.run({"nothing", "DO 0", "DO 0"}, kEnd, kEnd);
    const int ours = one.statements();
    REQUIRE(ours > 8);
    for (const auto& doing : all) {
        CAPTURE(doing.name);
        for (int first = 1; first <= ours + 1; ++first) {
            for (int second = first; second <= ours + 1; ++second) {
                CAPTURE(first);
                CAPTURE(second);
                reset(*gateway);
                if (doing.starts_off) {
                    gateway->sql(
                        "UPDATE channels SET status = 2 WHERE id = 2; "
                        "UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
                }
                const auto result = one.run(doing, first, second);
                const auto end = end_of(*gateway);
                CAPTURE(result.why);
                CAPTURE(end);
                judge(result, end, one.all_in_time());
            }
        }
    }
}

bool is_one_of(const std::string& text, const std::vector<std::string>& all) {
    return std::ranges::find(all, text) != all.end();
}

}  // namespace

TEST_CASE(
    "whatever a person does to a channel during its trip, both tables agree and the result is "
    "true") {
    int tripped = 0;
    for_each_interleaving(
        live(2), doings(), [&](const TripResult& result, const std::string& end, bool in_time) {
            const bool whole = is_one_of(end, {kOn, kOursOff, kTheirsOff2, kTheirsOff3, "gone"});
            CHECK((whole || (!in_time && end == kEnabledLate)));
            CHECK(is_one_of(std::string{kind_name(result.kind)},
                            {"tripped", "already_off", "lost_race", "refused"}));
            if (in_time && result.kind == Kind::tripped) CHECK(end == kOursOff);
            if (end == kOursOff) CHECK(kind_name(result.kind) == "tripped");
            if (result.kind == Kind::tripped) ++tripped;
        });
    CHECK(tripped > 10);
}

TEST_CASE("whatever a person does to a channel while one model of it is tripped") {
    int tripped = 0;
    for_each_interleaving(live_model(2, "gpt-4o"), doings(),
                          [&](const TripResult& result, const std::string& end, bool in_time) {
                              CAPTURE(kind_name(result.kind));
                              // A gateway that disables or enables all abilities does not touch the
                              // list; one that saves the row as it was, with the list, is a
                              // person's doing.
                              const bool whole =
                                  is_one_of(end, {kOn, kModelOff, kTheirsOff2, kTheirsOff3, "gone",
                                                  "status 3 models o1 gpt-4o 0 o1 0 mark none"});
                              CHECK((whole || !in_time));
                              CHECK(is_one_of(std::string{kind_name(result.kind)},
                                              {"tripped", "already_off", "lost_race", "refused"}));
                              if (end == kModelOff) CHECK(kind_name(result.kind) == "tripped");
                              if (in_time && result.kind == Kind::tripped) CHECK(end != kOn);
                              if (result.kind == Kind::tripped) ++tripped;
                          });
    CHECK(tripped > 10);
}

TEST_CASE("whatever becomes of a key during its trip, the result is true") {
    const auto set = [](const char* what) {
        return fmt::format("UPDATE tokens SET {} WHERE id = 17", what);
    };
    const std::vector<Doing> all = {
        {"disable", set("status = 2"), "DO 0"},
        {"disable and enable", set("status = 2"), set("status = 1")},
        {"use up", set("remain_quota = 0"), set("status = 4")},
        {"spend", set("used_quota = used_quota + 1"), set("accessed_time = 5")},
        {"delete", set("deleted_at = '2026-01-05 00:00:00'"), "DO 0"}};
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    const auto request = live_token(17);
    Interleaving one{gateway, request};
    for (const auto& doing : all) {
        CAPTURE(doing.name);
        for (int first = 1; first <= 9; ++first) {
            for (int second = first; second <= 9; ++second) {
                CAPTURE(first);
                CAPTURE(second);
                gateway.sql("DELETE FROM tokens");
                gateway.add_token(17, 4, "ci");
                const auto result = one.run(doing, first, second);
                const auto end = gateway.sql("SELECT status, deleted_at IS NULL FROM tokens")[0];
                CAPTURE(result.why);
                if (!one.all_in_time()) continue;
                const auto kind = std::string{kind_name(result.kind)};
                if (kind == "tripped") {
                    CHECK(end == Texts{"2", "1"});
                } else if (kind == "already_off" || kind == "lost_race") {
                    CHECK(doing.name != "spend");
                } else {
                    CHECK(kind == "refused");
                    CHECK(end[1] == "0");
                }
            }
        }
    }
}
