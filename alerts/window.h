#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/filter.h"
#include "alerts/frame.h"
#include "alerts/key_table.h"
#include "alerts/measure.h"
#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "alerts/state_store.h"
#include "base/clock.h"
#include "sync/directory.h"
#include "sync/row_reader.h"

namespace quotafuse::alerts {

struct RecordHead;

/// What makes a window: rules with equal specs share one, which keeps the parts that any of them
/// needs.
struct WindowSpec {
    Where where;
    std::optional<ErrorsWhen> errors_when;
    bool of_attempts = false;  // see Filter
    std::vector<Dimension> by;
    Frame frame;
    /// none: the window itself. Else the one that it is compared with; `usual`: the one `week`
    /// weeks earlier, of a rolling frame moved once an hour.
    Comparison base = Comparison::none;
    int week = 0;
    std::chrono::seconds delay{0};  // how far it is behind the engine time
    base::TimeZone zone;            // of calendar frames and of weeks; UTC where it does not matter
    bool operator==(const WindowSpec& other) const;

    /// Where it stands at the engine second t.
    Span at(base::Second t) const;
};
/// The rule's own window. Not for gauges.
WindowSpec window_of(const Rule& rule);
/// The window that the rule's is compared with; `week` from 1 for `usual`.
WindowSpec base_window_of(const Rule& rule, int week = 0);

/// Above this many series, or distinct values, a window gives up: its sums are dropped and its
/// rules are in error. It tries again, from nothing, after retry_after().
inline constexpr std::size_t kMostSeries = 100'000;
inline constexpr std::int64_t kMostValues = 2'000'000;
/// The window's length, by when all that was too much has left it; an hour at most.
std::chrono::seconds retry_after(const Frame& frame);

/// Where a window stands, second by second. Asking the time zone is slow, so a quarter of an hour
/// is taken at once where the ends show that it goes evenly.
class Motion {
public:
    explicit Motion(const WindowSpec& spec) : spec_(spec) {}
    Span at(base::Second t);

private:
    const WindowSpec& spec_;
    base::Second first_{};  // first_ ≤ t < until_ are even
    base::Second until_{};
    Span span_{};  // at first_
    bool tail_moves_ = false;
    bool head_moves_ = false;
};

/// The rows of one window, added up series by series. They change only by what enters and leaves;
/// rows themselves are not kept. Made and moved by its WindowSet. Pipeline thread only.
class Window {
public:
    Window(WindowSpec spec, const Parts& parts, Filter& filter, KeyTable& keys);
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    ~Window() { give_up(); }

    const WindowSpec& spec() const { return spec_; }
    Span span() const { return span_; }
    Filter& filter() { return filter_; }
    const Filter& filter() const { return filter_; }
    const Parts& parts() const { return parts_; }

    /// Also while it tries again, until it is full: then it is known to be over.
    bool overflowed() const { return overflowed_ || (tries_again_ && !is_full()); }
    /// 1 when every row of its span is in it; less while it is being filled, 0 while names that it
    /// needs are not known.
    double warmed_up() const;
    /// Whether the time before the first stored row is part of it: nobody knows what was then.
    bool begins_before_store() const;

    /// Null for a series without rows. What it points to is there until rows enter or leave.
    const Measure* find(const SeriesKey& key) const;
    void each(const std::function<void(const SeriesKey&, const Measure&)>& visit) const;
    std::size_t size() const { return size_; }

    /// Calls visit for each series whose rows changed since settle(), with null for one that has
    /// none any more. After touch_all() and after a reset these are all that there are and were.
    void changed(const std::function<void(const SeriesKey&, const Measure*)>& visit) const;
    void touch_all();
    void settle();
    /// The highest value of a series that changed since settle(), if one has a value; computed once
    /// for all who ask. Where it is not over a limit, none of them is.
    std::optional<double> highest_changed(Metric metric, double quota_per_unit) const;

private:
    friend class WindowSet;
    using Slot = KeyTable::Slot;
    using Place = std::uint32_t;
    static constexpr Place kNowhere = ~Place{0};
    /// Without rows it stays until settle(), because its end is a change.
    struct Series {
        Slot slot = KeyTable::kNone;
        bool changed = false;
        Measure measure;
    };

