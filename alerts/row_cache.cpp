#include "alerts/row_cache.h"

#include <algorithm>
#include <utility>

namespace quotafuse::alerts {
namespace {

constexpr std::int64_t kTicksKept = 40;    // without being asked for
constexpr std::int64_t kTrimEvery = 60;    // ticks
constexpr std::size_t kMostBlocks = 4096;  // of which many may be empty
constexpr std::size_t kMostSpare = 32;
/// So many late rows of a block, and an eighth of the others, may wait to be filed among those: a
/// burst in one second would be quadratic otherwise.
constexpr std::size_t kLateWaiting = 64;
constexpr std::int64_t kFew = 20;  // rows a second

}  // namespace

RowCache::RowCache(sync::RowReader& reader, std::size_t most_rows)
    : reader_(reader), most_rows_(most_rows) {}

std::int64_t RowCache::block_of(std::int64_t second) {
    return second >= 0 ? second / kBlock : (second + 1) / kBlock - 1;
}

void RowCache::each(std::int64_t after, std::int64_t until, const Visit& visit) {
    if (until <= after) return;
    // A reading that fails leaves what was read before it: that is whole.
    for (auto n = block_of(after + 1); n <= block_of(until); ++n) load(n, until);
    for (auto n = block_of(after + 1); n <= block_of(until); ++n) {
        const auto& block = blocks_.at(n);
        const auto from = std::max(after + 1, n * kBlock);
        const auto to = std::min(until, n * kBlock + kBlock - 1);
        const auto end = block.first[static_cast<std::size_t>(to - n * kBlock) + 1];
        for (auto at = block.first[static_cast<std::size_t>(from - n * kBlock)]; at < end; ++at) {
            visit(block.rows[at]);
        }
        for (const auto& row : block.late) {
            if (row.created_at >= from && row.created_at <= to) visit(row);
        }
    }
}

/// Sees to it that the rows of a block are there, up to the second `until` at least. Where they are
/// few, all of them: a reading costs as much as some rows. Where they are many, no more than need
/// be, so that no second has to read for others.
void RowCache::load(std::int64_t number, std::int64_t until) {
    auto& block = this->block(number);
    const auto first = number * kBlock;
    const auto wanted = std::min(until - first + 1, kBlock);
    if (block.loaded >= wanted) return;
    const auto seconds = (is_dense(number) ? wanted : kBlock) - block.loaded;
    const auto before = first + block.loaded - 1;
    read_.clear();
    reader_.read(before, before + seconds, [&](const sync::Row& row) { read_.push_back(row); });
    block.rows.insert(block.rows.end(), read_.begin(), read_.end());
    index(block, number, block.loaded);
    block.loaded += seconds;
    rows_ += read_.size();
    dense_ = static_cast<std::int64_t>(read_.size()) > kFew * seconds;
}

/// Finds where each second begins, from the second `from` of the block on.
void RowCache::index(Block& block, std::int64_t number, std::int64_t from) {
    auto at = block.first[static_cast<std::size_t>(from)];
    for (auto second = from; second < kBlock; ++second) {
        block.first[static_cast<std::size_t>(second)] = at;
        const auto created_at = number * kBlock + second;
        while (at < block.rows.size() && block.rows[at].created_at == created_at) ++at;
    }
    block.first[kBlock] = at;
}

/// Puts late rows among the others.
void RowCache::file(Block& block, std::int64_t number) {
    const auto filed = static_cast<std::ptrdiff_t>(block.rows.size());
    std::ranges::stable_sort(block.late, {}, &sync::Row::created_at);
    block.rows.insert(block.rows.end(), block.late.begin(), block.late.end());
    block.late.clear();
    std::ranges::inplace_merge(block.rows, block.rows.begin() + filed, {}, &sync::Row::created_at);
    index(block, number, 0);
}

/// Whether rows are many there: by what is known of the block, or of the one before it, because
/// places are read in turn and one of them is as full of rows as another is empty.
bool RowCache::is_dense(std::int64_t number) const {
    for (const auto near : {number, number - 1}) {
        const auto at = blocks_.find(near);
        if (at == blocks_.end() || at->second.loaded == 0) continue;
        return static_cast<std::int64_t>(at->second.size()) > kFew * at->second.loaded;
    }
    return dense_;
}

/// The block, which may have nothing in it yet.
RowCache::Block& RowCache::block(std::int64_t number) {
    const auto [at, is_new] = blocks_.try_emplace(number);
    if (is_new && !spare_.empty()) {
        at->second = std::move(spare_.back());
        spare_.pop_back();
    }
    at->second.used = tick_;
    return at->second;
}

void RowCache::feed(const sync::Row& row) {
    auto* const block = holder_of(row.created_at);
    if (block == nullptr) return;
    block->late.push_back(row);
    ++rows_;
    if (block->late.size() > kLateWaiting + block->rows.size() / 8)
        file(*block, block_of(row.created_at));
}

void RowCache::forget(const sync::Row& row) {
    auto* const block = holder_of(row.created_at);
    if (block == nullptr) return;
    const auto is_it = [&](const sync::Row& one) { return one.id == row.id; };
    auto gone = std::erase_if(block->late, is_it);
    if (gone == 0) {
        gone = std::erase_if(block->rows, is_it);
        index(*block, block_of(row.created_at), 0);
    }
    rows_ -= gone;
}

/// Null for a second whose rows are not here.
RowCache::Block* RowCache::holder_of(std::int64_t second) {
    const auto n = block_of(second);
    const auto at = blocks_.find(n);
    if (at == blocks_.end() || second - n * kBlock >= at->second.loaded) return nullptr;
    return &at->second;
}

void RowCache::trim() {
    ++tick_;
    if (tick_ - trimmed_ < kTrimEvery) return;
    trimmed_ = tick_;
    if (rows_ <= most_rows_ && blocks_.size() <= kMostBlocks) return;
    std::vector<std::int64_t> unused;
    for (const auto& [number, block] : blocks_) {
        if (block.used < tick_ - kTicksKept) unused.push_back(number);
    }
    // The oldest rows are the least likely to be asked for again.
    std::sort(unused.begin(), unused.end());
    for (const auto number : unused) {
        if (rows_ <= most_rows_ / 4 * 3 && blocks_.size() <= kMostBlocks / 2) return;
        drop(number);
    }
}

void RowCache::drop(std::int64_t number) {
    auto node = blocks_.extract(number);
    auto& block = node.mapped();
    rows_ -= block.size();
    if (spare_.size() >= kMostSpare) return;
    block.rows.clear();
    block.late.clear();
    block.first.fill(0);
    block.loaded = 0;
    spare_.push_back(std::move(block));
}

void RowCache::clear() {
    blocks_.clear();
    spare_.clear();
    rows_ = 0;
}

}  // namespace quotafuse::alerts
