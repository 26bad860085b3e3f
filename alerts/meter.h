#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "base/clock.h"

namespace quotafuse::alerts {

class Window;
class WindowSet;
class GaugeBoard;
class Names;

/// What a rule's metric says of one series at one second.
struct Reading {
    std::optional<double> value;  // in the metric's unit; with a comparison the change in percent
    std::int64_t requests = 0;    // that stand behind it
    std::optional<double> now;    // with a comparison: the metric's own value,
    std::optional<double> base;   // and what it is compared with
    bool unusual = true;          // compare_to usual: outside median ± 3 · 1.4826 · MAD
    bool has_rows = true;         // in the window; of a gauge: the object exists
    std::optional<base::Second> oldest;  // the lowest created_at of its rows
    /// since_last: its last row, also after that has left the window; for recall().
    std::optional<base::Second> last_row;
};

/// Where a rule's values come from: windows over rows, or gauges. One for each rule; rules share
/// what stands behind. Pipeline thread only; moved by whoever owns the windows and the board.
class Meter {
public:
    struct Sighting {
        SeriesKey key;
        Reading reading;
    };
    /// Whether the rule keeps state of a series. An empty one stands for a rule that keeps none at
    /// all, which spares a meter to look at single series where the highest is not over the limit.
    using Known = std::function<bool(const SeriesKey&)>;

    Meter() = default;
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;
    virtual ~Meter() = default;

    /// 1 when values can be told; less while windows warm up or names are not known yet.
    virtual double warmed_up() const = 0;
    /// Why the rule is in error, e.g. too many series; empty when it is not.
    virtual std::string error() const = 0;

    /// Adds every series whose value may have changed with the second t, or since the last call,
    /// and that is over the rule's limit or `known`; with `all` every series there is, changed or
    /// not. A value that changes by time alone (since_last, an expiry) counts as changed when it
    /// passes the limit. Each at most once. Of a rule that keeps_keys() every series is added whose
    /// rows changed.
    virtual void look(base::Second t, const Known& known, bool all, std::vector<Sighting>& out) = 0;
    /// The window of which the highest changed value says by itself whether look() has anything to
    /// tell a rule that keeps nothing of any series: where it is not over the limit there is
    /// nothing. Null where that is not enough.
    virtual const Window* decisive_window() const { return nullptr; }
    /// Nothing was to be told up to t, and look() was not called.
    virtual void pass_over(base::Second /*t*/) {}
    /// Every series there is, for people: asking changes nothing of what look() will tell.
    virtual void show(base::Second t, std::vector<Sighting>& out) const = 0;
    /// About how many series show() goes through.
    virtual std::size_t shown() const { return 0; }
    /// The reading of one series, whether it changed or not.
    virtual Reading read(const SeriesKey& key, base::Second t) = 0;
    /// Whether the rule's filter still chooses what the key names, as far as the key says.
    virtual bool chooses(const SeriesKey& key) = 0;
    /// Whether what the key names was deleted or switched off at the gateway.
    virtual bool deleted(const SeriesKey& key) = 0;
    /// The second in which the rule's calendar period began, if it has one.
    virtual std::optional<base::Second> period(base::Second t) const = 0;
    /// since_last, after a restart: when a series had its last row, which may have left the window
    /// since.
    virtual void recall(const SeriesKey& /*key*/, base::Second /*last_row*/) {}
    /// Series that it remembers though they have left its windows.
    virtual std::size_t remembered() const { return 0; }
    /// Lets go of them: they are more than a rule may have.
    virtual void forget_remembered() {}
};

/// `rule` and the rest must outlive it. `weeks`: how far `usual` looks back.
std::unique_ptr<Meter> make_meter(const Rule& rule, WindowSet& windows, GaugeBoard& gauges,
                                  const Names& names, int weeks);

}  // namespace quotafuse::alerts
