#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace SQLite {
class Database;
}

namespace quotafuse::alerts {

struct RuleEpisodes {
    std::string rule;  // or a built-in alert
    std::int64_t episodes = 0;
    bool operator==(const RuleEpisodes&) const = default;
};

/// How many episodes of each rule began at from ≤ t < until, told or not: most first. Of the stored
/// history. Throws SQLite::Exception.
std::vector<RuleEpisodes> count_episodes(SQLite::Database& database, base::Second from,
                                         base::Second until);

}  // namespace quotafuse::alerts
