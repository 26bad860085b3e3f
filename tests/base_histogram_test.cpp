#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "base/histogram.h"
#include "base/varint.h"

using quotafuse::base::Histogram;
using namespace quotafuse;

namespace {

Histogram of(const std::vector<std::int64_t>& values) {
    Histogram histogram;
    for (const auto value : values) histogram.add(value);
    return histogram;
}

/// Values as requests take them: most near each other, some far out, some 0.
std::vector<std::int64_t> random_values(std::mt19937_64& random, std::size_t count) {
    std::lognormal_distribution<double> spread{7, 2};
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < count; ++i) {
        values.push_back(random() % 20 == 0 ? 0 : std::llround(spread(random)));
    }
    return values;
}

/// The smallest value that at least q of all values do not exceed.
std::int64_t exact_quantile(std::vector<std::int64_t> values, std::size_t percent) {
    std::sort(values.begin(), values.end());
    const auto rank = (values.size() * percent + 99) / 100;
    return values[rank - 1];
}

}  // namespace

TEST_CASE("every percentile is within 2 % of the value at its nearest rank") {
    std::mt19937_64 random{1};
    for (int round = 0; round < 200; ++round) {
        const auto values = random_values(random, 1 + random() % 300);
        const auto histogram = of(values);
        CHECK(histogram.count() == static_cast<std::int64_t>(values.size()));
        for (std::size_t percent = 1; percent <= 100; ++percent) {
            const auto exact = static_cast<double>(exact_quantile(values, percent));
            const auto told = histogram.quantile(static_cast<double>(percent) / 100);
            REQUIRE(told.has_value());
            CHECK(std::abs(*told - exact) <= exact * 0.02 * (1 + 1e-9));
        }
    }
}

TEST_CASE("no value is too big and a negative one counts as 0") {
    const auto huge = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t value : {std::int64_t{1}, std::int64_t{2}, huge - 1, huge}) {
        const auto told = *of({value}).quantile(0.5);
        CHECK(std::abs(told - static_cast<double>(value)) <= static_cast<double>(value) * 0.020001);
    }
    CHECK(*of({-5}).quantile(1) == 0);
    CHECK(of({-5}) == of({0}));
    CHECK_FALSE(Histogram{}.quantile(0.5).has_value());
}

TEST_CASE("how many values are not above another, within a bucket") {
    Histogram histogram;
    for (std::int64_t value = 1; value <= 10'000; ++value) histogram.add(value);
    CHECK(histogram.count_up_to(-1) == 0);
    std::int64_t before = 0;
    for (const std::int64_t bound : {1, 2, 50, 51, 999, 5000, 9999, 10'000}) {
        const auto count = histogram.count_up_to(bound);
        CHECK(count >= bound);
        CHECK(static_cast<double>(count) <= static_cast<double>(bound) * 1.041 + 1);
        CHECK(count >= before);
        before = count;
    }
    CHECK(histogram.count_up_to(INT64_MAX) == histogram.count());
    CHECK(Histogram{}.count_up_to(5) == 0);
}

TEST_CASE("what is taken away leaves no trace") {
    std::mt19937_64 random{2};
    const auto kept = random_values(random, 200);
    const auto passing = random_values(random, 500);
    auto histogram = of(kept);
    for (const auto value : passing) histogram.add(value);
    for (const auto value : passing) histogram.add(value, -1);
    CHECK(histogram == of(kept));
    histogram.add(kept.front(), -1'000'000);  // more than there is
    for (const auto value : kept) histogram.add(value, -1);
    CHECK(histogram.empty());
    CHECK(histogram == Histogram{});
    histogram.add(17, -1);
    CHECK(histogram == Histogram{});
}

TEST_CASE("merged histograms are the histogram of all values, in any order") {
    std::mt19937_64 random{3};
    for (int round = 0; round < 50; ++round) {
        const auto some = random_values(random, random() % 100);
        const auto others = random_values(random, random() % 100);
        auto all = some;
        all.insert(all.end(), others.begin(), others.end());
        auto left = of(some);
        left.merge(of(others));
        auto right = of(others);
        right.merge(of(some));
        CHECK(left == of(all));
        CHECK(left == right);
    }
}

TEST_CASE("an encoded histogram is short and comes back as it was") {
    std::mt19937_64 random{4};
    for (int round = 0; round < 100; ++round) {
        auto histogram = of(random_values(random, random() % 2000));
        histogram.add(static_cast<std::int64_t>(random() >> 1), 1 + round * 1'000'000'000LL);
        const auto decoded = Histogram::decode(histogram.encode());
        REQUIRE(decoded.has_value());
        CHECK(*decoded == histogram);
    }
    CHECK(Histogram{}.encode().empty());
    CHECK(Histogram::decode("") == Histogram{});
    CHECK(of({800, 1000, 1500}).encode().size() == 4);  // the first distance takes two bytes
    CHECK(of(std::vector<std::int64_t>(300, 1000)).encode().size() == 4);
}

TEST_CASE("bytes that no histogram has are no histogram") {
    std::mt19937_64 random{5};
    int decoded = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string bytes(random() % 8, '\0');
        for (auto& byte : bytes)
            byte = static_cast<char>(random() % 2 == 0 ? random() % 8 : random());
        const auto histogram = Histogram::decode(bytes);
        if (!histogram) continue;
        ++decoded;
        REQUIRE(histogram->encode() == bytes);
    }
    CHECK(decoded > 1000);
    const std::string endless(100, '\xFF');
    CHECK_FALSE(Histogram::decode(endless).has_value());
    const auto whole = of({5, 5, 900}).encode();
    CHECK_FALSE(Histogram::decode(whole.substr(0, whole.size() - 1)).has_value());
}

TEST_CASE("numbers of variable length come back, and have one form only") {
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                       std::uint64_t{16'384}, ~std::uint64_t{0}}) {
        std::string bytes;
        base::put_varint(bytes, number);
        std::string_view rest = bytes;
        CHECK(base::take_varint(rest) == number);
        CHECK(rest.empty());
    }
    for (const auto* const bytes : {"\x80", "", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"}) {
        std::string_view rest = bytes;
        CHECK_FALSE(base::take_varint(rest).has_value());
    }
    std::string_view overlong{"\x81\x00", 2};
    CHECK_FALSE(base::take_varint(overlong).has_value());
    for (const std::int64_t number :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1},
          std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
        CHECK(base::unzigzag(base::zigzag(number)) == number);
    }
    CHECK(base::zigzag(-1) == 1);
}
