#include "alerts/explain.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "alerts/breakdown.h"
#include "alerts/window.h"

namespace quotafuse::alerts {
namespace {

/// In quarters of reading a row: what it costs to read one, and to let one rule look at it.
constexpr std::size_t kReadCost = 4;
constexpr std::size_t kLookCost = 1;
constexpr std::size_t kMostCost = kMostRowsExplained * (kReadCost + kLookCost);
/// A reading asks the store at least for so many seconds at the end of its growth.
constexpr std::int64_t kLongestSlice = 86'400;

/// Rows of one span that one rule wants.
struct Stretch {
    Breakdown* rows = nullptr;
    bool before = false;  // of the window that the rule's is compared with
    std::int64_t tail = 0;
    std::int64_t head = 0;
    std::size_t seen = 0;
    bool whole = false;
};

/// Thrown through a reading that turns out too long.
struct TooMany {};

/// Reads what several stretches want, once and backwards, until all have it or it has cost enough.
class Descent {
public:
    Descent(sync::RowReader& reader, std::vector<Stretch>& stretches)
        : reader_(reader), stretches_(stretches) {}

    void run() {
        for (const auto& stretch : stretches_) until_ = std::max(until_, stretch.head);
        for (std::int64_t length = 1; cost_ < kMostCost && find_wanted();) {
            length = read(length);
        }
        for (auto& stretch : stretches_) stretch.whole = until_ <= stretch.tail;
    }

private:
    /// Those that want the rows of `until_`, which falls over what none wants; false at the end.
    bool find_wanted() {
        wanted_.clear();
        std::int64_t lowest = until_;
        std::optional<std::int64_t> next;
        for (auto& stretch : stretches_) {
            if (stretch.tail >= std::min(stretch.head, until_)) continue;
            if (stretch.head >= until_)
                wanted_.push_back(&stretch);
            else
                next = std::max(next.value_or(stretch.head), stretch.head);
            lowest = std::min(lowest, stretch.tail);
        }
        if (!wanted_.empty()) {
            floor_ = next.value_or(lowest);
            for (const auto* const one : wanted_) floor_ = std::max(floor_, one->tail);
            return true;
        }
        until_ = next.value_or(lowest);
        return next && find_wanted();
    }

    /// One slice of about `length`; the length of the next one. Where rows begin to lie closer, it
    /// is given up, so that no more than a quarter of what is left is read in vain.
    std::int64_t read(std::int64_t length) {
        const auto cost_of_row = kReadCost + kLookCost * wanted_.size();
        const auto left = (kMostCost - cost_) / cost_of_row + 1;
        const auto after = std::max(until_ - length, floor_);
        const bool may_shrink = until_ - after > 1;
        rows_.clear();
        try {
            reader_.read(after, until_, [&](const sync::Row& row) {
                if (may_shrink && rows_.size() > std::max(left / 4, kLeast)) throw TooMany{};
                rows_.push_back(row);
            });
        } catch (const TooMany&) {
            cost_ += rows_.size() * kReadCost;
            return std::max<std::int64_t>((until_ - after) / 8, 1);
        }
        for (const auto& row : rows_) {
            for (const auto* const one : wanted_) one->rows->add(row, one->before);
        }
        for (auto* const one : wanted_) one->seen += rows_.size();
        cost_ += kAskCost + rows_.size() * cost_of_row;
        const auto seconds = until_ - after;
        until_ = after;
        if (rows_.size() > left / 8) return std::max<std::int64_t>(seconds / 2, 1);
        return rows_.size() > left / 16 ? seconds : std::min(seconds * 2, kLongestSlice);
    }

    static constexpr std::size_t kLeast = 64;
    static constexpr std::size_t kAskCost = 10 * kReadCost;

    sync::RowReader& reader_;
    std::vector<Stretch>& stretches_;
    std::int64_t until_ = INT64_MIN;
    std::int64_t floor_ = 0;
    std::vector<Stretch*> wanted_;
    std::vector<sync::Row> rows_;
    std::size_t cost_ = 0;
};

}  // namespace
}  // namespace quotafuse::alerts
