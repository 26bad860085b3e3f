#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/api/api.h"

namespace quotafuse::bench {

using Steady = std::chrono::steady_clock;

constexpr double kMostOfPage = 50;  // ms, P7

struct Page {
    std::string path;
    std::multimap<std::string, std::string> query;

    std::string name() const;  // "breakdown by=model window=30d"
};

/// Every page that is read of the store, over a month where it takes a span.
std::vector<Page> pages();

/// What answers took. Thread-safe.
class Times {
public:
    void add(Steady::duration taken, bool good);
    /// In milliseconds, the nearest rank; 0 of none.
    double quantile(double q);
    std::size_t count();
    int failed();

private:
    std::mutex mutex_;
    std::vector<double> ms_;
    int failed_ = 0;
};

/// Asks once and notes what it took.
void ask(const daemon::HttpHandler& handler, const Page& page, Times& times);

}  // namespace quotafuse::bench
