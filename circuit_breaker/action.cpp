#include "circuit_breaker/action.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/duration.h"
#include "circuit_breaker/cause_names.h"
#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/token_table.h"

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

/// Of a model its channel: there is nobody else to speak of.
Target whole(const Target& target) {
    return target.kind == Target::Kind::model ? Target::of_channel(target.channel) : target;
}

/// "channel 3 is the last usable one for default/gpt-4o (1,234 requests in the last 24 h) and 2
/// more"
std::string last_channel(const Target& target, const TripCause& cause) {
    std::string text;
    const auto& pairs = cause.pairs;
    const auto named = std::min(pairs.size(), kMostNamed);
    for (std::size_t i = 0; i < named; ++i) {
        const auto& [pair, requests] = pairs[i];
        text += fmt::format("{}{} ({} request{}{})", i == 0 ? "" : ", ", pair, grouped(requests),
                            requests == 1 ? "" : "s",
                            i == 0 ? " in the last " + span_text(cause.traffic) : "");
    }
    if (named < pairs.size()) text += fmt::format(" and {} more", pairs.size() - named);
    return fmt::format("{} is the last usable one for {}", describe(whole(target)), text);
}

std::string describe_key_status(std::int64_t status) {
    if (status == kKeyDisabled) return "off";
    if (status == kKeyExpired) return "expired";
    if (status == kKeyUsedUp) return "used up";
    return fmt::format("status {}", status);
}

std::string describe_status(const Target& target, std::int64_t status) {
    if (target.kind == Target::Kind::token) return describe_key_status(status);
    if (status == kDisabledByHand) return "disabled by hand";
    if (status == kDisabledAutomatically) return "disabled automatically";
    return fmt::format("status {}", status);
}

using Kind = TripCause::Kind;
struct Text {
    Kind kind;
    std::string_view text;
};
constexpr auto kTexts = std::to_array<Text>({
    {Kind::none, ""},
    {Kind::off, "the breaker is off"},
    {Kind::is_protected, "{target} is protected (breaker.protect)"},
    {Kind::max_open,
     "{count} channel{s_are} already off by quotafuse (breaker.max_open is {limit})"},
    {Kind::max_per_hour, "{count} trip{s} in the last hour (breaker.max_per_hour is {limit})"},
    {Kind::no_channel, "{whole} does not exist at the gateway"},
    {Kind::auto_ban_off, "automatic disabling is off for {whole} at the gateway (auto_ban)"},
    {Kind::last_usable, "{last}"},
    {Kind::undone, "{last} since another one was disabled at the same moment; undone"},
    {Kind::not_undone, "{last}, and the trip could not be undone: {detail}"},
    {Kind::changed_meanwhile, "{last}, but somebody changed it before the trip was undone"},
    {Kind::was_off, "{whole} was already {status}"},
    {Kind::enabled_again, "{target} was enabled again after this trip"},
    {Kind::kept_changing, "{target} kept changing at the gateway"},
    {Kind::expired, "expired: asked for more than {limit} s ago"},
    {Kind::may_come_back,
     "One API's automatic enabling is on: its next test may enable the channel again"},
    {Kind::not_checked_again,
     "whether other channels are left could not be checked again: {detail}"},
    {Kind::gateway, "{target} could not be disabled: {detail}"},
    {Kind::no_grant,
     "{target} could not be disabled: {detail}; give the breaker's account what `{grants}` prints"},
    {Kind::lost_commit,
     "the connection broke while {target} was being disabled ({detail}), and asking again failed: "
     "{unread}"},
    {Kind::stuck, "the breaker could not go on: {detail}"},
    {Kind::paused, "the breaker is paused{because}"},
    {Kind::same_key,
     "one key ({detail}) makes {count} % of the value, and a channel was tripped for it already: "
     "the key is to blame"},
    {Kind::settling, "channel {count}, which serves the same models, was tripped just now"},
    {Kind::old_rows, "the newest rows are {count} s old (breaker.max_lag is {limit} s)"},
    {Kind::max_keys, "{count} key{s} in the last hour (breaker.max_keys_per_hour is {limit})"},
    {Kind::no_model, "{target} is not served under this very name"},
    {Kind::only_model, "{target} is the only one that it serves: disable the channel"},
    {Kind::no_key_id, "{target} cannot be told from others: {count} have its name"},
    {Kind::held, "{target} is already off by quotafuse"},
    {Kind::again_dark, "{last}, if it goes off again: it stays on"},
    {Kind::rows_missing,
     "{count} of the abilities of {target} are gone: rebuild them on the gateway's page"},
    {Kind::on_trial, "{target} is on trial, which this alert ends: it goes off again"},
    {Kind::bad_name,
     "{target} serves {detail}, a name that is not valid UTF-8: its rank could not be put back "
     "after a trial"},
    {Kind::not_held,
     "{target} is not held by this trip any more: `quotafuse breaker list` tells what is"},
});
static_assert(has_every_cause(kTexts));
constexpr std::string_view kUnread =
    "; whether it was carried out before the restart could not be read: ";

}  // namespace

std::string describe(const TripCause& cause, const Target& target) {
    auto text = fmt::format(
        fmt::runtime(kTexts.at(static_cast<std::size_t>(cause.kind)).text),
        fmt::arg("target", describe(target)), fmt::arg("whole", describe(whole(target))),
        fmt::arg("count", cause.count), fmt::arg("limit", cause.limit),
        fmt::arg("s", cause.count == 1 ? "" : "s"),
        fmt::arg("s_are", cause.count == 1 ? " is" : "s are"),
        fmt::arg("last", last_channel(target, cause)),
        fmt::arg("status", describe_status(target, cause.count)), fmt::arg("detail", cause.detail),
        fmt::arg("unread", cause.unread), fmt::arg("grants", grants_command(target.kind)),
        fmt::arg("because",
                 cause.detail.empty() ? std::string{} : fmt::format(" ({})", cause.detail)));
    const bool says_so = cause.kind == TripCause::Kind::lost_commit;
    if (!cause.unread.empty() && !says_so) text += fmt::format("{}{}", kUnread, cause.unread);
    return text;
}

std::string with_it(const std::string& why, const Target& target) {
    const auto name = describe(target) + " ";
    return why.starts_with(name) ? "it " + why.substr(name.size()) : why;
}

std::string span_text(base::Seconds span) {
    using std::chrono::days;
    using std::chrono::hours;
    if (span > days{1} && span % days{1} == base::Seconds{0})
        return fmt::format("{} days", span / days{1});
    if (span % hours{1} == base::Seconds{0}) return fmt::format("{} h", span / hours{1});
    return base::format_duration(span);
}

void explain(TripResult& result, TripCause cause) {
    result.why = describe(cause, result.request.target);
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
