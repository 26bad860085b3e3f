#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "base/clock.h"

namespace quotafuse::sync {

/// Tells by the ids themselves that they come in steps: in a cluster each node counts by the number
/// of nodes, and a reader on a replica cannot ask for that number.
class IdSteps {
public:
    /// Consecutive ids, ascending.
    void note(std::int64_t former, std::int64_t id);
    /// Nearly all of the last kSteps differ by one and the same number above 1.
    bool constant() const;
    /// Fewer than kSteps were noted.
    bool unsure() const { return count_ < kSteps; }

private:
    static constexpr std::size_t kSteps = 64;
    std::array<std::int64_t, kSteps> steps_{};
    std::size_t count_ = 0;
};

/// What was read lately, for a source whose holes mean nothing: instead of asking for them, the
/// ids since the lowest of these are read again every kReread and compared with this.
class RecentIds {
public:
    static constexpr base::Seconds kReread{5};

    /// An id is remembered until it has been read again `horizon` after it was first seen.
    explicit RecentIds(base::Seconds horizon) : horizon_(horizon) {}

    /// `former` is the id that was read before it: what comes late may come between the two.
    void add(std::int64_t former, std::int64_t id, base::MonoTime seen);
    bool knows(std::int64_t id) const { return known_.contains(id); }
    bool due(base::MonoTime now) const { return now >= next_; }
    /// Everything since lowest() was read again at `now`.
    void was_read_again(base::MonoTime now);
    /// What to read again: lowest() to highest(); empty when there is nothing to.
    std::optional<std::int64_t> lowest() const;
    std::int64_t highest() const { return known_.empty() ? 0 : *known_.rbegin(); }
    void clear();

private:
    struct Entry {
        std::int64_t former;
        std::int64_t id;
        base::MonoTime seen;
    };
    base::Seconds horizon_;
    std::deque<Entry> entries_;  // in order of `seen`
    std::set<std::int64_t> known_;
    base::MonoTime next_{};
};

}  // namespace quotafuse::sync
