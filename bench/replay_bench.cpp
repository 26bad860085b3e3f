#include "bench/replay_bench.h"

#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alerts/replay.h"
#include "alerts/state_store.h"
#include "base/database.h"
#include "bench/process.h"
#include "bench/traffic.h"
#include "sync/history.h"
#include "sync/store.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

using namespace std::chrono_literals;
using alerts::Dimension;
using alerts::Metric;

constexpr int kWindows = 20;
constexpr int kRulesOfWindow = 5;

/// In a process of its own, so that its memory is not counted.
void fill_apart(const std::string& path, std::size_t rows) {
    std::cout << std::flush;  // not once more by the child
    const auto child = ::fork();
    if (child == 0) {
        try {
            base::Database database{path, {sync::Store::schema(), alerts::schema()}};
            database.set_durable(false);
            sync::Store store{database};
            fill(store, rows);
            ::_exit(0);
        } catch (const std::exception& e) {
            std::cerr << "quotafuse-bench: " << e.what() << '\n';
            ::_exit(1);
        }
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) {
        throw std::runtime_error("the store could not be filled");
    }
}

std::vector<alerts::Rule> make_rules() {
    const std::array<std::chrono::seconds, 10> lengths{1min, 5min, 10min, 30min, 1h,
                                                       3h,   6h,   24h,   72h,   168h};
    const std::array<std::pair<Metric, std::vector<Dimension>>, 7> kinds{{
        {Metric::tokens, {Dimension::token}},
        {Metric::requests, {Dimension::channel}},
        {Metric::error_rate, {Dimension::channel}},
        {Metric::cost, {Dimension::user}},
        {Metric::latency_p95, {Dimension::channel}},
        {Metric::tokens, {Dimension::model}},
        {Metric::requests, {}},
    }};
    std::vector<alerts::Rule> rules;
    for (int i = 0; i < kWindows * kRulesOfWindow; ++i) {
        const auto window = static_cast<std::size_t>(i % kWindows);
        const auto& [metric, by] = kinds[window % kinds.size()];
        const auto length = lengths[window / 2];
        alerts::Rule rule;
        rule.name = fmt::format("rule-{}", i);
        rule.metric = metric;
        rule.by = by;
        rule.window = alerts::Frame::rolling(length);
        // One in five is near enough to its limit to fire for some keys.
        const auto busy = static_cast<double>(length.count()) * (i < kWindows ? 400 : 1e7);
        rule.limit = rule.clear = alerts::is_ratio(metric) ? 50 : busy;
        rule.min_requests = alerts::is_ratio(metric) ? 20 : 0;
        rules.push_back(std::move(rule));
    }
    return rules;
}

}  // namespace

void measure_replay(const ReplayOptions& options, Budgets& budgets) {
    const tests::TempDir folder;
    const auto path = options.store.empty() ? folder.file("replay.db") : options.store;
    if (!std::filesystem::exists(path)) fill_apart(path, options.rows);
    sync::History history{path};
    const auto range = history.range();
    if (!range) throw std::runtime_error(path + " has no rows");
    alerts::ReplayOptions span;
    span.until = range->second;
    span.from = span.until - std::chrono::seconds{kHistory};
    const auto began = std::chrono::steady_clock::now();
    const auto cpu = processor_time(getpid());
    const auto result = alerts::replay(make_rules(), history, span);
    const auto seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const auto resident = static_cast<double>(most_resident_kib(getpid())) / 1024;
    budgets.judge("P9", seconds <= 10 && resident <= 512);
    std::cout << fmt::format(
        "P9  replay of {} rows over {:.1f} d, 100 rules on 20 windows up to 7 d: {:.1f} s (budget: "
        "10 "
        "s), {:.1f} s of CPU, at most {:.0f} MiB resident (budget: 512 MiB); {} episodes\n",
        result.rows, static_cast<double>((result.until - result.from).count()) / 86'400, seconds,
        static_cast<double>((processor_time(getpid()) - cpu).count()) / 1000, resident,
        result.episodes.size());
}

}  // namespace quotafuse::bench
