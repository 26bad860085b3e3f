#include "daemon/breaker_report_words.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/duration.h"
#include "circuit_breaker/cause_names.h"
#include "daemon/off_spans.h"

namespace quotafuse::daemon {
namespace {

using Kind = circuit_breaker::TripCause::Kind;

struct Words {
    Kind kind;
    std::string_view text;
};
/// Without numbers: what a guard said of one trip stands with that trip.
constexpr auto kWords = std::to_array<Words>({
    {Kind::none, "not recorded"},
    {Kind::off, "the breaker is off"},
    {Kind::is_protected, "protected"},
    {Kind::max_open, "breaker.max_open reached"},
    {Kind::max_per_hour, "breaker.max_per_hour reached"},
    {Kind::no_channel, "not found at the gateway"},
    {Kind::auto_ban_off, "automatic disabling is off at the gateway"},
    {Kind::last_usable, "last usable channel of a model"},
    {Kind::undone, "undone, since another one went at the same moment"},
    {Kind::not_undone, "could not be undone"},
    {Kind::changed_meanwhile, "changed by somebody before it was undone"},
    {Kind::was_off, "was disabled already"},
    {Kind::enabled_again, "enabled again by a person"},
    {Kind::kept_changing, "kept changing at the gateway"},
    {Kind::expired, "the order was too old"},
    {Kind::may_come_back, "the gateway may enable it again"},
    {Kind::not_checked_again, "could not be checked again"},
    {Kind::gateway, "the gateway's database failed"},
    {Kind::no_grant, "the account may not write"},
    {Kind::lost_commit, "the connection broke"},
    {Kind::stuck, "the breaker could not go on"},
    {Kind::paused, "the breaker was paused"},
    {Kind::same_key, "one key is to blame"},
    {Kind::settling, "another channel was tripped just before"},
    {Kind::old_rows, "the rows were too old"},
    {Kind::max_keys, "breaker.max_keys_per_hour reached"},
    {Kind::no_model, "the channel serves no such model"},
    {Kind::only_model, "the only model of its channel"},
    {Kind::no_key_id, "several keys have its name"},
    {Kind::held, "off already"},
    {Kind::again_dark, "no other channel is left for a model"},
    {Kind::rows_missing, "its abilities are gone"},
    {Kind::on_trial, "on trial"},
    {Kind::bad_name, "a name that is not valid UTF-8"},
    {Kind::not_held, "not quotafuse's any more"},
});
static_assert(circuit_breaker::has_every_cause(kWords));

}  // namespace

std::string_view guard_words(std::string_view cause) {
    const auto found = std::ranges::find(
        kWords, cause, [](const Words& words) { return circuit_breaker::cause_name(words.kind); });
    return found == kWords.end() ? cause : found->text;
}

std::vector<ColumnWords> column_words(const BreakerReport& report, const std::string& all_saved) {
    const auto after = [&](const char* what) {
        if (report.lag == base::Seconds{0}) return fmt::format("from {} on", what);
        return fmt::format("from {} after {} (the gateway's cache)",
                           base::format_duration(report.lag), what);
    };
    const auto hour = base::format_duration(kSoon);
    return {
        {"mode", "what the rule gets now: the stricter of its own mode and breaker.mode"},
        {"would trip", "times off in shadow mode, in which nothing is written"},
        {"would save",
         fmt::format("what the rows of the target cost {} until its alert was over, and in repeats "
                     "while it would still have been off; {} in all, each row once",
                     after("the trip"), all_saved)},
        {"undone", fmt::format("of those, the value was back by itself within {} of the trip: a "
                               "person would have undone it",
                               base::format_duration(BreakerReport::kSoonClear))},
        {"tripped", "times it was switched off"},
        {"saved about",
         fmt::format(
             "an estimate: what the target cost in the hour before the trip, for as long as "
             "it was off in this time; nothing for what was taken back within {}",
             hour)},
        {"taken back",
         fmt::format("of the tripped ones, a person switched it on within {}, at the gateway or by "
                     "`quotafuse breaker restore` or `undo`",
                     hour)},
        {"refused", "held back by a guard, for the reasons below"},
        {"let through",
         fmt::format("what the rows of a refused target cost {} until its alert was over, where no "
                     "shadow trip would have had it off",
                     after("the refusal"))},
        {"repeats",
         "asked for again while it was or would have been off, or the same guard still held"},
        {"failed", "the gateway's database did not take the trip, or nobody knows whether it did"},
    };
}

}  // namespace quotafuse::daemon
