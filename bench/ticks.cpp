#include "bench/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "alerts/state_store.h"
#include "base/database.h"
#include "bench/engine_site.h"
#include "bench/process.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

using namespace std::chrono_literals;
using alerts::Dimension;
using alerts::Metric;

constexpr int kRowsOfTick = 200;
constexpr int kTicksBefore = 300;  // until rows leave the short windows as fast as they enter

double seconds_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

double resident_mib() {
    return static_cast<double>(resident_kib(getpid())) / 1024;
}

double quantile(const std::vector<TickCost>& costs, double q, double (*part)(const TickCost&)) {
    std::vector<double> values;
    for (const auto& cost : costs) values.push_back(part(cost) * 1000);
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    return values[rank - 1];
}

double whole(const TickCost& cost) {
    return cost.all();
}

std::string told(const std::vector<TickCost>& costs) {
    const auto both = [&](double (*part)(const TickCost&)) {
        return fmt::format("{:.2f}/{:.2f}", quantile(costs, 0.5, part),
                           quantile(costs, 0.99, part));
    };
    return fmt::format(
        "p50/p99 {} ms of CPU (append {}, feed {}, advance {}, save {}), at most {:.1f}; after it, "
        "for the journal, {}",
        both(whole), both([](const TickCost& cost) { return cost.append; }),
        both([](const TickCost& cost) { return cost.feed; }),
        both([](const TickCost& cost) { return cost.advance; }),
        both([](const TickCost& cost) { return cost.save; }), quantile(costs, 1, whole),
        both([](const TickCost& cost) { return cost.journal; }));
}

/// Rows are read to explain a notice: such ticks apart from the others.
std::string told_of_notices(const std::vector<TickCost>& costs) {
    std::array<std::vector<TickCost>, 2> parts;
    for (const auto& cost : costs) parts[cost.notices > 0 ? 1 : 0].push_back(cost);
    if (parts[0].empty() || parts[1].empty()) return {};
    return fmt::format("    without notices: {}\n    {} ticks with notices: {}\n", told(parts[0]),
                       parts[1].size(), told(parts[1]));
}

std::vector<TickCost> run(Runner& runner, int before, int ticks) {
    for (int i = 0; i < before; ++i) runner.tick(kRowsOfTick);
    std::vector<TickCost> costs;
    for (int i = 0; i < ticks; ++i) costs.push_back(runner.tick(kRowsOfTick));
    return costs;
}

/// P3, P4 and, without a checkpoint and with one, P5.
base::Second measure_thousand_rules(Site& site, base::Second now, int ticks, Budgets& budgets) {
    const auto rules = make_rules(1000, 100, 720h);
    {
        const auto began = std::chrono::steady_clock::now();
        Runner runner{site, rules, now, 1000};
        runner.engine().restore({}, now);
        const auto slice = runner.warm_up();
        runner.engine().advance(now + 1s);
        std::cout << fmt::format(
            "P5  restart without a checkpoint, 1,000 rules: {:.1f} s, the longest slice {:.0f} ms "
            "of CPU "
            "(budget for 100 rules: 60 s)\n",
            seconds_since(began), slice * 1000);
        const auto costs = run(runner, kTicksBefore, ticks);
        std::cout << fmt::format(
            "P3  a tick of 200 rows, 1,000 rules on 100 windows: {} (budget: p99 10 ms)\n{}",
            told(costs), told_of_notices(costs));
        budgets.judge("P3", quantile(costs, 0.99, whole) <= 10);
        budgets.judge("P4", resident_mib() <= 128);
        std::cout << fmt::format("P4  at P3: {:.1f} MiB resident (budget: 128 MiB)\n",
                                 resident_mib());
        now = runner.now();
        const auto at = seconds_of_cpu();
        const auto records = runner.engine().window_records();
        std::size_t bytes = 0;
        for (const auto& record : records) bytes += record.bytes.size();
        base::WriteTransaction transaction{site.database()};
        alerts::save_state(site.database(), runner.engine().checkpoint());
        alerts::save_windows(site.database(), records);
        transaction.commit();
        std::cout << fmt::format("    a checkpoint of {} windows: {:.1f} MB, {:.0f} ms of CPU\n",
                                 records.size(), static_cast<double>(bytes) / 1e6,
                                 (seconds_of_cpu() - at) * 1000);
        std::cout << std::flush;
    }
    const auto began = std::chrono::steady_clock::now();
    Runner runner{site, rules, now, 1000};
    runner.engine().restore(alerts::load_state(site.database().handle()), now + 1s,
                            alerts::load_windows(site.database().handle()));
    runner.warm_up();
    runner.engine().advance(now + 2s);
    std::cout << fmt::format(
        "P5  restart with a checkpoint, 1,000 rules: {:.2f} s (budget for 100 rules: 1 s)\n",
        seconds_since(began));
    return now + 2s;
}

