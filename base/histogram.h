#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::base {

/// Counts of values in logarithmic buckets: any quantile is within 2 % of a value that was added,
/// and the memory is that of the buckets in use (at most a few hundred). Values are ≥ 0 (a negative
/// one counts as 0), in whatever unit. Counts may be taken away again.
class Histogram {
public:
    /// A negative count takes away, at most what is there.
    void add(std::int64_t value, std::int64_t count = 1);
    void merge(const Histogram& other);
    std::int64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }

    /// How many values are not above that one, as far as buckets tell: those of its own bucket
    /// count as not above. Never falls while values are added.
    std::int64_t count_up_to(std::int64_t value) const;

    /// The value at the nearest rank of the quantile, 0 < q ≤ 1; empty when there is none.
    std::optional<double> quantile(double q) const;

    /// Sparse and short: one byte for a bucket that holds one value, two or three for others.
    /// decode() of anything else than what encode() gave is empty.
    std::string encode() const;
    static std::optional<Histogram> decode(std::string_view bytes);
    bool operator==(const Histogram&) const = default;

private:
    /// A number (of bucket_of(value)) and its count, never 0, in 64 bits: a window over many series
    /// has millions of them.
    struct Bucket {
        static constexpr int kCountBits = 53;
        std::uint64_t packed;

        Bucket(int number, std::int64_t count)
            : packed((static_cast<std::uint64_t>(number) << kCountBits) |
                     static_cast<std::uint64_t>(count)) {}
        int number() const { return static_cast<int>(packed >> kCountBits); }
        std::int64_t count() const { return static_cast<std::int64_t>(packed & kMostCount); }
        bool operator==(const Bucket&) const = default;
    };
    static constexpr std::uint64_t kMostCount = (std::uint64_t{1} << Bucket::kCountBits) - 1;

    /// How many more values it can count.
    std::int64_t room() const { return static_cast<std::int64_t>(kMostCount) - count_; }

    std::vector<Bucket> buckets_;  // by number
    std::int64_t count_ = 0;       // of all, at most kMostCount: what is beyond is not counted
};

}  // namespace quotafuse::base
