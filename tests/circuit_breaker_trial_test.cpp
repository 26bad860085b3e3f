// Half-open: little traffic first, and back to the channel's own rank or off again.

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "circuit_breaker/kept_ranks.h"
#include "circuit_breaker/trial_rank.h"
#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

RankedAbility serving(std::int64_t channel, const std::string& model, Rank rank, bool on = true) {
    return {.ability = {.group = "default",
                        .model = model,
                        .channel = channel,
                        .enabled = true,
                        .channel_on = on},
            .rank = rank};
}

std::string rank_of(TestGateway& gateway, std::int64_t channel) {
    const auto row =
        gateway.sql(fmt::format("SELECT priority, weight FROM channels WHERE id = {}", channel));
    return row[0][0] + "/" + row[0][1];
}

std::set<std::string> ability_ranks(TestGateway& gateway, std::int64_t channel) {
    std::set<std::string> ranks;
    for (const auto& row :
         gateway.sql(fmt::format("SELECT priority, {} FROM abilities WHERE channel_id = {}",
                                 gateway.new_api() ? "weight" : "0", channel))) {
        ranks.insert(row[0] + "/" + row[1]);
    }
    return ranks;
}

void retry(TestGateway& gateway, const std::string& times) {
    gateway.sql("INSERT INTO options VALUES('RetryTimes', '" + times + "')");
}

/// A channel's share of first attempts, as the gateway draws it.
double share(std::int64_t channel, const std::vector<RankedAbility>& pairs,
             const std::string& model, Cache cache) {
    std::vector<RankedAbility> served;
    std::ranges::copy_if(pairs, std::back_inserter(served), [&](const RankedAbility& one) {
        return one.ability.model == model && one.ability.serves();
    });
    std::int64_t top = std::numeric_limits<std::int64_t>::min();
    for (const auto& one : served) top = std::max(top, one.rank.priority);
    std::erase_if(served, [top](const RankedAbility& one) { return one.rank.priority != top; });
    double sum = 0;
    double own = 0;
    double weights = 0;
    for (const auto& one : served) weights += static_cast<double>(one.rank.weight);
    for (const auto& one : served) {
        auto drawn = static_cast<double>(one.rank.weight);
        if (cache == Cache::off) drawn += 10;
        if (cache == Cache::on && weights == 0) drawn = 1;
        sum += drawn;
        if (one.ability.channel == channel) own = drawn;
    }
    return sum == 0 ? 0 : own / sum;
}

}  // namespace

TEST_CASE("where the gateway retries, a trial gets what others failed at") {
    const std::vector<RankedAbility> pairs = {serving(1, "m", {5, 9}), serving(2, "m", {8, 0}),
                                              serving(3, "m", {2, 0})};
    CHECK(trial_rank(1, {5, 9}, pairs, 2) == Rank{1, 9});
    // One retry would never come down to the lowest: the next below the highest it is.
    CHECK(trial_rank(1, {9, 9}, pairs, 1) == Rank{7, 9});
    CHECK(trial_rank(1, {5, 9}, pairs, 1) == Rank{5, 9});
    CHECK(trial_rank(1, {-4, 9}, pairs, 2) == Rank{-4, 9});  // it is the lowest already
}

TEST_CASE("where the gateway does not retry, a trial gets a small share beside its peers") {
    const std::vector<RankedAbility> weighted = {serving(1, "m", {9, 50}),
                                                 serving(2, "m", {8, 20})};
    for (const auto& retries : {std::optional<std::int64_t>{0}, std::optional<std::int64_t>{}}) {
        CHECK(trial_rank(1, {9, 50}, weighted, retries) == Rank{8, 1});
        // 1 beside peers of weight 0 would get everything where the gateway's cache is on.
        CHECK(trial_rank(1, {9, 50}, {serving(2, "m", {8, 0})}, retries) == Rank{8, 0});
        // The priority of the pair whose highest is lowest: above it, it would get all of that.
        CHECK(trial_rank(1, {9, 50}, {serving(2, "a", {8, 3}), serving(2, "b", {4, 3})}, retries) ==
              Rank{4, 1});
        CHECK(trial_rank(1, {1, 50}, weighted, retries).priority == 1);  // never more than before
    }
}

