#pragma once

#include <vector>

#include <SQLiteCpp/Database.h>

#include "sync/traffic_question.h"

namespace quotafuse::sync {

/// The slowest answers of hours that begin at from ≤ t < until, of what `of` chooses by channels
/// and models; no channel tests, no tasks.
struct SlowQuestion {
    TrafficFilter of{};
    base::Second from{};
    base::Second until{};
    std::size_t most = 20;  // at most Slowest::kOfHour
};

struct SlowAnswers {
    std::vector<Row> rows{};  // slowest first
    base::Second from{};      // what there is, is of then on
    /// Why that is not all. `too_many_rows`: not all hours were looked through; those with the
    /// slowest answers come first, as far as the rollups know: what may be missing are answers that
    /// took several attempts.
    TrafficCut cut = TrafficCut::none;
};

/// So many rows are looked at for one question with a filter, about.
inline constexpr std::int64_t kMostSlowRows = 100'000;

/// On a connection of whoever asks, in one snapshot. Throws SQLite::Exception.
SlowAnswers slow_answers(SQLite::Database& database, const SlowQuestion& question);

}  // namespace quotafuse::sync
