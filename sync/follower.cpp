#include "sync/follower.h"

#include <algorithm>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace quotafuse::sync {
namespace {

constexpr auto kAnyTime = std::numeric_limits<std::int64_t>::min();
constexpr auto kNoEnd = std::numeric_limits<std::int64_t>::max();

/// Of the audit a poll asks for one statement's worth: what is due can wait a second.
constexpr std::size_t kAuditedOfPoll = LogSource::kMostRanges;

/// After a start a cluster's last rows are read again, at most so many.
constexpr std::size_t kMostWalked = 20'000;

/// Rows of one statement that reads again; few of them are new.
constexpr std::size_t kReadAgain = 5000;

/// Row ids have the epoch above the gateway's id, and no gateway counts this far by itself.
GatewayError too_high(std::int64_t id) {
    return {
        GatewayError::Kind::rejected,
        fmt::format("the table `logs` has a row with the id {}, and ids above {} cannot be told "
                    "apart: who inserted it? Delete it and set the table's AUTO_INCREMENT back",
                    id, kHighestId)};
}

std::vector<Seen> seen_of(const std::vector<LogEntry>& entries) {
    std::vector<Seen> seen;
    seen.reserve(entries.size());
    for (const auto& entry : entries) seen.push_back({entry.id, entry.created_at});
    return seen;
}

}  // namespace

Follower::Follower(LogSource& source, Mirror& mirror, Position position, FollowOptions options,
                   const base::Clock& clock)
    : source_(source),
      mirror_(mirror),
      position_(std::move(position)),
      options_(options),
      clock_(clock),
      continuity_(source, mirror),
      recent_(options.gap_timeout),
      begun_(position_.cursor > 0 || position_.epoch > 0) {}

Poll Follower::next() {
    Poll poll;
    poll.gateway = source_.dialect().gateway();
    decode_as(poll.gateway);
    const auto faults = decoder_->broken_others();
    poll.sent = clock_.now();
    if (!begun_) position_ = beginning();
    begun_ = true;

    const bool settled = suspect_;
    poll.behind = poll.drained = suspect_ && !settle();
    poll.batch.position = position_;
    if (poll.behind) return poll;

    auto read = read_above();
    if (!continues(read, settled)) {
        // A table that contradicts itself within one call is one of several (replicas behind one
        // name): wait for it rather than ask it again at once.
        suspect_ = true;
        poll.suspect = !settled;
        poll.behind = poll.drained = settled;
        return poll;
    }
    read_gaps(read);
    if (!walked_ || (!read.full && recent_.due(clock_.mono()))) read_again(read);

    // Nothing may throw from here on: the position moves only with a complete poll.
    advance(read, poll.sent);
    poll.drained = !read.full;
    poll.broken_others = decoder_->broken_others() - faults;
    poll.batch.entries = std::move(read.late);
    std::move(read.again.begin(), read.again.end(), std::back_inserter(poll.batch.entries));
    std::move(read.entries.begin(), read.entries.end(), std::back_inserter(poll.batch.entries));
    poll.batch.position = position_;
    return poll;
}

void Follower::decode_as(Gateway gateway) {
    if (!decoder_ || decoder_->gateway() != gateway) decoder_.emplace(gateway);
}

/// A first start reads no further back than asked: the gateway may hold years. Holes before the
/// first row are as good as any other.
Position Follower::beginning() {
    Position position;
    if (!options_.since) return position;
    const auto first =
        find_start(source_, base::unix_seconds(clock_.now()) - options_.since->count());
    // The row before is not stored, but it proves later that the table is still the same.
    source_.fetch_down(first - 1, 1, [&](const RawRow& raw) {
        position.cursor = raw.number(Column::id);
        position.anchor = fingerprint_of(raw);
        position.first = position.cursor + 1;
    });
    return position;
}

/// Compares the table with the mirror; false when it ends before what is stored.
bool Follower::settle() {
    switch (continuity_.judge(position_)) {
        case Continuity::Verdict::behind:
            return false;
        case Continuity::Verdict::pruned:
            position_.anchor.reset();
            break;
        case Continuity::Verdict::replaced:
            begin_epoch();
            break;
        case Continuity::Verdict::same:
            if (!position_.anchor) position_.anchor = mirror_.find(position_.cursor);
            break;
    }
    suspect_ = false;
    return true;
}

void Follower::begin_epoch() {
    const auto theirs = continuity_.find_beginning(position_);
    auto position = theirs.row_before
                        ? Position{0, theirs.first, theirs.first - 1, theirs.row_before, {}}
                        : beginning();  // nothing of it is ours
    position.epoch = position_.epoch + 1;
    position_ = std::move(position);
    recent_.clear();
    steps_ = {};
    drained_at_.reset();  // its holes are as old as its rows say
}

Follower::Read Follower::read_above() {
    Read read;
    const bool anchored = position_.anchor.has_value();
    const auto limit = options_.batch + (anchored ? 1 : 0);
    const auto count =
        source_.fetch(position_.cursor + (anchored ? 0 : 1), kNoEnd, limit, [&](const RawRow& raw) {
            const auto id = raw.number(Column::id);
            if (id > kHighestId) throw too_high(id);
            if (id == position_.cursor)
                read.at_cursor = fingerprint_of(raw);
            else
                read.entries.push_back(decoder_->decode(raw));
        });
    read.full = count == limit;
    return read;
}