TEST_CASE("a channel without peers that serve keeps its rank") {
    const std::vector<RankedAbility> pairs = {serving(1, "m", {5, 9}), serving(1, "n", {5, 9}),
                                              serving(2, "m", {8, 0}, false)};
    CHECK(trial_rank(1, {5, 9}, pairs, 3) == Rank{5, 9});
    CHECK(trial_rank(1, {5, 9}, pairs, 0) == Rank{5, 9});
    CHECK(trial_rank(1, {5, 9}, {}, {}) == Rank{5, 9});
}

TEST_CASE("whatever the peers' ranks, a trial takes no first attempt, or a fair share at most") {
    std::mt19937 random{20261122};
    const auto below = [&](int n) { return std::uniform_int_distribution{0, n - 1}(random); };
    int compared = 0;
    for (int round = 0; round < 4000; ++round) {
        std::vector<RankedAbility> pairs;
        const std::vector<std::string> models = {"a", "b", "c"};
        const Rank own{below(6) - 2, below(4) * 7};
        for (const auto& model : models) {
            if (below(5) > 0) pairs.push_back(serving(1, model, own));
            for (const std::int64_t peer : {2, 3, 4, 5}) {
                if (below(2) == 0) continue;
                const Rank rank{below(6) - 2, below(2) * below(30)};
                pairs.push_back(serving(peer, model, rank, below(4) > 0));
            }
        }
        // Only the channel's own pairs are asked for.
        std::erase_if(pairs, [&](const RankedAbility& one) {
            return std::ranges::none_of(pairs, [&](const RankedAbility& mine) {
                return mine.ability.channel == 1 && mine.ability.model == one.ability.model;
            });
        });
        const int retries = below(4);
        CAPTURE(round);
        CAPTURE(retries);
        const auto rank = trial_rank(1, own, pairs, retries);
        CHECK(rank.priority <= own.priority);
        CHECK(rank.weight <= own.weight);
        auto tried = pairs;
        for (auto& one : tried) {
            if (one.ability.channel == 1) one.rank = rank;
        }
        for (const auto& model : models) {
            std::vector<Rank> peers;
            for (const auto& one : pairs) {
                const bool counts =
                    one.ability.model == model && one.ability.channel != 1 && one.ability.serves();
                if (counts) peers.push_back(one.rank);
            }
            if (peers.empty()) continue;
            const auto top = std::ranges::max(peers, {}, &Rank::priority).priority;
            // Beside peers with weights, those without get next to nothing and are none.
            const auto with_weight = std::ranges::count_if(
                peers, [top](const Rank& r) { return r.priority == top && r.weight > 0; });
            const auto at_top = std::ranges::count(peers, top, &Rank::priority);
            const auto others = static_cast<double>(with_weight > 0 ? with_weight : at_top);
            for (const auto cache : {Cache::off, Cache::on}) {
                const auto got = share(1, tried, model, cache);
                CHECK(got <= (retries >= 1 ? 0 : 1 / (others + 1) + 1e-9));
                ++compared;
            }
        }
    }
    CHECK(compared > 10'000);
}

TEST_CASE("kept ranks come back from their text as they were") {
    const KeptRanks kept{.channel = {.priority = std::nullopt, .weight = 7},
                         .abilities = {{"默认", "m,\"x", {.priority = -3, .weight = {}}}},
                         .trial = {-1, 2}};
    CHECK(read_kept(to_text(kept)) == kept);
    for (const auto* text : {"", "null", "[]", "{}", R"({"priority":"x"})"})
        CHECK_FALSE(read_kept(text).has_value());
}

TEST_CASE("a trial is on at the lowest rank, and settles into what was before the trip") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        retry(*gateway, "2");
        set_rank(*gateway, 1, 4, 0);
        set_rank(*gateway, 2, 9, kNull);
        gateway->sql(
            "UPDATE abilities SET priority = NULL WHERE channel_id = 2 AND `group` = "
            "'vip'");
        const auto before = everything(*gateway);
        const auto circuit = tripped(*gateway, 2, "t1");
        const auto result = give_back(*gateway, circuit, Way::trial);
        CHECK(kind(result) == "done");
        CHECK(status_of(*gateway, 2) == "1");
        CHECK(rank_of(*gateway, 2).starts_with("3/"));
        CHECK(ability_ranks(*gateway, 2) == std::set<std::string>{"3/0"});
        for (const auto cache : {Cache::off, Cache::on})
            CHECK(gateway->candidates(cache, "vip", "gpt-4o") == std::set<std::int64_t>{1, 2});
        if (gateway->new_api()) {
            const auto info = Json::parse(info_of(*gateway, 2));
            CHECK(info["status_reason"] == "[quotafuse] on trial: tokens 2,400,000 in 1h");
            CHECK(info["quotafuse"]["trip"] == "t1");
            CHECK(info["quotafuse"]["trial"] == true);
            CHECK(info["quotafuse"]["kept"] == Json::parse(result.kept));
        }
        const auto settled = give_back(*gateway, on_trial(circuit, result), Way::settle);
        CHECK(kind(settled) == "done");
        CHECK(everything(*gateway) == before);
        CHECK(kind(give_back(*gateway, on_trial(circuit, result), Way::settle, true)) == "done");
    }
}

