#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "alerts/rule.h"
#include "alerts/sums.h"
#include "sync/gateway_info.h"
#include "sync/row.h"

namespace quotafuse::alerts {

/// Which rows a rule looks at and what each of them counts for. Decides each text once and
/// remembers it by its id. An IPv6 address is known by its /64 only (see sync::Address): patterns
/// are matched with "2001:db8:1:2::/64", and a single address stands for the whole of its /64.
/// Belongs to the pipeline's thread; `texts` must outlive it.
class Filter {
public:
    /// With `of_attempts` the conditions on status and code choose errors, not rows.
    Filter(Where where, bool of_attempts, const sync::Texts& texts);

    /// What the row adds to its series; empty for one that the filter leaves out.
    std::optional<Sums> count(const sync::Row& row);

    /// Whether a condition names channels by name, so that nothing can be said before names are
    /// known.
    bool needs_names() const { return needs_names_; }
    /// Whether the conditions on channels hold for this one.
    bool allows_channel(std::int64_t channel);
    /// Learns the channels' names. True when that changes which channels match: sums made before
    /// are void.
    bool use_names(const std::map<std::int64_t, sync::Channel>& channels);

private:
    /// A condition and what it said of the values met so far.
    struct Memo {
        Condition condition;
        std::vector<std::int8_t> by_text;  // by TextId: 0 not yet asked, 1 yes, 2 no
        std::unordered_map<std::int64_t, bool> by_number;  // channels and statuses
    };

    bool holds(Memo& memo, const sync::Row& row) const;
    bool holds_text(Memo& memo, sync::TextId text) const;
    bool holds_number(Memo& memo, std::int64_t number) const;
    std::string name_of(Dimension dimension, std::int64_t number) const;

    const sync::Texts& texts_;
    std::vector<Memo> rows_;    // choose rows
    std::vector<Memo> errors_;  // choose the errors that count
    std::map<std::int64_t, std::string> channel_names_;
    bool needs_names_ = false;
};

}  // namespace quotafuse::alerts
