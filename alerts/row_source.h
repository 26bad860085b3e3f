#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "alerts/row_slice.h"
#include "base/clock.h"

namespace quotafuse::alerts {

/// Reads a stored history once, on a thread of its own and ahead of its readers, which share what
/// was read: none of them gets far before another. Any thread; each reader is one thread.
class RowSource {
public:
    using Slice = std::shared_ptr<const RowSlice>;

    /// Rows with start < created_at ≤ until that were seen before `until`, of the store at `path`.
    RowSource(std::string path, base::Second start, base::Second until, std::size_t readers);
    ~RowSource();
    RowSource(const RowSource&) = delete;
    RowSource& operator=(const RowSource&) = delete;

    base::Second start() const { return start_; }
    /// Minute after minute, each reader from the beginning; null at the end. Throws what the
    /// reading met.
    Slice next(std::size_t reader);
    /// It needs no more.
    void leave(std::size_t reader);
    /// Lets every reader end: next() throws this from now on.
    void fail(std::exception_ptr why);

private:
    void work(const std::stop_token& stop, const std::string& path);
    bool hand_over(const std::stop_token& stop, std::vector<Slice> slices);
    void drop_read();

    const base::Second start_;
    const base::Second until_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    // All guarded by mutex_:
    std::deque<Slice> slices_;
    std::size_t dropped_ = 0;             // slices before those
    std::vector<std::size_t> positions_;  // of the readers, counted from the first slice of all
    std::size_t bytes_ = 0;
    bool ended_ = false;
    bool abandoned_ = false;
    std::exception_ptr failed_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace quotafuse::alerts