TEST_CASE("One API's first retry asks the highest priority again: two make a trial of retries") {
    for (const auto& [times, priority] :
         std::map<std::string, std::string>{{"1", "4"}, {"2", "3"}}) {
        TestGateway gateway{Engine::sqlite, "oneapi"};
        add_two_channels(gateway);
        retry(gateway, times);
        set_rank(gateway, 1, 4, 0);
        set_rank(gateway, 2, 9, 0);
        put_on_trial(gateway, 2, "t1");
        CHECK(rank_of(gateway, 2) == priority + "/0");
    }
}

TEST_CASE("a trial that is given back whole, or goes off again, leaves no trace of its rank") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        retry(*gateway, "3");
        set_rank(*gateway, 2, 9, 5);
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2 AND `group` = 'vip'");
        const auto before = everything(*gateway);
        CHECK(kind(give_back(*gateway, put_on_trial(*gateway, 2, "t1"), Way::whole)) == "done");
        CHECK(everything(*gateway) == before);

        const auto circuit = tripped(*gateway, 2, "t2");
        const auto off = everything(*gateway);
        const auto trial = on_trial(circuit, give_back(*gateway, circuit, Way::trial));
        const auto again = give_back(*gateway, trial, Way::again);
        CHECK(kind(again) == "done");
        CHECK(again.status_written == 3);
        CHECK(status_of(*gateway, 2) == "3");
        CHECK(rank_of(*gateway, 2) == "9/5");
        CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1});
        if (gateway->new_api()) {
            const auto mark = read_mark(info_of(*gateway, 2));
            REQUIRE(mark);
            CHECK(mark->trip == "t2");
            CHECK_FALSE(mark->trial);
            CHECK(mark->off == decltype(mark->off){{"vip", "gpt-4o"}});
        } else {
            CHECK(everything(*gateway) == off);
        }
        CHECK(kind(give_back(*gateway, trial, Way::again, true)) == "done");  // a repeat
        CHECK(kind(give_back(*gateway, circuit, Way::whole)) == "done");
        CHECK(everything(*gateway) == before);
    }
}

