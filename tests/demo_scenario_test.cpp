#include <algorithm>
#include <stdexcept>

#include <doctest/doctest.h>

#include "base/yaml.h"
#include "daemon/demo/demo.h"
#include "daemon/demo/scenario.h"

using namespace quotafuse;
using namespace quotafuse::demo;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;

/// The `above` of one of the demo's rules.
double limit_of(const std::string& rule) {
    base::yaml::Diagnostics diagnostics;
    const auto rules = base::yaml::parse("rules.yaml", demo_rules_yaml(), diagnostics);
    for (const auto& node : rules.value().root.find("rules")->items) {
        if (node.find("name")->text == rule) return std::stod(node.find("above")->text);
    }
    throw std::invalid_argument("no rule " + rule);
}

const double kErrorRate = limit_of("channel-error-rate");
const double kUsdIn10m = limit_of("key-spend");
const auto kTokensIn5m = static_cast<std::int64_t>(limit_of("channel-token-burn"));

/// What the demo's rules see in the rows of the story, by second since its start.
class Watch {
public:
    explicit Watch(std::uint64_t seed)
        : generator_(seed, Flavour::new_api_2026, DemoGateway::of_story()), stage_(generator_) {}

    void play(seconds from, seconds until) {
        for (auto t = from; t < until; t += seconds{1}) {
            for (auto& row : stage_.play(scene_at(t), kNow + t.count(), seconds{1}))
                rows_.push_back(std::move(row));
        }
    }
    void set_routes(Routes routes) { generator_.set_routes(std::move(routes)); }

    struct Rate {
        int attempts = 0;
        int errors = 0;
        double percent() const { return attempts == 0 ? 0 : 100.0 * errors / attempts; }
    };
    /// Errors of a channel in the minute up to t. Those that are the client's doing count in
    /// neither.
    Rate rate(std::int64_t channel, seconds t) const {
        Rate rate;
        each(t, 60, [&](const LogInsert& row) {
            const bool error = row.type == log_type::kErrorOrTest;
            if (row.channel_id != channel || row.token_id == 0 ||
                (!error && row.type != log_type::kConsume))
                return;
            if (error && row.content->starts_with("status_code=4") &&
                !row.content->starts_with("status_code=429"))
                return;
            ++rate.attempts;
            rate.errors += error;
        });
        return rate;
    }
    std::int64_t tokens(std::int64_t channel, seconds t) const {
        std::int64_t sum = 0;
        each(t, 300, [&](const LogInsert& row) {
            if (row.channel_id == channel && row.type == log_type::kConsume)
                sum += *row.prompt_tokens + *row.completion_tokens;
        });
        return sum;
    }
    double usd(std::string_view token, seconds t) const {
        std::int64_t quota = 0;
        each(t, 600, [&](const LogInsert& row) {
            if (row.token_name == token && row.type == log_type::kConsume) quota += *row.quota;
        });
        return static_cast<double>(quota) / 500'000;
    }
    int rows_of(std::int64_t channel, seconds t) const { return rate(channel, t).attempts; }

private:
    /// The rows of the window that ends at t. They are in order of time.
    template <class Visit>
    void each(seconds t, std::int64_t window, const Visit& visit) const {
        const auto upto = [&](std::int64_t at) {
            return std::partition_point(rows_.begin(), rows_.end(), [&](const LogInsert& row) {
                return *row.created_at <= at;
            });
        };
        const auto end = kNow + t.count();
        std::for_each(upto(end - window), upto(end), visit);
    }
    RowGenerator generator_;
    Stage stage_;
    std::vector<LogInsert> rows_;
};

DemoGateway without(std::initializer_list<std::int64_t> channels) {
    auto gateway = DemoGateway::of_story();
    for (const auto channel : channels)
        gateway.channels.at(static_cast<std::size_t>(channel - 1)).status = 3;
    return gateway;
}

}  // namespace

TEST_CASE("the history breaks no rule of the demo, at any of its seconds") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        Watch watch{seed};
        watch.play(seconds{-1800}, seconds{15});
        for (auto t = seconds{-1500}; t < seconds{15}; t += seconds{15}) {
            CHECK(watch.usd("prod-web", t) < kUsdIn10m * 2 / 3);
            for (std::int64_t channel = 1; channel <= 12; ++channel) {
                CAPTURE(channel);
                CAPTURE(t.count());
                const auto rate = watch.rate(channel, t);
                CHECK((rate.attempts < 20 || rate.percent() < kErrorRate / 1.5));
                CHECK(watch.tokens(channel, t) < kTokensIn5m * 2 / 3);
            }
        }
    }
}

TEST_CASE("within a minute the failing channel and the leaked key are over the demo's limits") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        Watch watch{seed};
        watch.play(seconds{-300}, seconds{55});
        const auto rate = watch.rate(kFailingChannel, seconds{45});
        CHECK(rate.attempts >= 20);
        CHECK(rate.percent() > kErrorRate);
        CHECK(watch.tokens(kBurningChannel, seconds{40}) > kTokensIn5m);
        CHECK(watch.usd(kLeakedToken, seconds{54}) > kUsdIn10m);
        for (const std::int64_t other : {1, 2, 4, 5, 7, 8, 9, 10, 11, 12}) {
            CAPTURE(other);
            CHECK(watch.tokens(other, seconds{54}) < kTokensIn5m);
            const auto calm = watch.rate(other, seconds{54});
            CHECK((calm.attempts < 20 || calm.percent() < kErrorRate));
        }
    }
}

TEST_CASE("a disabled channel gets nothing more, and the leaked key moves on to the last one") {
    Watch watch{1};
    watch.play(seconds{-300}, seconds{50});
    watch.set_routes(Routes{without({kFailingChannel, kBurningChannel})});
    watch.play(seconds{50}, seconds{150});
    CHECK(watch.rows_of(kFailingChannel, seconds{149}) == 0);
    CHECK(watch.rows_of(kBurningChannel, seconds{149}) == 0);
    CHECK(watch.tokens(5, seconds{149}) > kTokensIn5m);
    CHECK(watch.rate(4, seconds{149}).percent() < 10);
    const auto lab = watch.rate(kLonelyChannel, seconds{149});
    CHECK(lab.attempts >= 20);
    CHECK(lab.percent() > kErrorRate);
}

TEST_CASE("after its last act the story is as quiet as before it") {
    const auto quiet = [](const Scene& scene) {
        return scene.troubles.empty() && scene.leaked_per_second == 0 &&
               scene.events_per_second > 0;
    };
    CHECK(quiet(scene_at(seconds{-1})));
    CHECK(quiet(scene_at(seconds{0})));
    CHECK_FALSE(quiet(scene_at(seconds{30})));
    CHECK(quiet(scene_at(chapters().back().at)));
    CHECK(quiet(scene_at(seconds{100'000})));
    CHECK(std::is_sorted(chapters().begin(), chapters().end(),
                         [](const auto& a, const auto& b) { return a.at < b.at; }));
}

TEST_CASE("short steps of a scene add up to its rate") {
    RowGenerator generator{1, Flavour::new_api_2026, DemoGateway::of_story()};
    Stage stage{generator};
    std::size_t rows = 0;
    for (int i = 0; i < 1000; ++i)
        rows += stage.play({.events_per_second = 2}, kNow, std::chrono::milliseconds{30}).size();
    CHECK(rows >= 59);  // 30 s at 2 a second; a failed attempt adds a row
    CHECK(rows <= 66);
}
