#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerts/names.h"
#include "alerts/replay.h"
#include "alerts/rule.h"
#include "alerts/step.h"
#include "sync/row.h"

namespace quotafuse::alerts {

/// Puts the episodes together from the steps of an engine, each of which is about one second.
class EpisodeLog {
public:
    /// Both must outlive it.
    EpisodeLog(const std::vector<Rule>& rules, const sync::Texts& texts);

    void take(const Step& step, const Names& names);
    /// Whether there are episodes that nobody was told of: they may be forgotten as soon as they
    /// are over, so that their worst value has to be asked for meanwhile (see
    /// Engine::checkpoint()).
    bool has_untold() const { return !untold_.empty(); }
    /// A row that appeared: what costs something that would have been disabled.
    void add(const sync::Row& row);
    /// Those that fired at `from` or later, or had not ended by then, by when they fired.
    std::vector<Episode> episodes(base::Second from) const;

private:
    using Series = std::pair<std::string, std::string>;  // rule, key as stored

    void take(const Event& event, const Names& names);
    void take(const Notice& notice);
    void take(const SeriesRecord& record);
    Episode* newest_of(const Series& series);
    void note_value(Episode& episode, double value) const;

    const sync::Texts& texts_;
    std::map<std::string, Rule> rules_;
    std::vector<Episode> episodes_;
    std::map<Series, std::size_t> newest_;  // in episodes_
    std::set<Series> untold_;               // they fire
    std::map<std::string, Series> told_;    // in this step: event id → series
    /// A trip of an episode that is not over.
    struct OpenTrip {
        std::size_t episode;  // in episodes_
        std::size_t trip;     // in its trips
    };
    bool concerns(const Action& action, const sync::Row& row) const;
    void add_cost(const sync::Row& row, const std::multimap<std::int64_t, OpenTrip>& trips,
                  std::int64_t id);
    std::multimap<std::int64_t, OpenTrip> channels_;  // by channel
    std::multimap<std::int64_t, OpenTrip> tokens_;    // by token, or by −user
};

}  // namespace quotafuse::alerts