TEST_CASE("a model that was switched off during a trial stays off when the trial ends") {
    for (const auto& gateway : tests::every_gateway()) {
        for (const bool failed : {false, true}) {
            CAPTURE(gateway->describe());
            CAPTURE(failed);
            gateway->sql("DELETE FROM channels");
            gateway->sql("DELETE FROM abilities");
            gateway->add_channel(2, {"default"}, {"a", "o1"});
            const auto before = everything(*gateway);
            const auto circuit = tripped(*gateway, 2, "t1");
            const auto trial = on_trial(circuit, give_back(*gateway, circuit, Way::trial));
            const auto model = tripped_model(*gateway, 2, "o1", "a");
            if (failed) CHECK(kind(give_back(*gateway, trial, Way::again)) == "done");
            // One API has no mark to keep it in: there the image from before the trip decides.
            if (failed && !gateway->new_api()) continue;
            CHECK(kind(give_back(*gateway, failed ? circuit : trial, Way::whole)) == "done");
            CHECK(gateway->candidates(Cache::off, "default", "o1").empty());
            CHECK(kind(give_back(*gateway, model, Way::whole)) == "done");
            CHECK(everything(*gateway) == before);
        }
    }
}

TEST_CASE("off again is status 2 where the gateway enables by itself") {
    const auto gateway = new_api(Engine::sqlite);
    const auto trial = put_on_trial(*gateway, 2, "t1");
    gateway->sql("INSERT INTO options VALUES('AutomaticEnableChannelEnabled', 'true')");
    CHECK(give_back(*gateway, trial, Way::again).status_written == 2);
    CHECK(status_of(*gateway, 2) == "2");
    gateway->sql("UPDATE options SET value = 'false'");
    const auto repeat = give_back(*gateway, trial, Way::again, true);
    CHECK(kind(repeat) == "done");
    CHECK(repeat.status_written == 2);
}

TEST_CASE("a trial that the gateway itself disabled is still ours") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        set_rank(*gateway, 2, 9, 5);
        const auto before = everything(*gateway);
        const auto disable = [&] {
            gateway->sql("UPDATE channels SET status = 3 WHERE id = 2");
            gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
        };
        auto trial = put_on_trial(*gateway, 2, "t1");
        disable();
        const auto settle = give_back(*gateway, trial, Way::settle);
        CHECK(kind(settle) == "refused");
        CHECK(settle.cause.kind == TripCause::Kind::was_off);
        CHECK(kind(give_back(*gateway, trial, Way::whole)) == "done");
        CHECK(everything(*gateway) == before);

        trial = put_on_trial(*gateway, 2, "t2");
        disable();
        // It is off: nobody loses a channel by what we write.
        const Guard guard{.served = {{"default", "gpt-4o", 5}}, .firing = {1}};
        CHECK(kind(give_back(*gateway, trial, Way::again, false, guard)) == "done");
        CHECK(rank_of(*gateway, 2) == "9/5");
    }
}

TEST_CASE("between the gateway's two statements a trial is not given back") {
    const auto gateway = new_api();
    const auto trial = put_on_trial(*gateway, 2, "t1");
    gateway->sql("UPDATE channels SET status = 3 WHERE id = 2");  // its abilities come next
    const auto before = everything(*gateway);
    const auto result = give_back(*gateway, trial, Way::whole);
    CHECK(kind(result) == "refused");
    CHECK(result.cause.kind == TripCause::Kind::kept_changing);
    CHECK(result.try_again);
    CHECK(everything(*gateway) == before);
}

