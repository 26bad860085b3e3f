#include "bench/pages.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "alerts/state_store.h"
#include "base/database.h"
#include "bench/traffic.h"
#include "daemon/api/api.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

using Steady = std::chrono::steady_clock;
using Query = std::multimap<std::string, std::string>;

/// Stands at the end of the history; waits take as long as they do.
class HistoryClock final : public base::Clock {
public:
    base::WallTime wall() const override { return base::WallTime{base::Seconds{kHistoryEnd}}; }
    base::MonoTime mono() const override { return Steady::now(); }
};

struct Page {
    std::string path;
    Query query;
};

std::vector<Page> pages() {
    const auto of = [](const char* name, Query query) {
        query.emplace("window", "30d");
        return Page{std::string{"/api/v1/"} + name, std::move(query)};
    };
    std::vector<Page> all{of("summary", {}),
                          of("trend", {}),
                          of("trend", {{"by", "model"}}),
                          of("trend", {{"by", "token"}}),
                          of("performance", {}),
                          of("performance", {{"by", "model"}}),
                          of("slow", {}),
                          of("errors", {}),
                          of("errors", {{"channel", "7"}}),
                          of("channels", {}),
                          of("logs", {}),
                          of("logs", {{"token", "900"}}),
                          of("logs", {{"channel", "7"}, {"model", "model-3"}}),
                          of("logs", {{"status", "429"}}),
                          of("logs", {{"slow_ms", "1000000"}}),
                          of("alerts/history", {}),
                          {"/api/v1/health", {}}};
    for (const auto* const by : {"channel", "model", "token", "user", "group", "route", "ip",
                                 "provider", "tag", "status", "error"})
        all.push_back(of("breakdown", {{"by", by}}));
    all.push_back(of("breakdown", {{"by", "model"}, {"token", "900"}}));
    for (const auto* const window : {"1h", "24h", "7d"})
        all.push_back({"/api/v1/availability", {{"window", window}}});
    return all;
}

class Times {
public:
    void add(Steady::duration taken, bool good) {
        const std::scoped_lock lock{mutex_};
        ms_.push_back(std::chrono::duration<double, std::milli>(taken).count());
        failed_ += good ? 0 : 1;
    }
    double quantile(double q) {
        std::sort(ms_.begin(), ms_.end());
        const auto rank = static_cast<std::size_t>(q * static_cast<double>(ms_.size()) + 0.5);
        return ms_.at(std::clamp<std::size_t>(rank, 1, ms_.size()) - 1);
    }
    int failed() const { return failed_; }

private:
    std::mutex mutex_;
    std::vector<double> ms_;
    int failed_ = 0;
};

void ask(const daemon::HttpHandler& handler, const Page& page, Times& times) {
    const daemon::HttpRequest request{
        .method = "GET", .target = page.path, .path = page.path, .query = page.query};
    const auto began = Steady::now();
    const auto reply = handler(request);
    times.add(Steady::now() - began, reply.status == 200);
}

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

std::string name_of(const Page& page) {
    auto name = page.path.substr(std::string{"/api/v1/"}.size());
    for (const auto& [key, value] : page.query) name += fmt::format(" {}={}", key, value);
    return name;
}

}  // namespace

void measure_pages(const PageOptions& options) {
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
                         "{:60} {:8.1f} {:8.1f} {:8.2f} {:8.1f}{}\n", name_of(page),
                         first.quantile(1), again.quantile(1), times.quantile(0.5),
                         times.quantile(0.99),
                         times.failed() == 0 ? "" : fmt::format("  {} failed", times.failed()))
                  << std::flush;
    }
}

}  // namespace quotafuse::bench
