#include "base/histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/varint.h"

namespace quotafuse::base {
namespace {

// A bucket ends kGrowth times higher than it begins, so that the value between its ends that is
// told for all in it is wrong by at most kError.
constexpr double kError = 0.02;
constexpr double kGrowth = (1 + kError) / (1 - kError);

/// 0 holds the value 0; n ≥ 1 holds kGrowth^(n − 2) < value ≤ kGrowth^(n − 1).
int compute_bucket(std::int64_t value) {
    static const double kLogOfGrowth = std::log(kGrowth);
    if (value <= 0) return 0;
    return 1 + static_cast<int>(std::ceil(std::log(static_cast<double>(value)) / kLogOfGrowth));
}

/// The buckets by their bounds: finding a value's is several times as fast as computing it.
class Bounds {
public:
    Bounds() {
        constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
        for (int bucket = 0; highest_.empty() || highest_.back() < kMost; ++bucket) {
            highest_.push_back(highest_of(bucket));
        }
        for (std::size_t bucket = 0; bucket < highest_.size(); ++bucket) {
            middle_.push_back(middle_of(static_cast<int>(bucket)));
        }
        for (std::size_t width = 0; width < first_.size(); ++width) {
            const auto least = width == 0 ? 0 : std::int64_t{1} << (width - 1);
            first_[width] = compute_bucket(least);
        }
    }
    int bucket_of(std::int64_t value) const {
        if (value <= 0) return 0;
        const auto width =
            static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(value)));
        auto bucket = first_[width];
        while (highest_[static_cast<std::size_t>(bucket)] < value) ++bucket;
        return bucket;
    }

    /// What is told for all values of a bucket.
    double value_of(int bucket) const { return middle_[static_cast<std::size_t>(bucket)]; }

private:
    static double middle_of(int bucket) {
        return bucket == 0 ? 0 : std::pow(kGrowth, bucket - 1) * 2 / (kGrowth + 1);
    }
    /// The highest value whose bucket is this one or a lower one.
    static std::int64_t highest_of(int bucket) {
        std::int64_t within = 0;
        auto beyond = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + 1;
        while (beyond - static_cast<std::uint64_t>(within) > 1) {
            const auto middle = static_cast<std::uint64_t>(within) +
                                (beyond - static_cast<std::uint64_t>(within)) / 2;
            if (compute_bucket(static_cast<std::int64_t>(middle)) <= bucket) {
                within = static_cast<std::int64_t>(middle);
            } else {
                beyond = middle;
            }
        }
        return within;
    }

    std::vector<std::int64_t> highest_;  // by bucket
    std::vector<double> middle_;         // by bucket
    std::array<int, 64> first_{};        // by bit width: the bucket of the least value of it
};

const Bounds& bounds() {
    static const Bounds kBounds;
    return kBounds;
}

int bucket_of(std::int64_t value) {
    return bounds().bucket_of(value);
}

double value_of(int bucket) {
    return bounds().value_of(bucket);
}

}  // namespace

void Histogram::add(std::int64_t value, std::int64_t count) {
    count = std::min(count, room());
    if (count == 0) return;
    const auto number = bucket_of(value);
    const auto at =
        std::lower_bound(buckets_.begin(), buckets_.end(), number,
                         [](const Bucket& bucket, int sought) { return bucket.number() < sought; });
    if (at == buckets_.end() || at->number() != number) {
        if (count < 0) return;
        const auto place = at - buckets_.begin();
        // Doubling would leave a third of a window's memory unused.
        const auto size = buckets_.size();
        if (size == buckets_.capacity()) buckets_.reserve(size + size / 8 + 4);
        buckets_.insert(buckets_.begin() + place, Bucket{number, count});
        count_ += count;
        return;
    }
    count = std::max(count, -at->count());
    count_ += count;
    if (at->count() + count == 0) {
        buckets_.erase(at);
    } else {
        *at = Bucket{number, at->count() + count};
    }
}

void Histogram::merge(const Histogram& other) {
    std::vector<Bucket> merged;
    merged.reserve(buckets_.size() + other.buckets_.size());
    auto ours = buckets_.begin();
    for (const auto& theirs : other.buckets_) {
        while (ours != buckets_.end() && ours->number() < theirs.number()) {
            merged.push_back(*ours++);
        }
        const bool both = ours != buckets_.end() && ours->number() == theirs.number();
        const auto added = std::min(theirs.count(), room());
        const auto count = added + (both ? (ours++)->count() : 0);
        if (count > 0) merged.emplace_back(theirs.number(), count);
        count_ += added;
    }
    merged.insert(merged.end(), ours, buckets_.end());
    buckets_ = std::move(merged);
}

std::int64_t Histogram::count_up_to(std::int64_t value) const {
    const auto last = bucket_of(value);
    std::int64_t count = 0;
    for (const auto& bucket : buckets_) {
        if (bucket.number() > last) break;
        count += bucket.count();
    }
    return count;
}

std::optional<double> Histogram::quantile(double q) const {
    if (empty()) return std::nullopt;
    // 0.07 · 100 is a little above 7 in binary: without the correction its rank would be 8.
    const auto rank = static_cast<std::int64_t>(
        std::max(1.0, std::ceil(q * static_cast<double>(count_) * (1 - 1e-12))));
    // High ones are mostly asked for: from above. `below` counts the values of the lower buckets.
    auto below = count_;
    for (auto bucket = buckets_.rbegin(); bucket != buckets_.rend(); ++bucket) {
        below -= bucket->count();
        if (below < rank) return value_of(bucket->number());
    }
    return value_of(buckets_.front().number());
}

// Bucket after bucket: 2 · (distance from the one before) + (1 when a count other than 1 follows).
std::string Histogram::encode() const {
    std::string bytes;
    int before = 0;
    for (const auto& bucket : buckets_) {
        const bool many = bucket.count() != 1;
        put_varint(bytes,
                   static_cast<std::uint64_t>(bucket.number() - before) * 2 + (many ? 1U : 0U));
        if (many) put_varint(bytes, static_cast<std::uint64_t>(bucket.count()));
        before = bucket.number();
    }
    return bytes;
}

std::optional<Histogram> Histogram::decode(std::string_view bytes) {
    static const int kLast = bucket_of(std::numeric_limits<std::int64_t>::max());
    Histogram histogram;
    histogram.buckets_.reserve(bytes.size() / 2 + 1);
    int before = 0;
    while (!bytes.empty()) {
        const auto head = take_varint(bytes);
        if (!head || *head / 2 > static_cast<std::uint64_t>(kLast - before)) return std::nullopt;
        const bool first = histogram.buckets_.empty();
        if (*head / 2 == 0 && !first) return std::nullopt;
        if (histogram.room() == 0) return std::nullopt;
        std::int64_t count = 1;
        if (*head % 2 == 1) {
            const auto many = take_varint(bytes);
            if (!many || *many < 2 || *many > static_cast<std::uint64_t>(histogram.room()))
                return std::nullopt;
            count = static_cast<std::int64_t>(*many);
        }
        before += static_cast<int>(*head / 2);
        histogram.buckets_.emplace_back(before, count);
        histogram.count_ += count;
    }
    return histogram;
}

}  // namespace quotafuse::base
