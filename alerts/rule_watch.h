#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "alerts/decide.h"
#include "alerts/names.h"
#include "alerts/notice_maker.h"
#include "alerts/rule.h"
#include "alerts/step.h"
#include "alerts/window.h"

namespace quotafuse::alerts {

/// A `below` series without a row for this long is no more.
inline constexpr std::chrono::hours kGoneAfter{7 * 24};

/// One rule at work: its series, and which of them have to be looked at. A series is looked at when
/// its rows changed, while it is not at rest, or when one of its times is due. Pipeline thread
/// only.
class RuleWatch {
public:
    /// Everything by reference must outlive it.
    RuleWatch(const Rule& rule, Window& window, const Names& names, const sync::Texts& texts);

    const Rule& rule() const { return rule_; }
    const Window& window() const { return window_; }

    /// Takes over what is stored. False for a series whose texts no row has any more.
    bool restore(const SeriesRecord& record);
    void restore_looked() { looked_ = true; }

    /// Decides about the second t, to which the window has been moved, and adds to `step` what came
    /// of it. `late`: see kLate.
    void evaluate(base::Second t, bool late, double quota_per_unit, Step& step);
    /// After the rule has come to choose other channels: every series is due, those at rest too.
    void look_at_all();

    /// Adds every series that is not as stored.
    void collect_unsaved(Step& step);

    struct Alert {
        std::vector<KeyName> key;
        AlertState state;
        std::optional<double> value;  // at the last evaluation
    };
    /// Series that are pending or firing, firing ones first, then by when they began.
    std::vector<Alert> alerts() const;

private:
    struct Series {
        AlertState state;
        base::Second first_seen{};
        std::optional<base::Second> last_row;
        std::vector<std::string> names;
        std::optional<double> value;
    };
    /// A series that is looked at in this second.
    struct Look {
        SeriesKey key;
        Facts facts;
    };

    std::vector<SeriesKey> keys_to_look_at(base::Second t);
    std::vector<Look> look(base::Second t, bool late, double quota_per_unit);
    Series* find_or_begin(const SeriesKey& key, std::optional<double> value);
    void see_rows(const SeriesKey& key, Series& series);
    void judge(const Look& look, Step& step, std::vector<Notice>& notices);
    void keep_track(const SeriesKey& key, const Series& series, const AlertState& former,
                    base::Second t);
    void note(const SeriesKey& key, const Facts& facts, const AlertState& former,
              const Decision& decision, Step& step) const;
    void hand_over(std::vector<Notice> notices, Step& step) const;
    bool is_gone(const SeriesKey& key, const Series& series, base::Second t) const;
    std::optional<std::int64_t> channel_of(const SeriesKey& key) const;
    std::vector<KeyName> name_key(const SeriesKey& key,
                                  const std::vector<std::string>& former) const;

    const Rule& rule_;
    Window& window_;
    const Names& names_;
    const sync::Texts& texts_;
    NoticeMaker maker_;
    bool looked_ = false;
    std::unordered_map<SeriesKey, Series, SeriesKeyHash> series_;
    std::set<SeriesKey> restless_;                      // not at rest: looked at in every second
    std::set<std::pair<base::Second, SeriesKey>> due_;  // to be looked at then
    std::unordered_set<SeriesKey, SeriesKeyHash> unsaved_;
    std::size_t told_ = 0;  // series that are firing and told
};

}  // namespace quotafuse::alerts
