#include "daemon/catch_up_pace.h"

#include <algorithm>
#include <cmath>

namespace quotafuse::daemon {
namespace {

/// A gateway that stays slow becomes the usual after about this many batches.
constexpr double kMemory = 10;
/// The rate grows back by a tenth a batch: it has doubled after seven.
constexpr double kGrowth = 1.1;
/// However slow the gateway is: a backlog must end some day.
constexpr double kLeastShare = 1.0 / 64;
/// So much more time is no load, only the jitter of two busy hosts.
constexpr base::Milliseconds kJitter{10};

}  // namespace

base::Milliseconds CatchUpPace::after(std::size_t rows, base::Milliseconds took) {
    if (rows == 0) return base::Milliseconds{0};
    const auto count = static_cast<double>(rows);
    const auto each = static_cast<double>(took.count()) / count;
    const auto usual = usual_.value_or(each);
    const bool slow =
        each >= 2 * usual && (each - usual) * count > static_cast<double>(kJitter.count());
    rate_ = std::clamp(slow ? rate_ / 2 : rate_ * kGrowth, most_ * kLeastShare, most_);
    usual_ = usual + (each - usual) / kMemory;
    return base::Milliseconds{static_cast<std::int64_t>(std::ceil(1000 * count / rate_))};
}

}  // namespace quotafuse::daemon
