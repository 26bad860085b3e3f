#include "bench/page_times.h"

#include <algorithm>

#include <fmt/format.h>

namespace quotafuse::bench {

std::string Page::name() const {
    auto name = path.substr(std::string{"/api/v1/"}.size());
    for (const auto& [key, value] : query) name += fmt::format(" {}={}", key, value);
    return name;
}

std::vector<Page> pages() {
    const auto of = [](const char* name, std::multimap<std::string, std::string> query) {
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
    // Of an hour, whose ends are counted row by row.
    for (const auto* const name : {"summary", "errors", "performance"})
        all.push_back({std::string{"/api/v1/"} + name, {{"window", "1h"}}});
    for (const auto* const by : {"model", "token", "ip"})
        all.push_back({"/api/v1/breakdown", {{"by", by}, {"window", "1h"}}});
    for (const auto* const window : {"1h", "24h", "7d"})
        all.push_back({"/api/v1/availability", {{"window", window}}});
    return all;
}

void Times::add(Steady::duration taken, bool good) {
    const std::scoped_lock lock{mutex_};
    ms_.push_back(std::chrono::duration<double, std::milli>(taken).count());
    failed_ += good ? 0 : 1;
}

double Times::quantile(double q) {
    const std::scoped_lock lock{mutex_};
    if (ms_.empty()) return 0;
    std::sort(ms_.begin(), ms_.end());
    const auto rank = static_cast<std::size_t>(q * static_cast<double>(ms_.size()) + 0.5);
    return ms_.at(std::clamp<std::size_t>(rank, 1, ms_.size()) - 1);
}

std::size_t Times::count() {
    const std::scoped_lock lock{mutex_};
    return ms_.size();
}

int Times::failed() {
    const std::scoped_lock lock{mutex_};
    return failed_;
}

void ask(const daemon::HttpHandler& handler, const Page& page, Times& times) {
    const daemon::HttpRequest request{
        .method = "GET", .target = page.path, .path = page.path, .query = page.query};
    const auto began = Steady::now();
    const auto reply = handler(request);
    times.add(Steady::now() - began, reply.status == 200);
}

}  // namespace quotafuse::bench
