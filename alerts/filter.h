#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "alerts/sums.h"
#include "sync/directory.h"
#include "sync/row.h"
#include "sync/tally.h"

namespace quotafuse::alerts {

/// Which rows a rule looks at and what each of them counts for. Decides each text once and
/// remembers it by its id. An IPv6 address is known by its /64 only (see sync::Address): patterns
/// are matched with "2001:db8:1:2::/64", and a single address stands for the whole of its /64.
/// Belongs to the pipeline's thread; `texts` must outlive it.
class Filter {
public:
    /// With `of_attempts` the conditions on status and code choose errors, not rows. errors_when
    /// says which failed attempts are errors in place of what sync::tally_of() says; the others
    /// are the client's doing then.
    Filter(Where where, std::optional<ErrorsWhen> errors_when, bool of_attempts,
           const sync::Texts& texts);

    /// What the row adds to its series; empty for one that the filter leaves out.
    std::optional<Sums> count(const sync::Row& row);
    /// The same of a row whose tally is known: whether it is chosen. `sums` is what the tally says,
    /// and becomes what the row counts for.
    bool count(const sync::Row& row, const sync::Tally& tally, Sums& sums);

    /// Whether a condition goes by the names, providers or tags of channels, so that nothing can be
    /// said before they are known.
    bool needs_names() const { return needs_names_; }
    /// Whether the conditions hold for what the key names, as far as it says: an id does not tell
    /// the name of a token or a user.
    bool chooses(const SeriesKey& key, const std::vector<Dimension>& by);
    /// Learns names, providers and tags. True when that changes which rows are chosen, of those met
    /// so far: sums made before are void.
    bool use(const sync::Directory& directory);
    /// The channels that it has met and chose or refused by what the directory says of them.
    std::vector<std::int64_t> met() const;
    /// Sums made elsewhere hold what this filter chose of the channel's rows: as if it met it here.
    void meet(std::int64_t channel);

private:
    /// A condition and what it said of the values met so far.
    struct Memo {
        explicit Memo(Condition what);
        Condition condition;
        bool any_positive = false;
        bool any_pattern = false;
        std::vector<std::uint8_t> by_text;  // by TextId: 0, or bits of what matched; see kMostTexts
        std::unordered_map<std::int64_t, bool> by_number;  // of channels and statuses
    };

    bool holds(Memo& memo, const sync::Row& row) const;
    bool holds_in_key(Memo& memo, const SeriesKey& key, const std::vector<Dimension>& by) const;
    /// What is said of later texts is not remembered: they are decided anew each time.
    static constexpr std::size_t kMostTexts = std::size_t{1} << 20U;
    std::uint8_t ask_text(const Memo& memo, sync::TextId text) const;
    std::uint8_t look_up_text(Memo& memo, sync::TextId text) const;
    bool holds_text(Memo& memo, std::int64_t number, sync::TextId text) const;
    bool holds_number(Memo& memo, std::int64_t number) const;
    bool decide_number(Memo& memo, std::int64_t number) const;

    const sync::Texts& texts_;
    std::vector<Memo> rows_;                 // choose rows
    std::vector<Memo> errors_;               // choose the errors that count
    std::optional<std::vector<Memo>> when_;  // one of them makes a failed attempt an error
    std::map<std::int64_t, sync::Directory::Channel> channels_;
    bool needs_names_ = false;
    bool knows_names_ = false;
};

}  // namespace quotafuse::alerts