TEST_CASE("a trial that somebody changed is theirs, and is not touched") {
    struct Scene {
        std::string sql;
        Change change;
        bool new_api_only = false;
    };
    const std::vector<Scene> scenes = {
        {"UPDATE channels SET status = 2 WHERE id = 2", Change::disabled_by_hand},
        {"DELETE FROM channels WHERE id = 2", Change::deleted},
        {"UPDATE channels SET priority = 77 WHERE id = 2", Change::altered},
        {"UPDATE channels SET weight = 77 WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = '{}' WHERE id = 2", Change::altered, true},
        {"UPDATE channels SET other_info = '{\"quotafuse\":{\"trip\":\"t1\"}}' WHERE id = 2",
         Change::altered, true},
    };
    for (const auto& gateway : tests::every_gateway()) {
        add_two_channels(*gateway);
        for (const auto& [sql, change, new_api_only] : scenes) {
            if (new_api_only && !gateway->new_api()) continue;
            CAPTURE(gateway->describe());
            CAPTURE(sql);
            const auto trial = put_on_trial(*gateway, 2, "t1");
            gateway->sql(sql);
            const auto before = everything(*gateway);
            for (const auto way : {Way::whole, Way::settle, Way::again}) {
                const auto result = give_back(*gateway, trial, way);
                CHECK(kind(result) == "theirs");
                CHECK(result.change == change);
            }
            CHECK(everything(*gateway) == before);
            gateway->sql("DELETE FROM channels WHERE id = 2");
            gateway->sql("DELETE FROM abilities WHERE channel_id = 2");
            gateway->add_channel(2, {"default", "vip"}, {"gpt-4o"});
        }
    }
}

TEST_CASE("a trial that is repeated after a crash has its ranks from the mark") {
    for (const auto* schema : {"newapi_2025", "newapi_2026"}) {
        for (const bool disabled : {false, true}) {  // by the gateway, before we came back
            TestGateway gateway{Engine::mariadb, schema};
            add_two_channels(gateway);
            set_rank(gateway, 2, 9, 5);
            const auto before = everything(gateway);
            const auto circuit = tripped(gateway, 2, "t1");
            const auto first = give_back(gateway, circuit, Way::trial);
            if (disabled) {
                gateway.sql("UPDATE channels SET status = 3 WHERE id = 2");
                gateway.sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
            }
            const auto after = everything(gateway);
            const auto repeat = give_back(gateway, circuit, Way::trial, true);
            CHECK(kind(repeat) == "done");
            CHECK(Json::parse(repeat.kept) == Json::parse(first.kept));
            CHECK(everything(gateway) == after);
            CHECK(kind(give_back(gateway, on_trial(circuit, repeat), Way::whole)) == "done");
            CHECK(everything(gateway) == before);
        }
    }
}

TEST_CASE("a trial does not go off where it is all that is left, and stays on trial") {
    for (const auto& gateway : tests::every_gateway()) {
        CAPTURE(gateway->describe());
        add_two_channels(*gateway);
        const auto trial = put_on_trial(*gateway, 1, "t1");
        const auto before = everything(*gateway);
        const auto refused = give_back(*gateway, trial, Way::again, false, o1_has_traffic());
        CHECK(kind(refused) == "refused");
        CHECK(refused.cause.kind == TripCause::Kind::again_dark);
        CHECK(refused.cause.pairs == std::vector<UsedPair>{{"default/o1", 1234}});
        // A channel under an alert is no replacement.
        const Guard firing{.served = {{"vip", "gpt-4o", 1}}, .firing = {2}};
        CHECK(kind(give_back(*gateway, trial, Way::again, false, firing)) == "refused");
        CHECK(everything(*gateway) == before);

        // The other one goes off between our look and our commit.
        AccidentSession session{gateway->session()};
        session.after_commit = [&] { gateway->sql("UPDATE channels SET status = 2 WHERE id = 2"); };
        const Guard guard{.served = {{"vip", "gpt-4o", 1}}};
        const auto undone =
            give_back(session, *gateway, {.circuit = trial, .way = Way::again}, guard);
        CHECK(kind(undone) == "refused");
        CHECK(undone.cause.kind == TripCause::Kind::again_dark);
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        CHECK(everything(*gateway) == before);
        CHECK(kind(give_back(*gateway, trial, Way::again, false, guard)) == "done");
    }
}
