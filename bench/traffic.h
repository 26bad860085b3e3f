#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

#include "sync/log_entry.h"
#include "sync/store.h"

namespace quotafuse::bench {

/// The history that a store is filled with, in seconds.
inline constexpr std::int64_t kHistoryEnd = 1'790'000'000;
inline constexpr std::int64_t kHistory = 30 * 86'400;

/// Requests of so many tokens, some of which are far busier than others, on 40 channels and 60
/// models. The same from run to run.
class Traffic {
public:
    explicit Traffic(int tokens) : tokens_(tokens) {}

    /// Without an id.
    sync::LogEntry entry(std::int64_t created_at);
    std::int64_t below(unsigned n) { return static_cast<std::int64_t>(random_() % n); }

private:
    int tokens_;
    std::mt19937_64 random_{1};
};

/// Appends requests of 1,000 tokens, evenly over the history, until the store has `rows`.
void fill(sync::Store& store, std::size_t rows);

}  // namespace quotafuse::bench
