#include "daemon/demo/scenario.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace quotafuse::demo {
namespace {

using std::chrono::seconds;

constexpr double kOrdinary = 10;  // events per second

// The acts. A rule needs twenty attempts within its minute before it judges an error rate.
constexpr seconds kFailureBegins{15};
constexpr seconds kLeakBegins{25};
constexpr seconds kLabFails{75};
constexpr seconds kLeakEnds{180};
constexpr seconds kAllEnds{300};

constexpr std::array kChapters{
    Chapter{seconds{0}, "An ordinary day: about ten requests a second over twelve channels."},
    Chapter{
        kFailureBegins,
        "azure-eu-1 (channel 3) begins to fail: nine in ten attempts get 429 or 503. "
        "Watch for channel-error-rate; once the channel is disabled its traffic goes elsewhere."},
    Chapter{kLeakBegins,
            "The key ci-pipeline has leaked: somebody burns tokens on claude-aws (channel 6). "
            "Watch for channel-token-burn. Disabled there, the key moves on to claude-direct, the "
            "last channel for its models: that one is left alone, and the notice says why."},
    Chapter{kLabFails,
            "ollama-lab (channel 12) goes down. It is the only channel for llama3.3-70b, so the "
            "breaker refuses to take it away and tells people instead."},
    Chapter{kLeakEnds, "The owner of ci-pipeline has withdrawn the key."},
    Chapter{kAllEnds,
            "All suppliers are well again. Disabled channels stay so until a person enables them."},
};

}  // namespace

Scene scene_at(seconds since_start) {
    Scene scene{.events_per_second = kOrdinary};
    const auto between = [&](seconds from, seconds until) {
        return since_start >= from && since_start < until;
    };
    if (between(kFailureBegins, kAllEnds)) {
        // Two ways to fail, 0.9 of the attempts in all.
        scene.troubles.push_back({kFailingChannel, 0.7, kOverloaded});
        scene.troubles.push_back({kFailingChannel, 0.67, kUnavailable});
    }
    if (between(kLeakBegins, kLeakEnds)) {
        scene.leaked_per_second = 5;
        scene.leaked_size = 16;
    }
    if (between(kLabFails, kAllEnds))
        scene.troubles.push_back({kLonelyChannel, 0.95, kConnectionRefused});
    return scene;
}

std::span<const Chapter> chapters() {
    return kChapters;
}

std::vector<LogInsert> Stage::play(const Scene& scene, std::int64_t at,
                                   std::chrono::milliseconds length) {
    std::vector<LogInsert> rows;
    const auto add = [&](std::vector<LogInsert> more) {
        std::move(more.begin(), more.end(), std::back_inserter(rows));
    };
    const auto passed = static_cast<double>(length.count()) / 1000;
    generator_.set_troubles(scene.troubles);
    events_due_ += scene.events_per_second * passed;
    leaked_due_ += scene.leaked_per_second * passed;
    for (; events_due_ >= 1; --events_due_) add(generator_.event(at));
    for (; leaked_due_ >= 1; --leaked_due_) {
        add(generator_.request(at, kLeakedToken, kLeakedModel, scene.leaked_size));
    }
    return rows;
}

}  // namespace quotafuse::demo
