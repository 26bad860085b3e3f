#pragma once

#include <cstddef>
#include <optional>
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

/// Some series of one rule, added up by each dimension that may explain them. Pipeline thread only.
class Breakdown {
public:
    /// Both must outlive it. The rule's metric adds up.
    Breakdown(const Rule& rule, const Names& names);

    /// Rows of this series count; those of others that nobody asked for do not.
    void ask(const SeriesKey& key);
    /// A row of the window, or of the one `before` that it is compared with.
    void add(const sync::Row& row, bool before);
    /// The parts of a series that was asked for. `rises`: those of what was added since come first.
    std::vector<Contribution> parts_of(const SeriesKey& key, bool rises) const;

    const Rule& rule() const { return rule_; }

private:
    struct PartHash {
        std::size_t operator()(const KeyPart& part) const;
    };
    struct Amount {
        double now = 0;
        double before = 0;
    };
    using Table = std::unordered_map<KeyPart, Amount, PartHash>;
    struct Portion;

    bool says_nothing(const Table& table) const;
    Contribution contribution_of(Dimension dimension, const Table& table, bool rises) const;

    const Rule& rule_;
    const Names& names_;
    const std::vector<Dimension> dimensions_;
    Filter filter_;
    std::unordered_map<SeriesKey, std::vector<Table>, SeriesKeyHash> series_;
};

}  // namespace quotafuse::alerts
