#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/engine.h"
#include "base/database.h"
#include "bench/traffic.h"
#include "sync/store.h"

namespace quotafuse::bench {

/// Processor time of the calling thread, in seconds.
double seconds_of_cpu();

/// A store of its own with a history.
class Site {
public:
    /// Adds to the file what it lacks of `rows`.
    Site(const std::string& file, std::size_t rows);
    /// Entries without ids, as the follower appends them.
    std::vector<sync::Row> append(std::vector<sync::LogEntry> entries, base::Second now,
                                  std::optional<base::Second> seen);
    sync::Store& store() { return *store_; }
    base::Database& database() { return database_; }

private:
    base::Database database_;
    std::unique_ptr<sync::Store> store_;
};

/// `count` rules on `windows` distinct windows no longer than `longest`.
std::vector<alerts::Rule> make_rules(int count, int windows, std::chrono::seconds longest);

/// In seconds of CPU.
struct TickCost {
    double append = 0;
    double feed = 0;
    double advance = 0;
    double save = 0;
    double journal = 0;  // after the tick
    std::size_t notices = 0;
    double all() const { return append + feed + advance + save; }
};

/// The engine over a store, driven second by second.
class Runner {
public:
    /// `start` is the time before the first tick; `site` outlives it.
    Runner(Site& site, std::vector<alerts::Rule> rules, base::Second start, int tokens);
    alerts::Engine& engine() { return engine_; }
    base::Second now() const { return now_; }

    /// Slices of 50 ms until nothing is left to read; the longest of them in seconds of CPU.
    double warm_up();
    /// One second later: so many new rows, from their append to the commit of what came of them.
    TickCost tick(int rows);

private:
    Site& site_;
    alerts::Engine engine_;
    base::Second now_;
    Traffic traffic_;
};

}  // namespace quotafuse::bench
