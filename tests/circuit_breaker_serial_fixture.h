#pragma once
// Races judged as two hands that take turns: whatever the interleaving, it must end as if one of
// the two had come first, and what we told must be true of it.

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker_races_fixture.h"
#include "circuit_breaker_return_fixture.h"

namespace quotafuse::tests {

/// What our order came to.
struct Told {
    bool done = false;  // it is off, or back, by our hand
    std::string kind;
    std::string why;
};
inline Told told(const TripResult& result) {
    return {result.kind == Kind::tripped, std::string{kind_name(result.kind)}, result.why};
}
inline Told told(const ReturnResult& result) {
    return {result.kind == ReturnResult::Kind::done, kind(result), result.why};
}

struct Race {
    TestGateway& gateway;
    std::function<void()> reset;  // as it stands before, and what our order is about
    std::function<Told(sync::GatewaySession&)> ours;
    std::vector<std::string> looks;      // see Interleaving; none: our last statement is the write
    std::function<std::string()> state;  // all that either hand writes
    std::function<bool()> agrees;        // what it says in several places is the same
    std::function<bool()> is_off = [] { return true; };  // of a trip: what we told as off
    std::function<bool()> serves_no_off = [] {
        return true;
    };  // at least, it is off where it is off
    std::vector<Doing> doings;
    Depth depth = Depth::all;
};

/// The ends of a doing without us, after us and before us.
struct Turns {
    std::string alone;
    std::string after_us;
    std::string before_us;
};

class SerialJudge {
public:
    explicit SerialJudge(const Race& race) : race_(race), one_(race.gateway, race.looks) {}

    void judge_all() {
        race_.reset();
        one_.run({"nothing", {}}, {}, [&](sync::GatewaySession& session) { race_.ours(session); });
        ours_ = one_.statements();
        REQUIRE(ours_ > 4);
        for (const auto& doing : race_.doings) {
            CAPTURE(doing.name);
            const auto turns = take_turns(doing);
            for (const auto& places : all_places(doing.statements.size(), ours_ + 1, race_.depth)) {
                std::string text;
                for (const auto place : places) text += fmt::format("{} ", place);
                CAPTURE(text);
                judge(doing, places, turns);
            }
        }
        CHECK(done_ > 0);
        CHECK(in_time_ > 10);
    }

private:
    Told run(const Doing& doing, const Interleaving::Places& places) {
        start(doing);
        Told result;
        one_.run(doing, places,
                 [&](sync::GatewaySession& session) { result = race_.ours(session); });
        return result;
    }
    void start(const Doing& doing) {
        race_.reset();
        if (!doing.starts_off) return;
        race_.gateway.sql(
            "UPDATE channels SET status = 2 WHERE id = 2; "
            "UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
    }
    Turns take_turns(const Doing& doing) {
        Turns turns;
        start(doing);
        for (const auto& sql : doing.statements) race_.gateway.sql(sql);
        turns.alone = race_.state();
        CHECK(race_.agrees());
        const auto count = doing.statements.size();
        run(doing, Interleaving::Places(count, Interleaving::kEnd));
        turns.after_us = race_.state();
        run(doing, Interleaving::Places(count, 1));
        turns.before_us = race_.state();
        return turns;
    }
    void judge(const Doing& doing, const Interleaving::Places& places, const Turns& turns) {
        const auto result = run(doing, places);
        const auto end = race_.state();
        CAPTURE(result.kind);
        CAPTURE(result.why);
        CAPTURE(end);
        CAPTURE(turns.alone);
        CAPTURE(turns.after_us);
        CAPTURE(turns.before_us);
        if (result.done) ++done_;
        CHECK(result.kind != "unknown");
        // What the gateway writes after our last look nobody can hinder: only the next look at the
        // circuit, or the proof after a trip, tells it.
        if (!race_.looks.empty() && !one_.all_in_time()) return;
        ++in_time_;
        CHECK(race_.serves_no_off());
        if (result.done) CHECK(race_.is_off());
        if (doing.stale && result.done) return;
        CHECK(race_.agrees());
        if (result.done) {
            CHECK((end == turns.after_us || end == turns.before_us));
        } else {
            CHECK(end == turns.alone);
        }
    }

    const Race& race_;
    Interleaving one_;
    int ours_ = 0;
    int done_ = 0;
    int in_time_ = 0;
};

inline void judge(const Race& race) {
    SerialJudge{race}.judge_all();
}

/// Channels 1 and 2 with the models gpt-4o and o1 in two groups, and as many others as a server
/// needs to go by its indexes.
inline void reset_channel(TestGateway& gateway) {
    gateway.sql("DELETE FROM channels WHERE id = 2; DELETE FROM abilities WHERE channel_id = 2");
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o", "o1"});
    gateway.set_rank(2, 9, 5);
}
inline std::unique_ptr<TestGateway> gateway_for_races(const std::string& schema) {
    auto gateway = std::make_unique<TestGateway>(TestGateway::Engine::mariadb, schema);
    gateway->add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    add_other_channels(*gateway);
    return gateway;
}

inline std::string state_of_channel(TestGateway& gateway) {
    const std::string weight = gateway.new_api() ? "weight" : "0";
    const std::string info = gateway.new_api() ? "other_info" : "0";
    std::string text;
    for (const auto& sql :
         {"SELECT name, status, models, priority, weight, " + info + " FROM channels WHERE id = 2",
          "SELECT `group`, model, enabled, priority, " + weight +
              " FROM abilities WHERE channel_id = 2 ORDER BY 1, 2"}) {
        for (const auto& row : gateway.sql(sql)) text += fmt::format("{}; ", fmt::join(row, "|"));
    }
    return text;
}

/// No ability of channel 2 is on though its row in `channels` says that it is off.
inline bool serves_no_off(TestGateway& gateway) {
    const auto wrong = gateway.value(
        "SELECT count(*) FROM abilities a LEFT JOIN channels c ON c.id = a.channel_id WHERE "
        "a.channel_id = 2 AND a.enabled = 1 AND NOT (coalesce(c.status, 0) = 1 AND "
        "find_in_set(a.model, c.models) > 0)");
    return wrong == "0";
}

/// What channel 2 serves by either table; of one model where that is given.
inline bool serves_nothing(TestGateway& gateway, const std::string& model = "") {
    const auto by_rows = gateway.value(fmt::format(
        "SELECT count(*) FROM abilities WHERE channel_id = 2 AND enabled = 1 AND '{0}' IN ('', "
        "model)",
        model));
    const auto by_list = gateway.value(
        fmt::format("SELECT count(*) FROM channels WHERE id = 2 AND status = 1 AND ('{0}' = '' OR "
                    "find_in_set('{0}', models) > 0)",
                    model));
    return by_rows == "0" && by_list == "0";
}

/// Whether each ability of channel 2 is on just when its row in `channels` says so: the gateway
/// routes by the one with its cache off, by the other on.
inline bool tables_agree(TestGateway& gateway) {
    const auto wrong = gateway.value(
        "SELECT count(*) FROM abilities a LEFT JOIN channels c ON c.id = a.channel_id WHERE "
        "a.channel_id = 2 AND a.enabled <> (coalesce(c.status, 0) = 1 AND "
        "find_in_set(a.model, c.models) > 0)");
    return wrong == "0";
}

/// What a gateway does to channel 2. The row that it saves was read before our order, when the
/// channel served `models` and a form showed `status`.
class ChannelDoings {
public:
    ChannelDoings(bool new_api, std::string models, int status = 1)
        : new_api_(new_api), models_(std::move(models)), status_(status) {}

