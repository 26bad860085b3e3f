#include "sync/follower.h"

#include <algorithm>
#include <limits>
#include <span>

namespace quotafuse::sync {

Follower::Follower(LogSource& source, Position position, FollowOptions options,
                   const base::Clock& clock)
    : source_(source),
      position_(std::move(position)),
      options_(options),
      clock_(clock),
      begun_(position_.cursor > 0) {}

Poll Follower::next() {
    const auto gateway = source_.dialect().gateway();
    if (!decoder_ || decoder_->gateway() != gateway) decoder_.emplace(gateway);
    if (!begun_) find_beginning();

    Poll poll;
    poll.gateway = gateway;
    poll.sent = clock_.now();
    auto& entries = poll.batch.entries;
    auto appeared = ask_for_gaps(entries);

    std::vector<Seen> seen;
    const auto count =
        source_.fetch(position_.cursor + 1, std::numeric_limits<std::int64_t>::max(),
                      options_.batch, [&](const RawRow& raw) {
                          entries.push_back(decoder_->decode(raw));
                          seen.push_back({entries.back().id, entries.back().created_at});
                      });
    poll.drained = count < options_.batch;

    // Nothing above may throw from here on: the position moves only with a complete poll.
    const auto now = base::unix_seconds(poll.sent);
    auto gaps = close_gaps(position_.gaps, appeared, now);
    const auto fresh = find_gaps(position_.cursor, seen, now, options_.gap_timeout.count());
    gaps.insert(gaps.end(), fresh.begin(), fresh.end());
    position_.gaps = close_gaps(gaps, {}, now);
    if (!seen.empty()) position_.cursor = seen.back().id;
    poll.batch.position = position_;
    return poll;
}

/// A first start reads no further back than asked: the gateway may hold years.
void Follower::find_beginning() {
    if (options_.since) {
        const auto since = base::unix_seconds(clock_.now()) - options_.since->count();
        position_.cursor = find_start(source_, since) - 1;
    } else {
        // Holes before the first row are not gaps of ours.
        std::int64_t first = 1;
        source_.fetch(1, std::numeric_limits<std::int64_t>::max(), 1,
                      [&](const RawRow& raw) { first = raw.number(Column::id); });
        position_.cursor = first - 1;
    }
    begun_ = true;
}

/// What does not fit into a batch stays a gap and is asked for by the next poll.
std::vector<std::int64_t> Follower::ask_for_gaps(std::vector<LogEntry>& entries) {
    std::vector<std::int64_t> appeared;
    for (std::span<const Gap> left{position_.gaps}; !left.empty();) {
        const auto some = left.first(std::min(left.size(), LogSource::kMostRanges));
        left = left.subspan(some.size());
        source_.fetch_gaps(some, options_.batch, [&](const RawRow& raw) {
            entries.push_back(decoder_->decode(raw));
            appeared.push_back(entries.back().id);
        });
    }
    return appeared;
}

}  // namespace quotafuse::sync
