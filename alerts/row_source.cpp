#include "alerts/row_source.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "sync/history.h"

namespace quotafuse::alerts {
namespace {

/// What was read and not yet taken by every reader.
constexpr std::size_t kMostAhead = std::size_t{24} << 20U;
/// One reading; it hands over what it has read between them, so that no snapshot of the store is
/// held while it waits.
constexpr std::int64_t kStretch = 10 * RowSlice::kSeconds;

}  // namespace

RowSource::RowSource(std::string path, base::Second start, base::Second until, std::size_t readers)
    : start_(start), until_(until), positions_(readers) {
    thread_ = std::jthread{
        [this, path = std::move(path)](const std::stop_token& stop) { work(stop, path); }};
}

RowSource::~RowSource() = default;

void RowSource::work(const std::stop_token& stop, const std::string& path) {
    std::exception_ptr failed;
    try {
        sync::History history{path};
        const auto until = base::unix_seconds(until_);
        for (auto after = base::unix_seconds(start_); after < until; after += kStretch) {
            std::vector<std::shared_ptr<RowSlice>> slices;
            for (auto at = after; at < after + kStretch; at += RowSlice::kSeconds) {
                slices.push_back(std::make_shared<RowSlice>(at));
            }
            history.read(after, std::min(after + kStretch, until), [&](const sync::Row& row) {
                if (row.seen_at >= until) return;  // never there
                const auto slice = (row.created_at - after - 1) / RowSlice::kSeconds;
                slices[static_cast<std::size_t>(slice)]->add(row);
            });
            for (const auto& slice : slices) slice->finish();
            if (!hand_over(stop, {slices.begin(), slices.end()})) return;
        }
    } catch (const std::exception&) {
        failed = std::current_exception();  // told to the readers
    }
    const std::scoped_lock lock{mutex_};
    if (!abandoned_) failed_ = failed;
    ended_ = true;
    changed_.notify_all();
}

bool RowSource::hand_over(const std::stop_token& stop, std::vector<Slice> slices) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait(lock, stop, [&] { return bytes_ < kMostAhead; })) return false;
    for (auto& slice : slices) {
        bytes_ += slice->bytes();
        slices_.push_back(std::move(slice));
    }
    changed_.notify_all();
    return true;
}

RowSource::Slice RowSource::next(std::size_t reader) {
    std::unique_lock lock{mutex_};
    auto& position = positions_[reader];
    changed_.wait(lock, [&] { return position < dropped_ + slices_.size() || ended_; });
    if (abandoned_) std::rethrow_exception(failed_);
    if (position == dropped_ + slices_.size()) {
        if (failed_) std::rethrow_exception(failed_);
        return nullptr;
    }
    auto slice = slices_[position - dropped_];
    ++position;
    drop_read();
    return slice;
}

void RowSource::leave(std::size_t reader) {
    const std::scoped_lock lock{mutex_};
    positions_[reader] = std::numeric_limits<std::size_t>::max();
    drop_read();
}

void RowSource::fail(std::exception_ptr why) {
    thread_.request_stop();
    const std::scoped_lock lock{mutex_};
    failed_ = std::move(why);
    abandoned_ = ended_ = true;
    changed_.notify_all();
}

/// Wakes the thread only when it may go on: every wake costs a call of the system.
void RowSource::drop_read() {
    const auto slowest = *std::min_element(positions_.begin(), positions_.end());
    const bool was_full = bytes_ >= kMostAhead;
    while (!slices_.empty() && dropped_ < slowest) {
        bytes_ -= slices_.front()->bytes();
        slices_.pop_front();
        ++dropped_;
    }
    if (was_full && bytes_ < kMostAhead) changed_.notify_all();
}

}  // namespace quotafuse::alerts
