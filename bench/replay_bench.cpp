#include "bench/replay_bench.h"

#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <random>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alerts/replay.h"
#include "alerts/state_store.h"
#include "base/database.h"
#include "bench/process.h"
#include "sync/history.h"
#include "sync/store.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

using namespace std::chrono_literals;
using alerts::Dimension;
using alerts::Metric;

constexpr std::int64_t kEnd = 1'790'000'000;  // of the history
constexpr std::int64_t kHistory = 30 * 86'400;
constexpr int kWindows = 20;
constexpr int kRulesOfWindow = 5;
constexpr std::size_t kBatch = 20'000;

/// 1,000 keys, some of which are far busier than others, on 40 channels and 60 models.
sync::LogEntry make_entry(std::mt19937_64& random, std::int64_t created_at) {
    const auto below = [&](unsigned n) { return static_cast<std::int64_t>(random() % n); };
    sync::LogEntry entry;
    entry.created_at = created_at;
    entry.kind = below(25) == 0 ? sync::Kind::error : sync::Kind::consume;
    const auto place = static_cast<double>(below(1'000'000)) / 1e6;
    entry.token = 1 + static_cast<std::int64_t>(place * place * 1000);
    entry.user = 1 + entry.token % 300;
    entry.channel = 1 + below(40);
    entry.username = fmt::format("user-{}", entry.user);
    entry.token_name = fmt::format("key-{}", entry.token);
    entry.model = fmt::format("model-{}", below(60));
    entry.group = below(4) == 0 ? "vip" : "default";
    entry.ip = fmt::format("10.{}.{}.{}", entry.token % 250, below(4), below(200));
    entry.request_id = random();
    if (entry.kind == sync::Kind::error) {
        entry.status = below(3) == 0 ? 429 : 500;
        return entry;
    }
    entry.prompt_tokens = below(4000);
    entry.completion_tokens = below(1500);
    entry.quota = entry.prompt_tokens + 4 * entry.completion_tokens;
    entry.latency_ms = 200 + below(20'000);
    return entry;
}

void fill(const std::string& path, std::size_t rows) {
    base::Database database{path, {sync::Store::schema(), alerts::schema()}};
    database.set_durable(false);
    sync::Store store{database};
    std::mt19937_64 random{1};
    auto position = store.position();
    for (auto done = static_cast<std::size_t>(store.rows()); done < rows;) {
        sync::Batch batch;
        for (; done < rows && batch.entries.size() < kBatch; ++done) {
            const auto part = static_cast<double>(done) / static_cast<double>(rows);
            batch.entries.push_back(
                make_entry(random, kEnd - kHistory + static_cast<std::int64_t>(part * kHistory)));
            batch.entries.back().id = ++position.cursor;
        }
        batch.position = position;
        store.append(batch, base::from_unix(kEnd));
    }
}

/// In a process of its own, so that its memory is not counted.
void fill_apart(const std::string& path, std::size_t rows) {
    std::cout << fmt::format("filling a store with {} rows over 30 d …\n", rows) << std::flush;
    const auto child = ::fork();
    if (child == 0) {
        try {
            fill(path, rows);
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

void measure_replay(const ReplayOptions& options) {
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
    std::cout << fmt::format(
        "P9  replay of {} rows over {:.1f} d, 100 rules on 20 windows up to 7 d: {:.1f} s (budget: "
        "10 "
        "s), {:.1f} s of CPU, at most {:.0f} MiB resident (budget: 512 MiB); {} episodes\n",
        result.rows, static_cast<double>((result.until - result.from).count()) / 86'400, seconds,
        static_cast<double>((processor_time(getpid()) - cpu).count()) / 1000,
        static_cast<double>(most_resident_kib(getpid())) / 1024, result.episodes.size());
}

}  // namespace quotafuse::bench