/// Whether what was read continues what was read before.
bool Follower::continues(const Read& read, bool settled) {
    if (position_.anchor) return read.at_cursor && same_row(*read.at_cursor, *position_.anchor);
    if (position_.cursor == 0) return true;
    // Its row was pruned: rows above it prove nothing, and an end below it is no pruning.
    if (!read.entries.empty()) return settled;
    const auto last = source_.last_id();
    return last == 0 || last > position_.cursor;
}

void Follower::read_gaps(Read& read) {
    read.asked = gaps_to_ask(position_.gaps, base::unix_seconds(clock_.now()), kAuditedOfPoll);
    for (std::span<const Gap> left{read.asked}; !left.empty();) {
        const auto some = left.first(std::min(left.size(), LogSource::kMostRanges));
        left = left.subspan(some.size());
        for (std::vector<Gap> rest{some.begin(), some.end()}; !rest.empty();) {
            if (read_late(rest, read) < kReadAgain) break;
            const auto reached = read.appeared.back();
            std::erase_if(rest, [&](const Gap& gap) { return gap.last <= reached; });
            if (!rest.empty()) rest[0].first = std::max(rest[0].first, reached + 1);
        }
    }
}

/// Ranges that were merged have rows in them which are stored already.
std::size_t Follower::read_late(const std::vector<Gap>& gaps, Read& read) {
    std::vector<LogEntry> found;
    const auto count = source_.fetch_gaps(gaps, kReadAgain, [&](const RawRow& raw) {
        found.push_back(decoder_->decode(raw));
        read.appeared.push_back(found.back().id);
    });
    for (auto& entry : found) {
        if (!mirror_.find(entry.id)) read.late.push_back(std::move(entry));
    }
    return count;
}

/// At first what the run before this one may have left to wait for: it is only remembered in
/// memory.
void Follower::read_again(Read& read) {
    auto first = walked_ ? recent_.lowest() : std::optional{lowest_of_late()};
    const auto last = walked_ ? recent_.highest() : position_.cursor;
    read.again_from = first;
    while (first && *first <= last) {
        const auto count = source_.fetch(*first, last, kReadAgain, [&](const RawRow& raw) {
            first = raw.number(Column::id) + 1;
            if (!recent_.knows(*first - 1)) read.again.push_back(decoder_->decode(raw));
        });
        if (count < kReadAgain) break;
    }
}

/// Where the rows begin that were young when the one at the cursor was.
std::int64_t Follower::lowest_of_late() {
    auto lowest = position_.cursor;
    if (!position_.anchor) return lowest;
    const auto oldest = position_.anchor->created_at - options_.gap_timeout.count() - kMostSkew;
    auto last = lowest;
    std::size_t walked = 0;
    for (std::size_t limit = 16; walked < kMostWalked; limit *= 4) {
        bool old = false;
        const auto count = source_.fetch_down(last, limit, [&](const RawRow& raw) {
            last = raw.number(Column::id) - 1;
            if (raw.created_at() < oldest)
                old = true;
            else
                lowest = raw.number(Column::id);
        });
        if (old || count < limit) break;
        walked += count;
    }
    return std::max(lowest, position_.first);
}

void Follower::advance(const Read& read, base::Second now) {
    const auto seconds = base::unix_seconds(now);
    position_.gaps = after_asking(position_.gaps, read.asked, read.appeared, seconds);
    note_steps(0, read.again);
    note_steps(position_.cursor, read.entries);
    if (!read.again.empty() || !read.entries.empty())
        stepped_ = source_.steps_ids() || steps_.constant();

    // What may still come before these rows is waited for in one way or the other.
    const auto mono = clock_.mono();
    if (stepped_ || (!walked_ && steps_.unsure()))
        remember(read.again_from.value_or(1) - 1, read.again, kAnyTime, mono);
    if (stepped_) {
        const auto young = options_.gap_timeout.count() + kMostSkew;
        const auto oldest = unwatched(mono) <= young ? kAnyTime : seconds - young;
        remember(position_.cursor, read.entries, oldest, mono);
    } else {
        position_.gaps = merge_gaps(std::move(position_.gaps),
                                    find_gaps(position_.cursor, seen_of(read.entries), seconds,
                                              options_.gap_timeout.count(), unwatched(mono)));
    }
    if (read.again_from) recent_.was_read_again(mono);
    walked_ = true;
    if (!read.full) drained_at_ = mono;
    if (read.entries.empty()) return;
    position_.cursor = read.entries.back().id;
    position_.anchor = fingerprint_of(read.entries.back());
}

/// Seconds since everything committed was seen: what is new is no older, whatever its clock says.
std::int64_t Follower::unwatched(base::MonoTime now) const {
    if (!drained_at_) return kForEver;
    return std::chrono::ceil<base::Seconds>(now - *drained_at_).count();
}

void Follower::note_steps(std::int64_t former, const std::vector<LogEntry>& entries) {
    for (const auto& entry : entries) {
        if (former > 0) steps_.note(former, entry.id);
        former = entry.id;
    }
}

/// Those created at `oldest` or later.
void Follower::remember(std::int64_t former, const std::vector<LogEntry>& entries,
                        std::int64_t oldest, base::MonoTime now) {
    for (const auto& entry : entries) {
        if (entry.created_at >= oldest) recent_.add(former, entry.id, now);
        former = entry.id;
    }
}

}  // namespace quotafuse::sync
