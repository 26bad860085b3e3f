#include "base/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/varint.h"

namespace quotafuse::base {
namespace {

// A bucket ends kGrowth times higher than it begins, so that the value between its ends that is
// told for all in it is wrong by at most kError.
constexpr double kError = 0.02;
constexpr double kGrowth = (1 + kError) / (1 - kError);
constexpr std::int64_t kMostCount = std::numeric_limits<std::int64_t>::max() / 4;

/// 0 holds the value 0; n ≥ 1 holds kGrowth^(n − 2) < value ≤ kGrowth^(n − 1).
int bucket_of(std::int64_t value) {
    static const double kLogOfGrowth = std::log(kGrowth);
    if (value <= 0) return 0;
    return 1 + static_cast<int>(std::ceil(std::log(static_cast<double>(value)) / kLogOfGrowth));
}

double value_of(int bucket) {
    return bucket == 0 ? 0 : std::pow(kGrowth, bucket - 1) * 2 / (kGrowth + 1);
}

}  // namespace

void Histogram::add(std::int64_t value, std::int64_t count) {
    if (count == 0) return;
    const auto number = bucket_of(value);
    const auto at =
        std::lower_bound(buckets_.begin(), buckets_.end(), number,
                         [](const Bucket& bucket, int sought) { return bucket.number < sought; });
    if (at == buckets_.end() || at->number != number) {
        if (count < 0) return;
        buckets_.insert(at, {number, count});
        count_ += count;
        return;
    }
    count = std::max(count, -at->count);
    at->count += count;
    count_ += count;
    if (at->count == 0) buckets_.erase(at);
}

void Histogram::merge(const Histogram& other) {
    std::vector<Bucket> merged;
    merged.reserve(buckets_.size() + other.buckets_.size());
    auto ours = buckets_.begin();
    for (const auto& theirs : other.buckets_) {
        while (ours != buckets_.end() && ours->number < theirs.number) merged.push_back(*ours++);
        const bool both = ours != buckets_.end() && ours->number == theirs.number;
        merged.push_back({theirs.number, theirs.count + (both ? (ours++)->count : 0)});
    }
    merged.insert(merged.end(), ours, buckets_.end());
    buckets_ = std::move(merged);
    count_ += other.count_;
}

std::optional<double> Histogram::quantile(double q) const {
    if (empty()) return std::nullopt;
    // 0.07 · 100 is a little above 7 in binary: without the correction its rank would be 8.
    const auto rank = std::ceil(q * static_cast<double>(count_) * (1 - 1e-12));
    double below = 0;
    for (const auto& bucket : buckets_) {
        below += static_cast<double>(bucket.count);
        if (below >= rank) return value_of(bucket.number);
    }
    return value_of(buckets_.back().number);
}

// Bucket after bucket: 2 · (distance from the one before) + (1 when a count other than 1 follows).
std::string Histogram::encode() const {
    std::string bytes;
    int before = 0;
    for (const auto& bucket : buckets_) {
        const bool many = bucket.count != 1;
        put_varint(bytes,
                   static_cast<std::uint64_t>(bucket.number - before) * 2 + (many ? 1U : 0U));
        if (many) put_varint(bytes, static_cast<std::uint64_t>(bucket.count));
        before = bucket.number;
    }
    return bytes;
}

std::optional<Histogram> Histogram::decode(std::string_view bytes) {
    static const int kLast = bucket_of(std::numeric_limits<std::int64_t>::max());
    Histogram histogram;
    histogram.buckets_.reserve(bytes.size());
    int before = 0;
    while (!bytes.empty()) {
        const auto head = take_varint(bytes);
        if (!head || *head / 2 > static_cast<std::uint64_t>(kLast - before)) return std::nullopt;
        const bool first = histogram.buckets_.empty();
        if (*head / 2 == 0 && !first) return std::nullopt;
        std::int64_t count = 1;
        if (*head % 2 == 1) {
            const auto many = take_varint(bytes);
            if (!many || *many < 2 ||
                *many > static_cast<std::uint64_t>(kMostCount - histogram.count_))
                return std::nullopt;
            count = static_cast<std::int64_t>(*many);
        }
        before += static_cast<int>(*head / 2);
        histogram.buckets_.push_back({before, count});
        histogram.count_ += count;
    }
    return histogram;
}

}  // namespace quotafuse::base
