#include "daemon/slow_down.h"

#include <algorithm>

namespace quotafuse::daemon {

base::Seconds SlowDown::wait_of(const std::string& address) const {
    const auto found = entries_.find(address);
    if (found == entries_.end()) return base::Seconds{0};
    const auto left = std::chrono::ceil<base::Seconds>(found->second.until - clock_.mono());
    return std::max(left, base::Seconds{0});
}

base::Seconds SlowDown::wait(const std::string& address) {
    const std::scoped_lock lock{mutex_};
    return wait_of(address);
}

SlowDown::Try SlowDown::begin(const std::string& address) {
    const std::scoped_lock lock{mutex_};
    if (const auto left = wait_of(address); left.count() > 0) return {left, 0};
    const auto now = clock_.mono();
    if (!entries_.contains(address)) make_room();
    auto& entry = entries_[address];
    if (now - entry.last > kForgiven) entry = {};
    entry.last = now;
    ++entry.wrong;
    if (entry.wrong >= kFree) {
        const auto doublings = std::min(entry.wrong - kFree, 10);
        entry.until = now + std::min(base::Seconds{1LL << doublings}, kLongestWait);
    }
    return {base::Seconds{0}, entry.wrong};
}

void SlowDown::forgive(const std::string& address) {
    const std::scoped_lock lock{mutex_};
    entries_.erase(address);
}

std::size_t SlowDown::size() {
    const std::scoped_lock lock{mutex_};
    return entries_.size();
}

void SlowDown::make_room() {
    if (entries_.size() < kMost) return;
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

}  // namespace quotafuse::daemon
