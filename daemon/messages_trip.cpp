#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/bundle_text.h"
#include "daemon/messages.h"
#include "daemon/messages_json.h"

// What messages say of the breaker.
namespace quotafuse::daemon {

using circuit_breaker::TripResult;
using notifiers::Message;

void Messages::add_trip(const TripResult& trip, Message& message) const {
    Message::Section section{std::string{words_.breaker()}, {words_.outcome_and_cause(trip)}};
    const auto list = [&](std::string_view what, const std::vector<std::string>& models) {
        if (models.empty() || trip.kind == TripResult::Kind::refused) return;
        section.lines.push_back(fmt::format("{}{}", what, fmt::join(models, ", ")));
    };
    list(words_.say("以下模型不再有可用渠道：", "These now have no channel left: "),
         trip.dark_models);
    list(words_.say("同样没有可用渠道（24 小时内无请求）：",
                    "Nor have these, which nobody asked for in 24 h: "),
         trip.unused_dark);
    message.sections.push_back(std::move(section));
}

Message Messages::breaker(const TripResult& trip, base::Second at,
                          const alerts::Notice* asked) const {
    Message message;
    message.kind = Message::Kind::breaker;
    message.severity = base::Severity::critical;
    message.title = words_.outcome(trip);
    const auto reason = asked == nullptr
                            ? trip.request.reason  // as the gateway has it
                            : fmt::format("{}{}{} {}", asked->rule, words_.say("：", ": "),
                                          words_.metric(asked->metric),
                                          words_.value_and_limit(*asked, currency_, true));
    message.facts.push_back({std::string{words_.say("原因", "Reason")}, reason});
    add_trip(trip, message);
    const auto why = words_.cause(trip.cause);
    message.brief =
        brief_of(why.empty() ? message.title
                             : fmt::format("{}{}{}", message.title, words_.say("：", ": "), why));
    message.alerts = {breaker_object(trip, at, site_)};
    frame_.close(message, trip.request.trip_id, zone_, at);
    return message;
}

}  // namespace quotafuse::daemon