    std::vector<Doing> any() const {
        return {{"disable, the row first", {save(2), set_all(0)}},
                {"disable, the abilities first", {set_all(0), save(3)}},
                {"disable, the status alone last", {set_all(0), set_status(2)}},
                {"delete, abilities first", {kNoAbilities, "DELETE FROM channels WHERE id = 2"}},
                {"delete, channel first", {"DELETE FROM channels WHERE id = 2", kNoAbilities}}};
    }
    /// With a list that all along is what the form shows.
    std::vector<Doing> forms() const {
        const bool stale = status_ != 1;
        return {{"save an edit form", {save(status_), rebuild()}, false, stale},
                {"save an edit form that carries no status", {save(), rebuild()}, false, stale}};
    }
    std::vector<Doing> enable(bool starts_off) const {
        return {{"enable, the row first", {save(1), set_all(1)}, starts_off},
                {"enable, the abilities first", {set_all(1), set_status(1)}, starts_off}};
    }
    /// As One API does it.
    Doing save_in_three_steps() const {
        return {"save an edit form, in three steps", {save(status_), kNoAbilities, rebuild()}};
    }
    /// With another list than the form showed.
    Doing edit(const std::string& models) const {
        const ChannelDoings edited{new_api_, models, status_};
        return {"make the list " + models,
                {edited.save(),
                 "DELETE FROM abilities WHERE channel_id = 2 AND NOT find_in_set(model, '" +
                     models + "')",
                 edited.rebuild()}};
    }

private:
    static constexpr auto* kNoAbilities = "DELETE FROM abilities WHERE channel_id = 2";

    std::string save(int status = 0) const {
        std::string sql = fmt::format("UPDATE channels SET name = 'saved', models = '{}'", models_);
        if (status != 0) sql += fmt::format(", status = {}", status);
        if (status != 0 && new_api_) sql += ", other_info = '{\"status_reason\":\"theirs\"}'";
        return sql + " WHERE id = 2";
    }
    static std::string set_status(int to) {
        return fmt::format("UPDATE channels SET status = {} WHERE id = 2", to);
    }
    static std::string set_all(int enabled) {
        return fmt::format("UPDATE abilities SET enabled = {} WHERE channel_id = 2", enabled);
    }
    /// The rows of the list, by the status that was read.
    std::string rebuild() const {
        std::string rows;
        for (const auto* const group : {"default", "vip"}) {
            for (const auto model : base::split(models_, ',')) {
                rows += fmt::format("{}('{}', '{}', 2, {}, 9)", rows.empty() ? "" : ", ", group,
                                    model, status_ == 1 ? 1 : 0);
            }
        }
        return "INSERT INTO abilities(`group`, model, channel_id, enabled, priority) VALUES" +
               rows + " ON DUPLICATE KEY UPDATE enabled = VALUES(enabled)";
    }
    bool new_api_;
    std::string models_;
    int status_;
};

}  // namespace quotafuse::tests
