#include "alerts/history_tape.h"

#include <algorithm>
#include <utility>

namespace quotafuse::alerts {
namespace {

/// Minutes that were read again. Every window that reaches further back than memory needs one or
/// two.
constexpr std::size_t kMostReadAgain = std::size_t{64} << 20U;
/// More windows do not reach so far.
constexpr std::size_t kMinutesUsed = 512;

sync::TextId highest_text(const sync::Row& row) {
    return std::max(
        {row.username, row.token_name, row.model, row.group, row.route, row.error_code});
}

}  // namespace

HistoryTape::HistoryTape(sync::History& history, RowSource& source, std::size_t reader,
                         const Options& options)
    : history_(history),
      source_(source),
      reader_(reader),
      options_(options),
      kept_since_(history.kept_since()),
      now_(base::unix_seconds(source.start())) {
    history_.read_late(now_ - options_.farthest.count(), now_, now_ - 1, [&](const sync::Row& row) {
        if (row.seen_at < base::unix_seconds(options_.until)) late_.push({row});
    });
}

HistoryTape::~HistoryTape() {
    source_.leave(reader_);
}

void HistoryTape::keep(Slice slice) {
    kept_bytes_ += slice->bytes();
    kept_.push_back(std::move(slice));
    const auto needed = now_ - options_.reach.count();
    while (kept_.size() > 1 && (kept_bytes_ > options_.bytes || kept_.front()->until() <= needed)) {
        kept_bytes_ -= kept_.front()->bytes();
        kept_.pop_front();
    }
    at_ = 0;
}

/// The slice of the next row that was not created yet; null at the end.
const RowSlice* HistoryTape::slice_to_come() {
    while (kept_.empty() || at_ == kept_.back()->size()) {
        auto slice = source_.next(reader_);
        if (!slice) return nullptr;
        keep(std::move(slice));
    }
    return kept_.back().get();
}

void HistoryTape::advance(base::Second t, std::vector<sync::Row>& added) {
    const auto first = added.size();
    now_ = base::unix_seconds(t);
    while (!fresh_.empty() && fresh_.front().seen_at < now_) {
        add(fresh_.front(), added);
        fresh_.pop_front();
    }
    while (const auto* const slice = slice_to_come()) {
        if (slice->created_at(at_) > now_) break;
        auto row = slice->row(at_++);
        if (row.seen_at < now_) {
            add(row, added);
        } else if (row.seen_at == row.created_at) {
            fresh_.push_back(row);
        } else {
            late_.push({row});
        }
    }
    while (!late_.empty() && late_.top().row.seen_at < now_) {
        add(late_.top().row, added);
        late_.pop();
    }
    const auto by_id = [](const sync::Row& a, const sync::Row& b) { return a.id < b.id; };
    const auto begin = added.begin() + static_cast<std::ptrdiff_t>(first);
    if (!std::is_sorted(begin, added.end(), by_id)) std::sort(begin, added.end(), by_id);
}

void HistoryTape::add(const sync::Row& row, std::vector<sync::Row>& added) {
    // A text that came after the history was opened, and which only the source has read.
    if (static_cast<std::size_t>(highest_text(row)) >= texts().size()) {
        history_.read(row.created_at - 1, row.created_at, [](const sync::Row&) {});
    }
    added.push_back(row);
}

std::optional<std::int64_t> HistoryTape::first_row() {
    const auto first = history_.first_row();
    return first && *first <= now_ ? first : std::nullopt;
}

void HistoryTape::read(std::int64_t after, std::int64_t until,
                       const std::function<void(const sync::Row&)>& visit) {
    until = std::min(until, now_);  // what is created later was not added, so it is not there
    const auto begin = kept_.empty() ? now_ : kept_.front()->after();
    if (after < begin) read_from_store(after, std::min(until, begin), visit);
    if (until <= begin) return;
    auto at = static_cast<std::size_t>((std::max(after, begin) - begin) / RowSlice::kSeconds);
    for (; at < kept_.size() && kept_[at]->after() < until; ++at) {
        kept_[at]->each(after, until, now_, visit);
    }
}

void HistoryTape::read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                            const std::function<void(const sync::Row&)>& visit) {
    history_.read_late(after, std::min(until, now_), seen, [&](const sync::Row& row) {
        if (row.seen_at < now_) visit(row);
    });
}

/// Minutes are read whole and kept for a while: the next reading of the same window wants the next
/// second.
void HistoryTape::read_from_store(std::int64_t after, std::int64_t until,
                                  const std::function<void(const sync::Row&)>& visit) {
    constexpr std::int64_t kLong = 5 * RowSlice::kSeconds;
    if (until - after > kLong) {
        history_.read(after, until, [&](const sync::Row& row) {
            if (row.seen_at < now_) visit(row);
        });
        return;
    }
    // Minutes begin as those of the thread do.
    const auto start = base::unix_seconds(source_.start());
    const auto minutes = (start - after + RowSlice::kSeconds - 1) / RowSlice::kSeconds;
    for (auto at = start - minutes * RowSlice::kSeconds; at < until; at += RowSlice::kSeconds) {
        read_again(at)->each(after, until, now_, visit);
    }
}

HistoryTape::Slice HistoryTape::read_again(std::int64_t after) {
    if (const auto known = read_again_.find(after); known != read_again_.end()) {
        known->second.used = ++uses_;
        return known->second.slice;
    }
    auto slice = std::make_shared<RowSlice>(after);
    history_.read(after, after + RowSlice::kSeconds,
                  [&](const sync::Row& row) { slice->add(row); });
    slice->finish();
    read_again_[after] = {slice, ++uses_};
    read_again_bytes_ += slice->bytes();
    if (read_again_bytes_ > kMostReadAgain || read_again_.size() > 2 * kMinutesUsed) forget_some();
    return slice;
}

void HistoryTape::forget_some() {
    const auto drop_unless_used = [&](std::uint64_t within) {
        std::erase_if(read_again_,
                      [&](const auto& one) { return one.second.used + within <= uses_; });
    };
    drop_unless_used(kMinutesUsed);
    read_again_bytes_ = 0;
    for (const auto& [after, one] : read_again_) read_again_bytes_ += one.slice->bytes();
    if (read_again_bytes_ <= kMostReadAgain) return;
    drop_unless_used(1);
    read_again_bytes_ = read_again_.begin()->second.slice->bytes();
}

}  // namespace quotafuse::alerts
