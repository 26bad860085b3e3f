#include "bench/pages.h"

#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "alerts/state_store.h"
#include "base/database.h"
#include "bench/page_times.h"
#include "bench/traffic.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

/// Stands at the end of the history; waits take as long as they do.
class HistoryClock final : public base::Clock {
public:
    base::WallTime wall() const override { return base::WallTime{base::Seconds{kHistoryEnd}}; }
    base::MonoTime mono() const override { return Steady::now(); }
};

/// Clients that begin at different times of a second.
void ask_often(const daemon::HttpHandler& handler, const Page& page, const PageOptions& options,
               Times& times) {
    std::vector<std::jthread> clients;
    const auto began = Steady::now();
    for (int client = 0; client < options.clients; ++client) {
        clients.emplace_back([&, client] {
            auto next = began + std::chrono::milliseconds{client * 1000 / options.clients};
            for (int i = 0; i < options.seconds; ++i, next += std::chrono::seconds{1}) {
                std::this_thread::sleep_until(next);
                ask(handler, page, times);
            }
        });
    }
}

}  // namespace

void measure_pages(const PageOptions& options, Budgets& budgets) {
    const tests::TempDir folder;
    const auto file = options.store.empty() ? folder.file("store.db") : options.store;
    {
        base::Database database{file, {sync::Store::schema(), alerts::schema()}};
        sync::Store store{database};
        database.set_durable(false);
        fill(store, options.rows);
    }
    const HistoryClock clock;
    std::cout << fmt::format("{:60} {:>8} {:>8} {:>8} {:>8}\n", "ms", "first", "again", "p50",
                             "p99");
    for (const auto& page : pages()) {
        Times first;
        Times again;
        for (auto* const times : {&first, &again}) {
            daemon::api::Api api{file, clock, {}, {}};
            ask(api.pages().at(page.path), page, *times);
        }
        daemon::api::Api api{file, clock, {}, {}};
        Times times;
        ask_often(api.pages().at(page.path), page, options, times);
        std::cout << fmt::format(
                         "{:60} {:8.1f} {:8.1f} {:8.2f} {:8.1f}{}\n", page.name(),
                         first.quantile(1), again.quantile(1), times.quantile(0.5),
                         times.quantile(0.99),
                         times.failed() == 0 ? "" : fmt::format("  {} failed", times.failed()))
                  << std::flush;
        budgets.judge("P7", times.failed() == 0 && times.quantile(0.99) <= kMostOfPage);
    }
}

}  // namespace quotafuse::bench