    void enter(const sync::Row& row, const Sums& counts, Slot slot);
    void leave(const sync::Row& row, const Sums& counts, Slot slot);
    Place place_of(Slot slot);
    /// Asks memory for the series.
    void prefetch(Slot slot) const {
        if (slot >= by_slot_.size() || by_slot_[slot] == kNowhere) return;
        const auto* const bytes =
            static_cast<const std::byte*>(static_cast<const void*>(&series_[by_slot_[slot]]));
        for (std::size_t at = 0; at < sizeof(Series); at += 64) __builtin_prefetch(bytes + at, 1);
    }
    void touch(Place place);
    void drop(Place place);
    /// Lets go of everything, unsaid: it has overflowed, or is no more.
    void give_up();
    /// Lets go of all rows; nothing is in it then and it is to be filled from `span`.head
    /// backwards.
    void reset(Span span);
    /// Changes places with what is in another window of the same grouping: every series is changed
    /// then.
    void swap_rows(Window& other);
    bool is_full() const { return !waits_ && low_ <= span_.tail && high_ >= span_.head; }
    /// Whether nothing is read for it.
    bool rests() const { return waits_ || overflowed_; }
    bool holds(std::int64_t created) const {
        return created > base::unix_seconds(low_) && created <= base::unix_seconds(high_);
    }
    /// What is in it, and which rows those are, as bytes; see window_record.cpp.
    std::string encode(const RecordHead& head) const;
    /// Takes over what encode() gave. Empty for anything else; what is in it is to be reset then.
    std::optional<RecordHead> decode(std::string_view bytes);

    const WindowSpec spec_;
    Parts parts_;
    Filter& filter_;
    KeyTable& keys_;
    Motion motion_{spec_};
    Span span_;
    // The rows with low_ < created_at ≤ high_ are in it: all of its span, once it is full.
    base::Second low_{};
    base::Second high_{};
    std::optional<std::int64_t> first_row_;  // every row since then is stored; empty: there is none
    bool waits_ = false;                     // for names
    bool overflowed_ = false;   // nothing is read for it then, and it stays where it was
    bool tries_again_ = false;  // has overflowed before it was emptied

    std::vector<Series> series_;
    std::vector<Place> free_;     // places in series_
    std::vector<Place> by_slot_;  // kNowhere for none
    std::vector<Place> changed_;
    /// What highest_changed() said, until something changes.
    struct Highest {
        Metric metric;
        double quota_per_unit;
        std::optional<double> value;
    };
    mutable std::vector<Highest> highest_;
    std::size_t size_ = 0;     // series with rows
    std::int64_t values_ = 0;  // distinct values in all of them
};

/// All windows of an engine, moved together. What enters is read from the reader when the head
/// reaches it and what leaves is read back by one trailing reading for each length, so memory does
/// not grow with rows. This needs every stored row fed before the next advance(), every deleted one
/// forgotten, and none twice. Windows live as long as the set. Every call that reads may throw what
/// the reader throws: nothing is half-moved then, the same call may be made again.
class WindowSet {
public:
    using Visit = std::function<void(const sync::Row&)>;

    /// So many rows are kept in memory, because they will be needed again (10 MB).
    static constexpr std::size_t kRowsKept = 60'000;

    /// `reader` must outlive it.
    explicit WindowSet(sync::RowReader& reader, std::size_t rows_kept = kRowsKept);
    ~WindowSet();

    /// The window of this spec with these parts, a new one (empty, to be warmed up) if there is
    /// none; parts that it lacks are added, and it is filled anew then.
    Window& share(const WindowSpec& spec, const Parts& parts);

    /// Empties every window and sets it to the engine second t; records that fit are taken over,
    /// the rest warms up.
    void start(base::Second t, const std::vector<WindowRecord>& records);
    /// Fills windows that warm up, short ones first, for about `budget` of CPU; true when there is
    /// more to do. `visit` is called for rows that have not been visited.
    bool warm_up(std::chrono::milliseconds budget, const Visit& visit);
    /// Full windows as they are. `seen`: see WindowRecord.
    std::vector<WindowRecord> records(base::Second seen) const;

    void feed(const sync::Row& row);
    void forget(const sync::Row& row);
    /// Moves every window to the engine second t, not before the former one. Calls `visit` for each
    /// row that enters an own window of delay 0 (or of the least delay there is).
    void advance(base::Second t, const Visit& visit);
    /// Learns names, tags and providers: a window whose choice or grouping of rows changes is
    /// emptied and warms up anew.
    void use(const sync::Directory& directory);
    /// What changed is taken note of, in every window.
    void settle();

    const std::vector<std::unique_ptr<Window>>& windows() const { return windows_; }

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::vector<std::unique_ptr<Window>> windows_;
};

}  // namespace quotafuse::alerts
