#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "alerts/filter.h"
#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "alerts/sums.h"
#include "base/clock.h"
#include "sync/store.h"

namespace quotafuse::alerts {

/// What makes a window: rules with equal specs share one.
struct WindowSpec {
    Where where;
    bool of_attempts = false;  // see Filter
    std::vector<Dimension> by;
    std::chrono::seconds length{0};
    std::chrono::seconds delay{0};  // how far its head is behind the engine time
    bool operator==(const WindowSpec&) const = default;
};
WindowSpec window_of(const Rule& rule);

/// Above this many series a window gives up: its sums are dropped and its rules are in error.
inline constexpr std::size_t kMostSeries = 100'000;

/// The sums of one rolling window, series by series, over the rows with head − length < created_at
/// ≤ head. They change only by what enters and leaves; rows themselves are not kept. Pipeline
/// thread only.
class Window {
public:
    struct Series {
        Sums sums;
        std::int64_t oldest;  // the lowest created_at of all rows since the series was last empty
    };

    Window(WindowSpec spec, const sync::Texts& texts);

    const WindowSpec& spec() const { return spec_; }
    base::Second head() const { return head_; }
    Filter& filter() { return filter_; }
    const Filter& filter() const { return filter_; }
    bool overflowed() const { return overflowed_; }

    /// Empty and at `head`; every series that it had counts as changed.
    void reset(base::Second head);
    /// A stored row that was not there before. One from the future waits in the store until the
    /// head gets there; one older than the window is ignored, and so is its leaving.
    void feed(const sync::Row& row);
    /// A row that the store has deleted; one outside the window is ignored.
    void forget(const sync::Row& row);

    /// The series' sums; zeros for one without rows.
    Sums sums(const SeriesKey& key) const;
    /// Null for a series without rows.
    const Series* find(const SeriesKey& key) const;
    const std::unordered_map<SeriesKey, Series, SeriesKeyHash>& series() const { return series_; }

    /// Series whose rows changed since settle().
    const std::unordered_set<SeriesKey, SeriesKeyHash>& changed() const { return changed_; }
    void touch_all();
    void settle() { changed_.clear(); }

private:
    friend class WindowSet;
    void enter(const sync::Row& row);
    void leave(const sync::Row& row);
    bool holds(const sync::Row& row) const;
    void give_up();
    base::Second tail() const { return head_ - spec_.length; }

    WindowSpec spec_;
    Filter filter_;
    base::Second head_{};
    std::unordered_map<SeriesKey, Series, SeriesKeyHash> series_;
    std::unordered_set<SeriesKey, SeriesKeyHash> changed_;
    bool overflowed_ = false;
};

/// All windows of an engine, moved together. What enters is read from the store when the head
/// reaches it and what leaves is read back by one trailing reader for each length, so memory does
/// not grow with rows. This needs every stored row fed before the next advance(), every deleted one
/// forgotten, and none twice. Windows live as long as the set. Every call that reads may throw what
/// the store throws; the windows are then void until warm_up().
class WindowSet {
public:
    using Visit = std::function<void(const sync::Row&)>;

    explicit WindowSet(sync::Store& store) : store_(store) {}

    /// The window of this spec, a new one (empty until warm_up) if there is none.
    Window& share(const WindowSpec& spec);
    /// Fills every window anew for the engine time t with one pass over the store. Calls `visit`
    /// for each row.
    void warm_up(base::Second t, const Visit& visit);
    void feed(const sync::Row& row);
    void forget(const sync::Row& row);
    /// Moves every head to t − its delay; t is not before the former t. Calls `visit` for each row
    /// that enters.
    void advance(base::Second t, const Visit& visit);
    /// Fills one window anew where it stands.
    void rebuild(Window& window);
    const std::vector<std::unique_ptr<Window>>& windows() const { return windows_; }

private:
    struct Edge {
        std::int64_t after;
        std::int64_t until;
        std::vector<Window*> windows;
    };
    std::vector<Edge> edges(base::Second t, bool trailing) const;

    sync::Store& store_;
    std::vector<std::unique_ptr<Window>> windows_;
};

}  // namespace quotafuse::alerts
