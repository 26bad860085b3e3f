#include <algorithm>
#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "bench/engine_site.h"
#include "bench/page_times.h"
#include "bench/pages.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kRowsOfTick = 2000;
constexpr int kTicksBefore = 60;  // until the first rows leave the shortest window
constexpr int kTurns = 4;         // with clients, and as many without

/// Stands where the ticks are.
class TickClock final : public base::Clock {
public:
    explicit TickClock(base::Second at) : at_(base::unix_seconds(at)) {}
    void set(base::Second now) { at_ = base::unix_seconds(now); }
    base::WallTime wall() const override { return base::WallTime{base::Seconds{at_.load()}}; }
    base::MonoTime mono() const override { return Steady::now(); }

private:
    std::atomic<std::int64_t> at_;
};

/// Each asks for any page once a second, at a time of its own, until it is destroyed.
std::vector<std::jthread> clients(daemon::api::Api& api, const std::vector<Page>& pages,
                                  std::map<std::string, Times>& times, int count) {
    std::vector<std::jthread> all;
    for (int client = 0; client < count; ++client) {
        all.emplace_back([&, client, count](const std::stop_token& stop) {
            std::minstd_rand random{static_cast<unsigned>(client + 1)};
            auto next = Steady::now() + 1000ms * client / count;
            for (; !stop.stop_requested(); next += 1s) {
                std::this_thread::sleep_until(next);
                const auto& page = pages[random() % pages.size()];
                ask(api.pages().at(page.path), page, times.at(page.name()));
            }
        });
    }
    return all;
}

/// One tick a second, in milliseconds of CPU.
void tick(Runner& runner, TickClock& clock, int seconds, std::vector<double>& costs) {
    auto next = Steady::now();
    for (int i = 0; i < seconds; ++i) {
        std::this_thread::sleep_until(next += 1s);
        const auto cost = runner.tick(kRowsOfTick);
        costs.push_back(1000 * (cost.all() + cost.journal));
        clock.set(runner.now());
    }
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void report(std::map<std::string, Times>& times, Budgets& budgets) {
    std::cout << fmt::format("{:60} {:>8} {:>8} {:>8} {:>8}\n", "ms, beside ticks", "asked", "p50",
                             "p99", "most");
    for (auto& [name, of] : times) {
        std::cout << fmt::format("{:60} {:8} {:8.2f} {:8.1f} {:8.1f}{}\n", name, of.count(),
                                 of.quantile(0.5), of.quantile(0.99), of.quantile(1),
                                 of.failed() == 0 ? "" : fmt::format("  {} failed", of.failed()));
        budgets.judge("P7", of.failed() == 0 && of.quantile(0.99) <= kMostOfPage);
    }
}

}  // namespace

void measure_busy_pages(const PageOptions& options, Budgets& budgets) {
    const tests::TempDir folder;
    const auto file = options.store.empty() ? folder.file("store.db") : options.store;
    Site site{file, options.rows};
    const auto start = base::from_unix(std::max(site.store().newest(), kHistoryEnd) + 1);
    Runner runner{site, make_rules(100, 100, 24h), start, 1000};
    runner.engine().restore({}, start);
    runner.warm_up();
    for (int i = 0; i < kTicksBefore; ++i) runner.tick(kRowsOfTick);
    TickClock clock{runner.now()};
    daemon::api::Api api{file, clock, {}, {}};
    const auto all = pages();
    std::map<std::string, Times> times;
    for (const auto& page : all) times[page.name()];
    std::vector<double> alone;
    std::vector<double> beside;
    for (int turn = 0; turn < kTurns; ++turn) {
        tick(runner, clock, options.seconds, alone);
        const auto asking = clients(api, all, times, options.clients);
        tick(runner, clock, options.seconds, beside);
    }
    report(times, budgets);
    std::cout << fmt::format(
        "P7  a tick of {} rows takes {:.2f} ms of CPU alone, {:.2f} ms beside {} clients: {:+.0f} "
        "% (budget: +10 %)\n",
        kRowsOfTick, median(alone), median(beside), options.clients,
        100 * (median(beside) / median(alone) - 1));
    budgets.judge("P7", median(beside) <= 1.1 * median(alone));
}

}  // namespace quotafuse::bench
