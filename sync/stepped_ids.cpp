#include "sync/stepped_ids.h"

#include <algorithm>

namespace quotafuse::sync {

void IdSteps::note(std::int64_t former, std::int64_t id) {
    steps_[count_ % kSteps] = id - former;
    ++count_;
}

bool IdSteps::constant() const {
    if (unsure()) return false;
    auto sorted = steps_;
    std::sort(sorted.begin(), sorted.end());
    const auto usual = sorted[kSteps / 2];
    const auto same = std::count(sorted.begin(), sorted.end(), usual);
    return usual > 1 && same * 10 >= static_cast<std::ptrdiff_t>(kSteps) * 9;
}

void RecentIds::add(std::int64_t former, std::int64_t id, base::MonoTime seen) {
    if (known_.insert(id).second) entries_.push_back({former, id, seen});
}

void RecentIds::was_read_again(base::MonoTime now) {
    next_ = now + kReread;
    while (!entries_.empty() && entries_.front().seen < now - horizon_) entries_.pop_front();
    // What will be read again must stay known, however old it is.
    const auto low = lowest();
    known_.erase(known_.begin(), low ? known_.lower_bound(*low) : known_.end());
}

std::optional<std::int64_t> RecentIds::lowest() const {
    const auto low =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.former < b.former; });
    return low == entries_.end() ? std::nullopt : std::optional{low->former + 1};
}

void RecentIds::clear() {
    entries_.clear();
    known_.clear();
}

}  // namespace quotafuse::sync
