#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/engine.h"
#include "alerts/episode_log.h"
#include "alerts/history_tape.h"
#include "alerts/replay.h"
#include "alerts/row_source.h"
#include "alerts/state_store.h"

namespace quotafuse::alerts {

/// When each rule, as it is now, was looked at for the first time; without those that never were.
std::map<std::string, base::Second> first_looks(SQLite::Database& database,
                                                const std::vector<Rule>& rules);

/// A replay begins so long before what was asked for, so that it knows what fires.
inline constexpr std::chrono::hours kLeadIn{24};

/// When built-in alerts fired, which rules may be inhibited by: as SelfAlerts::fired() tells.
class SelfAlertTimes {
public:
    SelfAlertTimes(SQLite::Database& database, base::Second from, base::Second until);
    bool fires(std::string_view name, base::Second t) const;

private:
    struct Span {
        base::Second fired;
        base::Second over;
    };
    std::map<std::string, std::vector<Span>, std::less<>> spans_;  // in order, none meets another
};

/// One engine on its way through the history: what replay() does with a share of the rules. One
/// thread.
class Player {
public:
    /// `history` must outlive it. Throws as replay() does.
    Player(const std::vector<Rule>& rules, sync::History& history, const ReplayOptions& options);
    /// Between these it needs rows: from before the beginning that was asked for, to the end of
    /// what is known.
    base::Second start() const { return start_; }
    base::Second until() const { return options_.until; }
    /// Once.
    ReplayResult run(RowSource& source, std::size_t reader);

private:
    void find_times();
    base::Second beginning(base::Second first_row) const;
    void choose_rules();
    void find_gaps();
    bool was_late(base::Second t);
    void note_what_is_missing();
    void start_engine(base::Second t, std::optional<base::Second> stored);
    void change_engine(base::Second t);
    bool wake(base::Second t);
    bool stands_still() const { return asleep_ && !asleep_->jumped; }
    bool follow(const sync::GaugeChange& change);
    void observe();
    void read_changes();
    void warm_up();
    void play_second(base::Second t);
    void take(const Step& step);

    sync::History& history_;
    ReplayOptions options_;
    ReplayResult result_;
    std::vector<Rule> rules_;
    std::map<base::Second, std::set<std::string>> begins_;  // first looks to come, by rule
    /// Seconds that nobody looked at.
    struct Sleep {
        base::Second until{};
        bool jumped = false;  // in one life (see Jump); else the daemon stood still
    };
    std::map<base::Second, Sleep> sleeps_;  // by when they begin
    std::optional<Sleep> asleep_;
    std::deque<std::pair<base::Second, base::Second>> late_;  // evaluated late: first and last
    base::Second start_{};
    base::Second playing_{};
    sync::Directory directory_;
    std::vector<Silence> silences_;
    std::unique_ptr<SelfAlertTimes> self_alerts_;
    std::unique_ptr<HistoryTape> tape_;
    std::map<sync::GaugeKey, sync::GaugeChange> gauges_;  // as they are, for another engine
    std::deque<sync::GaugeChange> changes_;               // to come, of the next hours
    base::Second changes_until_{};
    std::map<std::pair<std::string, std::string>, SeriesRecord> series_;  // as saved
    std::map<std::string, std::uint64_t> looked_;
    std::map<std::pair<std::string, std::string>, DigestRecord> digests_;  // the same
    std::unique_ptr<EpisodeLog> log_;
    std::unique_ptr<Engine> engine_;  // after what it refers to
};

}  // namespace quotafuse::alerts
