// Measures what the design budgets, side by side in one run: quote the ratios, not the absolute
// figures.

#include <algorithm>
#include <array>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/alert_delay.h"
#include "bench/catch_up.h"
#include "bench/gateway.h"
#include "bench/idle.h"
#include "bench/memory.h"
#include "bench/pages.h"
#include "bench/polls.h"
#include "bench/replay_bench.h"
#include "bench/soak.h"
#include "bench/ticks.h"
#include "tests/support/temp_dir.h"

using namespace quotafuse;

namespace {

constexpr std::size_t kFewRows = 100'000;
constexpr std::chrono::seconds kIdleTime{60};
constexpr int kAlerts = 80;

struct Options {
    std::size_t rows = 1'000'000;
    int rounds = 3;
    std::optional<std::string> server;
    std::string only;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

double speed(const bench::Copied& copied) {
    return static_cast<double>(copied.rows) / copied.seconds;
}

/// P1 and P6: in turns, so that a machine whose speed drifts does not decide.
void measure_catch_up(const sync::Dsn& dsn, int rounds, bench::Budgets& budgets) {
    std::vector<double> ours;
    std::vector<double> bare;
    std::vector<double> ratios;
    double bytes_of_row = 0;
    double texts_of_row = 0;
    for (int round = 0; round < rounds; ++round) {
        const tests::TempDir folder;
        const auto copy = bench::bare_copy(dsn, folder.file("bare.db"));
        const auto mirror = bench::catch_up(dsn, folder.file("mirror.db"));
        bare.push_back(speed(copy));
        ours.push_back(speed(mirror));
        ratios.push_back(ours.back() / bare.back());
        bytes_of_row = static_cast<double>(mirror.bytes) / static_cast<double>(mirror.rows);
        texts_of_row = static_cast<double>(mirror.texts) / static_cast<double>(mirror.rows);
        std::cout << fmt::format(
                         "  round {}: bare copy {:.0f} rows/s, catch-up {:.0f} rows/s, {:.0f} %\n",
                         round + 1, bare.back(), ours.back(), 100 * ratios.back())
                  << std::flush;
    }
    std::cout << fmt::format(
        "P1  catch-up {:.0f} rows/s, bare copy loop {:.0f} rows/s: {:.0f} % (budget: at least 60 "
        "%)\n",
        median(ours), median(bare), 100 * median(ratios));
    std::cout << fmt::format(
        "P6  store {:.0f} bytes a row with rollups (budget: at most 120), and {:.0f} for the texts "
        "of "
        "failed and slow requests\n",
        bytes_of_row - texts_of_row, texts_of_row);
    budgets.judge("P1", median(ratios) >= 0.6);
    budgets.judge("P6", bytes_of_row - texts_of_row <= 120);
}

/// P4, the part of the catch-up.
void measure_memory(const std::string& address, bench::Budgets& budgets) {
    const auto resident = bench::sync_in_a_process(address);
    std::cout << fmt::format(
        "P4  `quotafuse sync` of {} rows in {:.1f} s: at most {:.1f} MiB resident (budget: 64 "
        "MiB)\n",
        resident.rows, resident.seconds, static_cast<double>(resident.most_kib) / 1024);
    budgets.judge("P4", resident.most_kib <= 64 * 1024);
}

std::unique_ptr<bench::Gateway> filled_gateway(const Options& options, std::size_t rows,
                                               bool counts_reads) {
    auto gateway = std::make_unique<bench::Gateway>(options.server, counts_reads);
    std::cout << fmt::format("{}: filling it with {} rows …\n", gateway->server(), rows)
              << std::flush;
    gateway->fill(rows);
    return gateway;
}

void measure_sync(const Options& options, bench::Budgets& budgets) {
    const auto gateway = filled_gateway(options, options.rows, false);
    measure_catch_up(gateway->dsn(), options.rounds, budgets);
    measure_memory(gateway->address(), budgets);
}

void measure_polls(const Options& options, bench::Budgets& budgets) {
    // A server that counts reads of its tables is slower, so it is another one.
    const auto gateway = filled_gateway(options, std::min(options.rows, kFewRows), true);
    bench::measure_polls(*gateway, budgets);
}

void measure_alerts(const Options& options, bench::Budgets& budgets) {
    const auto gateway = filled_gateway(options, std::min(options.rows, kFewRows), false);
    bench::measure_idle(*gateway, kIdleTime, budgets);
    bench::measure_alert_delay(*gateway, kAlerts, budgets);
}

/// What can be measured alone, in the order of a whole run.
struct Part {
    std::string_view name;
    void (*measure)(const Options& options, bench::Budgets& budgets);
};
constexpr std::array kParts{Part{"sync", measure_sync}, Part{"polls", measure_polls},
                            Part{"alerts", measure_alerts}};

std::vector<std::string> part_names() {
    std::vector<std::string> names;
    for (const auto& part : kParts) names.emplace_back(part.name);
    return names;
}

void measure(const Options& options, bench::Budgets& budgets) {
    for (const auto& part : kParts) {
        if (options.only.empty() || options.only == part.name) part.measure(options, budgets);
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"quotafuse-bench: what the design budgets, measured"};
    Options options;
    app.add_option("--rows", options.rows, "rows in the gateway's log")
        ->capture_default_str()
        ->check(CLI::Range(1000, 20'000'000));
    app.add_option("--rounds", options.rounds, "how often each is measured; the median counts")
        ->capture_default_str()
        ->check(CLI::Range(1, 50));
    app.add_option("--server", options.server,
                   "a MySQL server to use instead of a MariaDB of its own, as "
                   "user:password@tcp(host:port)/mysql; what is made there is dropped");
    app.add_option("--only", options.only, "one part")->check(CLI::IsMember(part_names()));
    auto& writers = *app.add_subcommand(
        "writers", "16 writers, held commits, a daemon killed again and again; takes minutes");
    bench::SoakOptions soak;
    int seconds = static_cast<int>(soak.length.count());
    int hold = static_cast<int>(soak.hold.count());
    writers.add_option("--seconds", seconds, "of writing")
        ->capture_default_str()
        ->check(CLI::Range(5, 3600));
    writers.add_option("--hold", hold, "seconds for which three commits are held")
        ->capture_default_str()
        ->check(CLI::Range(1, 1200));
    writers.add_option("--seed", soak.seed, "of rows and kills")->capture_default_str();
    auto& ticks = *app.add_subcommand(
        "ticks", "P3, P4 at P3 and P5: the alert engine on a store of its own; takes minutes");
    bench::TickOptions tick;
    ticks.add_option("--rows", tick.rows, "in the store before the first tick")
        ->capture_default_str()
        ->check(CLI::Range(1000, 20'000'000));
    ticks.add_option("--ticks", tick.ticks, "that are measured of each kind")
        ->capture_default_str()
        ->check(CLI::Range(10, 3600));
    ticks.add_option("--store", tick.store,
                     "a file to make and use again, instead of a temporary one");
    auto& replays = *app.add_subcommand("replay", "P9: a month of rows through 100 rules");
    bench::ReplayOptions replay;
    replays.add_option("--rows", replay.rows, "in the store")
        ->capture_default_str()
        ->check(CLI::Range(1000, 20'000'000));
    replays.add_option("--store", replay.store,
                       "a file to make and use again, instead of a temporary one");
    auto& pages = *app.add_subcommand("pages", "P7: what pages of a month take; takes minutes");
    bench::PageOptions page;
    pages.add_option("--rows", page.rows, "in the store")
        ->capture_default_str()
        ->check(CLI::Range(1000, 20'000'000));
    pages.add_option("--seconds", page.seconds, "for each page")
        ->capture_default_str()
        ->check(CLI::Range(1, 600));
    pages.add_option("--store", page.store,
                     "a file to make and use again, instead of a temporary one");
    bool is_beside_ticks = false;
    pages.add_flag("--beside-ticks", is_beside_ticks, "only beside the work of the daemon");
    CLI11_PARSE(app, argc, argv);
    soak.length = std::chrono::seconds{seconds};
    soak.hold = std::chrono::seconds{hold};
    try {
        if (writers.parsed()) return bench::soak(soak) ? 0 : 1;
        bench::Budgets budgets;
        if (pages.parsed()) {
            if (!is_beside_ticks) bench::measure_pages(page, budgets);
            bench::measure_busy_pages(page, budgets);
        } else if (ticks.parsed()) {
            bench::measure_ticks(tick, budgets);
        } else if (replays.parsed()) {
            bench::measure_replay(replay, budgets);
        } else {
            measure(options, budgets);
        }
        budgets.tell(std::cout);
        return budgets.all_met() ? 0 : 1;
    } catch (const std::exception& e) {
        std::cerr << "quotafuse-bench: " << e.what() << '\n';
        return 1;
    }
}
