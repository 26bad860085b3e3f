#include "alerts/row_cache.h"

#include <algorithm>
#include <utility>

namespace quotafuse::alerts {
namespace {

constexpr std::int64_t kTicksKept = 40;    // without being asked for
constexpr std::int64_t kTrimEvery = 60;    // ticks
constexpr std::size_t kMostBlocks = 4096;  // of which many may be empty
constexpr std::size_t kMostSpare = 32;
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
    for (auto second = after + 1; second <= until; ++second) {
        const auto n = block_of(second);
        const auto& rows = blocks_.at(n).seconds[static_cast<std::size_t>(second - n * kBlock)];
        for (const auto& row : rows) visit(row);
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
    for (const auto& row : read_) {
        block.seconds[static_cast<std::size_t>(row.created_at - first)].push_back(row);
    }
    block.loaded += seconds;
    block.rows += read_.size();
    rows_ += read_.size();
    dense_ = static_cast<std::int64_t>(read_.size()) > kFew * seconds;
}

/// Whether rows are many there: by what is known of the block, or of the one before it, because
/// places are read in turn and one of them is as full of rows as another is empty.
bool RowCache::is_dense(std::int64_t number) const {
    for (const auto near : {number, number - 1}) {
        const auto at = blocks_.find(near);
        if (at == blocks_.end() || at->second.loaded == 0) continue;
        return static_cast<std::int64_t>(at->second.rows) > kFew * at->second.loaded;
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
    auto* const rows = rows_of(row.created_at);
    if (rows == nullptr) return;
    rows->push_back(row);
    ++blocks_.at(block_of(row.created_at)).rows;
    ++rows_;
}

void RowCache::forget(const sync::Row& row) {
    auto* const rows = rows_of(row.created_at);
    if (rows == nullptr) return;
    const auto gone = std::erase_if(*rows, [&](const sync::Row& r) { return r.id == row.id; });
    blocks_.at(block_of(row.created_at)).rows -= gone;
    rows_ -= gone;
}

/// Null for a second whose rows are not here.
std::vector<sync::Row>* RowCache::rows_of(std::int64_t second) {
    const auto n = block_of(second);
    const auto at = blocks_.find(n);
    if (at == blocks_.end() || second - n * kBlock >= at->second.loaded) return nullptr;
    return &at->second.seconds[static_cast<std::size_t>(second - n * kBlock)];
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
    rows_ -= block.rows;
    if (spare_.size() >= kMostSpare) return;
    for (auto& rows : block.seconds) rows.clear();
    block.loaded = 0;
    block.rows = 0;
    spare_.push_back(std::move(block));
}

void RowCache::clear() {
    blocks_.clear();
    spare_.clear();
    rows_ = 0;
}

}  // namespace quotafuse::alerts
