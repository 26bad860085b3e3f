#include "bench/idle.h"

#include <array>
#include <iostream>
#include <thread>

#include <fmt/format.h>

#include "bench/daemon.h"
#include "bench/process.h"

namespace quotafuse::bench {
namespace {

constexpr int kRules = 100;
/// The windows of the last rows before the idle time empty meanwhile, so there is something to do.
constexpr std::chrono::seconds kSettle{10};

std::string rules() {
    constexpr std::array kMetrics{"tokens", "cost", "error_rate", "requests", "latency_p95"};
    constexpr std::array kGroups{"[channel]", "[token]", "[model]", "[user]"};
    constexpr std::array kWindows{"5m", "15m", "1h", "24h", "7d"};
    std::string text = "rules:\n";
    for (std::size_t i = 0; i < kRules; ++i) {
        text += fmt::format("  - {{name: rule-{}, metric: {}, by: {}, window: {}, above: {}}}\n", i,
                            kMetrics[i % 5], kGroups[i / 5 % 4], kWindows[i / 20],
                            kMetrics[i % 5] == std::string_view{"error_rate"} ? 99 : 1'000'000'000);
    }
    return text;
}

}  // namespace

void measure_idle(const Gateway& gateway, std::chrono::seconds length, Budgets& budgets) {
    const Daemon daemon{gateway, rules(), ""};
    std::this_thread::sleep_for(kSettle);
    const auto start = std::chrono::steady_clock::now();
    const auto used = processor_time(daemon.pid());
    std::this_thread::sleep_for(length);
    const std::chrono::duration<double> spent = processor_time(daemon.pid()) - used;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    const auto share = 100 * spent.count() / passed.count();
    const auto resident = static_cast<double>(resident_kib(daemon.pid())) / 1024;
    std::cout << fmt::format(
        "P10 idle with {} rules: {:.2f} % of a core over {:.0f} s (budget: at most 0.5 %)\n"
        "P4  idle with {} rules: {:.1f} MiB resident (budget: 32 MiB)\n",
        kRules, share, passed.count(), kRules, resident);
    budgets.judge("P10", share <= 0.5);
    budgets.judge("P4", resident <= 32);
}

}  // namespace quotafuse::bench
