// The rank of a trial: little traffic first.

#include <algorithm>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "circuit_breaker/kept_ranks.h"
#include "circuit_breaker/trial_rank.h"
#include "support/test_gateway.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using Cache = tests::TestGateway::Cache;

namespace {

RankedAbility serving(std::int64_t channel, const std::string& model, Rank rank, bool on = true) {
    return {.ability = {.group = "default",
                        .model = model,
                        .channel = channel,
                        .enabled = true,
                        .channel_on = on},
            .rank = rank};
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
