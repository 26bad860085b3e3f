#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alerts/gauge_board.h"
#include "alerts/meter.h"
#include "alerts/names.h"
#include "alerts/window.h"

namespace quotafuse::alerts {

/// When each series of a since_last rule had its last row, also after that row left the window, and
/// which of them pass a limit by time alone.
class LastRows {
public:
    /// A series is forgotten so long after it passed the limit: nobody keeps it by then (see
    /// kGoneAfter).
    static constexpr std::chrono::hours kRemembered{8 * 24};

    /// `limit`: seconds; what passes it is told by overdue().
    explicit LastRows(double limit);

    void see(const SeriesKey& key, base::Second newest);
    std::optional<base::Second> find(const SeriesKey& key) const;
    std::size_t size() const { return entries_.size(); }
    /// Times that it will look at a series again: one for each.
    std::size_t scheduled() const { return due_.size(); }
    void forget_all();
    /// Adds the series whose last row is more than the limit before `head` and was not at the
    /// former call, and forgets what nobody asks for any more.
    void overdue(base::Second head, std::vector<SeriesKey>& out);
    void each(const std::function<void(const SeriesKey&)>& visit) const;

private:
    struct Entry {
        base::Second newest{};
        base::Second due{};  // when to look at it again; not later than it has to be
    };
    std::chrono::seconds passes_after_;  // the least whole seconds that are over the limit
    std::chrono::seconds remembered_;
    std::unordered_map<SeriesKey, Entry, SeriesKeyHash> entries_;
    std::set<std::pair<base::Second, SeriesKey>> due_;  // of each entry its `due`
};

/// Whether a rule on rows chooses, groups or counts by what the gateway says of its channels and
/// options, so that it waits until that was read once.
bool needs_directory(const Rule& rule);

/// A metric of rows, from the rule's window and those that it is compared with.
class RowMeter final : public Meter {
public:
    /// Everything by reference must outlive it.
    RowMeter(const Rule& rule, WindowSet& windows, const GaugeBoard& gauges, const Names& names,
             int weeks);

    double warmed_up() const override;
    std::string error() const override;
    void look(base::Second t, const Known& known, bool all, std::vector<Sighting>& out) override;
    const Window* decisive_window() const override;
    void pass_over(base::Second t) override { looked_ = t; }
    void show(base::Second t, std::vector<Sighting>& out) const override;
    std::size_t shown() const override;
    Reading read(const SeriesKey& key, base::Second t) override;
    bool chooses(const SeriesKey& key) override;
    bool deleted(const SeriesKey& key) override;
    std::optional<base::Second> period(base::Second t) const override;
    void recall(const SeriesKey& key, base::Second last_row) override;
    std::size_t remembered() const override { return last_rows_ ? last_rows_->size() : 0; }
    void forget_remembered() override;

private:
    struct Scan;

    std::optional<double> value_in(const Window& window, const SeriesKey& key,
                                   const Measure* measure) const;
    Reading reading_of(const SeriesKey& key, const Measure* measure) const;
    std::optional<double> base_in(const Window& window, const SeriesKey& key,
                                  Reading& reading) const;
    void compare(const SeriesKey& key, Reading& reading) const;
    void compare_with_usual(const SeriesKey& key, Reading& reading) const;
    void visit(const SeriesKey& key, const Measure* measure, Scan& scan);
    void visit_every(Scan& scan);
    void visit_changed(Scan& scan);
    void see_last(const SeriesKey& key, const Measure* measure);
    std::optional<base::Second> last_row(const SeriesKey& key, const Measure* measure) const;
    bool bases_began_or_ended();
    static bool moves_with_time(const Rule& rule);
    bool waits_for_objects() const;
    bool note_switched_on();
    bool is_switched_on_again(const SeriesKey& key) const;
    bool is_deleted(Dimension dimension, std::int64_t id) const;
    bool is_switched_off(Dimension dimension, std::int64_t id) const;

    const Rule& rule_;
    const bool keeps_keys_;
    const bool needs_directory_;
    const bool moves_with_time_;
    const GaugeBoard& gauges_;
    const Names& names_;
    Window& window_;
    std::vector<Window*> bases_;         // of `usual` by week, else at most one
    std::optional<LastRows> last_rows_;  // of since_last
    /// What of a base, but for its rows, says whether it counts.
    struct BaseState {
        bool empty = false;  // only of `usual`: elsewhere each series counts for itself
        bool begins_before_store = false;
        bool operator==(const BaseState&) const = default;
    };
    std::vector<BaseState> base_states_;  // at the last look
    mutable std::vector<double> weeks_;   // scratch
    std::vector<SeriesKey> overdue_;      // scratch
    /// Objects that the keys may name and that are on again since the last second: part and id.
    std::vector<std::pair<std::size_t, std::int64_t>> on_again_;
    std::optional<base::Second> looked_;  // the second of the last look
    double quota_per_unit_ = 0;           // at the last look
};

}  // namespace quotafuse::alerts