/// P5 as it is budgeted: a start with a checkpoint reads the records from the file.
base::Second measure_restart(Site& site, base::Second now, Budgets& budgets) {
    const auto rules = make_rules(100, 100, 720h);
    const auto start = [&](bool is_saved) {
        const auto began = std::chrono::steady_clock::now();
        Runner runner{site, rules, now, 1000};
        std::vector<alerts::WindowRecord> records;
        if (is_saved) records = alerts::load_windows(site.database().handle());
        runner.engine().restore({}, now, records);
        runner.warm_up();
        runner.engine().advance(now + 1s);
        const auto seconds = seconds_since(began);
        std::cout << fmt::format("P5  restart {} a checkpoint, 100 rules: {:.2f} s\n",
                                 is_saved ? "with" : "without", seconds)
                  << std::flush;
        budgets.judge("P5", seconds <= (is_saved ? 1 : 60));
        return runner.engine().window_records();
    };
    const auto records = start(false);
    {
        base::WriteTransaction transaction{site.database()};
        alerts::save_windows(site.database(), records);
        transaction.commit();
    }
    now += 300s;
    start(true);
    return now + 1s;
}

/// The cost of a tick against the number of rules and of keys, on windows up to an hour.
void measure_table(Site& site, base::Second now, int ticks) {
    std::cout << "cost of a tick of 200 rows, windows of 1 m to 1 h:\n";
    struct Case {
        int rules;
        int windows;
        int tokens;
    };
    for (const auto& [rules, windows, tokens] :
         {Case{1, 1, 1000}, Case{10, 10, 1000}, Case{100, 100, 1000}, Case{1000, 100, 1000},
          Case{10'000, 100, 1000}, Case{1000, 100, 100}, Case{1000, 100, 10'000},
          Case{1000, 100, 100'000}}) {
        now += 2h;  // so that the last one's rows are out of all windows
        Runner runner{site, make_rules(rules, windows, 1h), now, tokens};
        runner.engine().restore({}, now);
        runner.warm_up();
        const auto costs = run(runner, kTicksBefore, ticks);
        std::cout << fmt::format("  {:>6} rules, {:>3} windows, {:>6} keys: {}\n", rules, windows,
                                 tokens, told(costs))
                  << std::flush;
        now = runner.now();
    }
}

}  // namespace

void measure_ticks(const TickOptions& options, Budgets& budgets) {
    const tests::TempDir folder;
    const auto file = options.store.empty() ? folder.file("store.db") : options.store;
    Site site{file, options.rows};
    std::cout << fmt::format("{} rows stored, {:.0f} bytes a row; {:.1f} MiB resident\n",
                             site.store().rows(),
                             static_cast<double>(std::filesystem::file_size(file)) /
                                 static_cast<double>(site.store().rows()),
                             resident_mib())
              << std::flush;
    auto now = measure_restart(
        site, base::from_unix(std::max(site.store().newest(), kHistoryEnd) + 1), budgets);
    now = measure_thousand_rules(site, now, options.ticks, budgets);
    measure_table(site, now, options.ticks);
}

}  // namespace quotafuse::bench
