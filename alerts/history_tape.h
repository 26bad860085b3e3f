#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "alerts/row_slice.h"
#include "alerts/row_source.h"
#include "base/clock.h"
#include "sync/history.h"
#include "sync/row_reader.h"

namespace quotafuse::alerts {

/// A recorded history as an engine meets it that is driven through it: a row is there from the
/// second max(created_at, seen_at + 1) on and not before. Rows come from a source, which may have
/// other readers, too; what a window needs again when the row leaves it comes from memory, as long
/// as that suffices, else from the store. One thread uses it.
class HistoryTape final : public sync::RowReader {
public:
    struct Options {
        base::Second until{};              // no second after it is asked for
        std::chrono::seconds reach{0};     // how far back rows are mostly read, from memory;
        std::chrono::seconds farthest{0};  // and at most
        std::size_t bytes = std::size_t{256} << 20U;  // for rows in memory
    };
    /// It begins at the start of the source. Both must outlive it; nobody else reads `history`
    /// while a member runs, and nobody else is this reader of the source.
    HistoryTape(sync::History& history, RowSource& source, std::size_t reader,
                const Options& options);
    ~HistoryTape() override;

    /// Goes on to the second t, not before the former one; adds the rows that are there now and
    /// were not before, by id. Throws what the reading thread met.
    void advance(base::Second t, std::vector<sync::Row>& added);

    const sync::Texts& texts() const override { return history_.texts(); }
    /// As of when the tape was made, not of the second that is played: what is deleted by now
    /// cannot be read.
    std::int64_t kept_since() const override { return kept_since_; }
    std::optional<std::int64_t> first_row() override;
    void read(std::int64_t after, std::int64_t until,
              const std::function<void(const sync::Row&)>& visit) override;
    void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                   const std::function<void(const sync::Row&)>& visit) override;

private:
    using Slice = RowSource::Slice;
    struct Late {
        sync::Row row;
        bool operator<(const Late& other) const { return row.seen_at > other.row.seen_at; }
    };
    /// A slice that was read again from the store, and when it was last used.
    struct ReadAgain {
        Slice slice;
        std::uint64_t used = 0;
    };

    const RowSlice* slice_to_come();
    void keep(Slice slice);
    void add(const sync::Row& row, std::vector<sync::Row>& added);
    void read_from_store(std::int64_t after, std::int64_t until,
                         const std::function<void(const sync::Row&)>& visit);
    Slice read_again(std::int64_t after);
    void forget_some();

    sync::History& history_;
    RowSource& source_;
    const std::size_t reader_;
    const Options options_;
    const std::int64_t kept_since_;
    std::int64_t now_;
    std::deque<Slice> kept_;  // in memory, oldest first, without a hole
    std::size_t kept_bytes_ = 0;
    std::size_t at_ = 0;           // in the newest of kept_: the next row that was not created yet
    std::deque<sync::Row> fresh_;  // created, and seen in that very second
    std::priority_queue<Late> late_;  // created, and seen later
    std::map<std::int64_t, ReadAgain> read_again_;
    std::size_t read_again_bytes_ = 0;
    std::uint64_t uses_ = 0;
};

}  // namespace quotafuse::alerts
