#include <algorithm>

#include <fmt/format.h>

#include "circuit_breaker/policy.h"
#include "circuit_breaker/target.h"
#include "daemon/bundle_text.h"
#include "daemon/messages.h"
#include "daemon/messages_json.h"

// What messages say of trips.
namespace quotafuse::daemon {
namespace {

using circuit_breaker::Target;
using circuit_breaker::TripCause;
using circuit_breaker::TripResult;
using notifiers::Message;

/// Whether what is off comes back only when its alert is over, too. There is none where a person
/// asked; and one that only traffic could end is not waited for (see
/// alerts::ends_without_traffic()).
bool waits_for_alert(const TripResult& trip, const alerts::Notice* notice) {
    if (trip.request.rule.empty()) return false;
    if (notice == nullptr || alerts::is_gauge(notice->metric)) return true;
    return !notice->below && notice->metric != alerts::Metric::since_last;
}

}  // namespace

std::vector<std::string> Messages::trip_lines(const TripResult& trip, const alerts::Notice* notice,
                                              const base::TimeZone& zone) const {
    std::vector<std::string> lines{words_.outcome_and_cause(trip, zone)};
    for (auto& line : words_.dark(trip)) lines.push_back(std::move(line));
    if (auto line = words_.later(trip); !line.empty()) lines.push_back(std::move(line));
    if (trip.kind == TripResult::Kind::tripped)
        lines.push_back(words_.recovery(trip.request, waits_for_alert(trip, notice), zone));
    return lines;
}

void Messages::add_trips(const Trips& trips, const About& about, const base::TimeZone& zone,
                         Message& message) const {
    if (trips.empty()) return;
    Message::Section section{std::string{words_.breaker()}, {}};
    for (const auto& trip : trips) {
        for (auto& line : trip_lines(trip, about.notice, zone))
            section.lines.push_back(std::move(line));
        if (about.spending == nullptr) continue;
        if (auto line = saving(trip, *about.spending); !line.empty())
            section.lines.push_back(std::move(line));
    }
    if (auto line = leading_key(trips); !line.empty()) section.lines.push_back(std::move(line));
    message.sections.push_back(std::move(section));
}

/// A key that is to blame should go, not the channel that everybody uses; once in a message.
std::string Messages::leading_key(const Trips& trips) const {
    for (const auto& trip : trips) {
        if (trip.request.target.kind == Target::Kind::token) continue;
        const bool is_said = trip.cause.kind == TripCause::Kind::same_key;
        const auto& key = trip.request.leading;
        if (key && key->share >= circuit_breaker::kKeyToBlame)
            return words_.leading_key(*key, trip.request.rule, is_said);
    }
    return {};
}

/// Behind an alert in one line.
std::string Messages::outcomes(const Trips& trips) const {
    if (trips.empty()) return {};
    const auto first = trips.front().kind;
    if (std::ranges::count(trips, first, &TripResult::kind) == std::ssize(trips))
        return std::string{words_.short_outcome(trips.front())};
    const auto off = std::ranges::count(trips, TripResult::Kind::tripped, &TripResult::kind);
    return words_.chinese() ? fmt::format("，已禁用 {}/{}", off, trips.size())
                            : fmt::format(", {} of {} disabled", off, trips.size());
}

Message Messages::breaker(const TripResult& trip, base::Second at,
                          const alerts::Notice* asked) const {
    Message message;
    message.kind = Message::Kind::breaker;
    // Who asked by hand has the answer at the terminal.
    const bool answered =
        trip.request.rule.empty() && asked == nullptr &&
        (trip.kind == TripResult::Kind::refused || trip.kind == TripResult::Kind::already_off);
    message.severity = answered ? base::Severity::info : base::Severity::critical;
    message.title = words_.outcome(trip);
    const auto reason = asked == nullptr
                            ? trip.request.reason  // as the gateway has it
                            : fmt::format("{}{}{} {}", asked->rule, words_.say("：", ": "),
                                          words_.metric(asked->metric),
                                          words_.value_and_limit(*asked, currency_, true));
    message.facts.push_back({std::string{words_.say("原因", "Reason")}, reason});
    add_trips({trip}, {asked, nullptr}, zone_, message);
    const auto why = words_.cause(trip.cause, trip.request.target.kind, zone_);
    message.brief =
        brief_of(why.empty() ? message.title
                             : fmt::format("{}{}{}", message.title, words_.say("：", ": "), why));
    message.alerts = {breaker_object(trip, at, site_)};
    frame_.close(message, trip.request.trip_id, zone_, at);
    return message;
}

}  // namespace quotafuse::daemon
