#include "alerts/episode_counts.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

namespace quotafuse::alerts {

std::vector<RuleEpisodes> count_episodes(SQLite::Database& database, base::Second from,
                                         base::Second until) {
    SQLite::Statement query{database,
                            "SELECT rule, count(*) FROM alert_event "
                            "WHERE at >= ? AND at < ? AND what = 'firing' "
                            "GROUP BY rule ORDER BY 2 DESC, 1"};
    query.bind(1, base::unix_seconds(from));
    query.bind(2, base::unix_seconds(until));
    std::vector<RuleEpisodes> counts;
    while (query.executeStep())
        counts.push_back({query.getColumn(0).getString(), query.getColumn(1).getInt64()});
    return counts;
}

}  // namespace quotafuse::alerts
