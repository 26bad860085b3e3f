#include "circuit_breaker/action.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "circuit_breaker/channel_tables.h"

namespace quotafuse::circuit_breaker {
namespace {

constexpr std::size_t kMostNamed = 5;

std::string grouped(std::int64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return digits;
}

/// "channel 3 is the last usable one for default/gpt-4o (1,234 requests in 24 h) and 2 more"
std::string last_channel(std::int64_t channel, const std::vector<UsedPair>& pairs) {
    std::string text;
    const auto named = std::min(pairs.size(), kMostNamed);
    for (std::size_t i = 0; i < named; ++i) {
        const auto& [pair, requests] = pairs[i];
        text += fmt::format("{}{} ({} request{} in 24 h)", i == 0 ? "" : ", ", pair,
                            grouped(requests), requests == 1 ? "" : "s");
    }
    if (named < pairs.size()) text += fmt::format(" and {} more", pairs.size() - named);
    return fmt::format("channel {} is the last usable one for {}", channel, text);
}

std::string describe_status(std::int64_t status) {
    if (status == kDisabledByHand) return "disabled by hand";
    if (status == kDisabledAutomatically) return "disabled automatically";
    return fmt::format("status {}", status);
}

/// In the order of TripCause::Kind.
constexpr std::array<std::string_view, 21> kTexts{
    "",
    "the breaker is off",
    "channel {channel} is protected (breaker.protect.channels)",
    "{count} channel{s_are} already off by quotafuse (breaker.max_open is {limit})",
    "{count} trip{s} in the last hour (breaker.max_per_hour is {limit})",
    "channel {channel} does not exist at the gateway",
    "automatic disabling is off for channel {channel} at the gateway (auto_ban)",
    "{last}",
    "{last} since another one was disabled at the same moment; undone",
    "{last}, and the trip could not be undone: {detail}",
    "{last}, but somebody changed it before the trip was undone",
    "channel {channel} was already {status}",
    "channel {channel} was enabled again after this trip",
    "channel {channel} kept changing at the gateway",
    "expired: asked for more than {limit} s ago",
    "One API's automatic enabling is on: its next test may enable the channel again",
    "whether other channels are left could not be checked again: {detail}",
    "channel {channel} could not be disabled: {detail}",
    "channel {channel} could not be disabled: {detail}; give the breaker's account what `quotafuse "
    "grants` prints",
    "the connection broke while channel {channel} was being disabled ({detail}), and asking again "
    "failed: {unread}",
    "the breaker could not go on: {detail}",
};
constexpr std::string_view kUnread =
    "; whether it was carried out before the restart could not be read: ";

}  // namespace

std::string describe(const TripCause& cause, std::int64_t channel) {
    auto text =
        fmt::format(fmt::runtime(kTexts.at(static_cast<std::size_t>(cause.kind))),
                    fmt::arg("channel", channel), fmt::arg("count", cause.count),
                    fmt::arg("limit", cause.limit), fmt::arg("s", cause.count == 1 ? "" : "s"),
                    fmt::arg("s_are", cause.count == 1 ? " is" : "s are"),
                    fmt::arg("last", last_channel(channel, cause.pairs)),
                    fmt::arg("status", describe_status(cause.count)),
                    fmt::arg("detail", cause.detail), fmt::arg("unread", cause.unread));
    const bool says_so = cause.kind == TripCause::Kind::lost_commit;
    if (!cause.unread.empty() && !says_so) text += fmt::format("{}{}", kUnread, cause.unread);
    return text;
}

void explain(TripResult& result, TripCause cause) {
    result.why = describe(cause, result.request.channel);
    result.cause = std::move(cause);
}

std::string_view mode_name(Mode mode) {
    switch (mode) {
        case Mode::off:
            return "off";
        case Mode::shadow:
            return "shadow";
        case Mode::live:
            return "live";
    }
    std::abort();
}

std::string_view kind_name(TripResult::Kind kind) {
    switch (kind) {
        case TripResult::Kind::tripped:
            return "tripped";
        case TripResult::Kind::would_trip:
            return "would_trip";
        case TripResult::Kind::refused:
            return "refused";
        case TripResult::Kind::already_off:
            return "already_off";
        case TripResult::Kind::lost_race:
            return "lost_race";
        case TripResult::Kind::failed:
            return "failed";
        case TripResult::Kind::unknown:
            return "unknown";
    }
    std::abort();
}

}  // namespace quotafuse::circuit_breaker
