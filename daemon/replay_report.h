#pragma once

#include <string>
#include <vector>

#include "alerts/comparison.h"
#include "alerts/replay.h"
#include "alerts/rule.h"
#include "base/time_zone.h"

namespace quotafuse::daemon {

/// A number as a rule file has it: "7600000", "0.25".
std::string plain_number(double value);
/// Rows of equally many fields, a line each: the first column to the left, the last as it is, the
/// others to the right.
std::string in_columns(const std::vector<std::vector<std::string>>& rows);
/// A value of the rule as people read it, with its unit: "7,600,000 tokens", "+400 %".
std::string limit_text(const alerts::Rule& rule, double value);

/// Whether replay says what the daemon wrote, for people: at most ReplayReport::kMostShown events.
std::string comparison_text(const alerts::HistoryComparison& comparison,
                            const base::TimeZone& zone);
/// One line; `quotafuse replay --help` says what is in it.
std::string comparison_json(const alerts::HistoryComparison& comparison);

/// What a replay found, for people and for programs. Episodes of rules that are not in `rules` are
/// left out.
class ReplayReport {
public:
    /// References outlive it.
    ReplayReport(const std::vector<alerts::Rule>& rules, const alerts::ReplayResult& result,
                 const base::TimeZone& zone);

    /// A table of the rules that fired, then the episodes, the worst first, at most kMostShown.
    std::string text(double seconds) const;
    /// One line; `quotafuse replay --help` says what is in it.
    std::string json(double seconds) const;

    static constexpr std::size_t kMostShown = 50;

private:
    struct Line {
        const alerts::Rule* rule;
        std::vector<const alerts::Episode*> episodes;
        std::chrono::seconds longest{0};
        double worst = 0;
        int notices = 0;
        /// The first trip of each channel (model, key): without a hand it would have been the only
        /// one.
        std::vector<const alerts::Episode::Trip*> trips;
    };
    Line line_of(const alerts::Rule& rule) const;
    /// Within the time that was replayed.
    std::chrono::seconds length(const alerts::Episode& episode) const;
    double dollars(std::int64_t quota) const;
    std::string head(double seconds) const;
    std::string table() const;
    std::string episodes() const;
    std::string episode_text(const alerts::Rule& rule, const alerts::Episode& episode) const;
    static std::string disabled_text(const Line& line, double dollars);

    const alerts::ReplayResult& result_;
    const base::TimeZone& zone_;
    std::vector<Line> lines_;  // of rules that are on
};

}  // namespace quotafuse::daemon
