#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "alerts/filter.h"
#include "alerts/names.h"
#include "alerts/notice.h"
#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "sync/row.h"

namespace quotafuse::alerts {

/// Whether the metric is made of parts: a sum, a count or a rate of them.
bool adds_up(Metric metric);

/// Amounts by the values of one dimension. A hundred thousand of them are added within a second's
/// evaluation, so they lie side by side.
class Amounts {
public:
    struct Entry {
        KeyPart part;
        double now = 0;
        double before = 0;
    };
    Entry& at(const KeyPart& part);
    const std::vector<Entry>& entries() const { return entries_; }

private:
    std::size_t place_of(const KeyPart& part) const;
    void grow();

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> places_;  // 0, or one more than the index in entries_
    std::size_t last_ = 0;               // the next row is often of the same group or route
};

/// Some series of one rule, added up by each dimension that may explain them. Pipeline thread only.
class Breakdown {
public:
    /// Both must outlive it. The rule's metric adds up.
    Breakdown(const Rule& rule, const Names& names);

    /// Rows of this series count; those of others that nobody asked for do not.
    void ask(const SeriesKey& key);
    /// Adds a row of the window, or of the one `before` that it is compared with. False for one
    /// that does not count.
    bool add(const sync::Row& row, bool before);
    /// The parts of a series that was asked for. `rises`: those of what was added since come first.
    std::vector<Contribution> parts_of(const SeriesKey& key, bool rises) const;

    const Rule& rule() const { return rule_; }

private:
    struct Portion;

    /// Where the channel is open, provider and tag follow from the amounts of each channel.
    void fold_channels(std::vector<Amounts>& tables) const;
    Contribution contribution_of(Dimension dimension, const Amounts& table, bool rises) const;

    const Rule& rule_;
    const Names& names_;
    const std::vector<Dimension> dimensions_;
    Filter filter_;
    std::size_t counted_ = 0;  // dimensions that each row is added to; the others follow
    std::unordered_map<SeriesKey, std::vector<Amounts>, SeriesKeyHash> series_;
};

}  // namespace quotafuse::alerts
