#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "base/time_zone.h"
#include "sync/traffic_question.h"

namespace quotafuse::sync {

/// Sums of the mirrored traffic for pages, on a connection of whoever asks. Whole days come from
/// days, whole hours from hours, and what is left at both ends from rows: of one question never
/// more than kMostRows of them; where an hour has more, or they are gone, it is the whole hour.
/// Throws SQLite::Exception.
class TrafficReader {
public:
    static constexpr std::int64_t kMostRows = 20'000;
    static constexpr std::int64_t kMostStepRows = 100'000;
    /// Ranges longer than this take whole days from the days.
    static constexpr base::Seconds kByHours{7 * 86'400};

    /// `database` outlives it and is read in one snapshot: within a transaction of the caller.
    TrafficReader(SQLite::Database& database, base::TimeZone zone);

    /// `now` tells whether an hour is over.
    TrafficAnswer answer(const TrafficQuestion& question, base::Second now) const;
    /// The same in steps of so many seconds (from multiples of them on; question.step is nothing),
    /// of rows alone, exactly as asked for; empty where there are more than kMostStepRows requests
    /// in the hours of the span, or some rows of it are gone.
    std::optional<TrafficAnswer> answer_in_steps(const TrafficQuestion& question,
                                                 base::Seconds step) const;

private:
    SQLite::Database& database_;
    base::TimeZone zone_;
    TextId prompt_blocked_ = -1;
};

}  // namespace quotafuse::sync
