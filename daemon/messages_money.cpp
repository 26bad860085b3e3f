#include <fmt/format.h>

#include "daemon/messages.h"

// What messages say of money.
namespace quotafuse::daemon {
namespace {

using circuit_breaker::TripResult;
using notifiers::Message;

constexpr base::Seconds kHour{3600};
/// Minutes are whole ones, of which the last has just begun.
constexpr base::Seconds kAboutAnHour{61};

bool is_an_hour(const Spending& spending) {
    const auto length = spending.until - spending.from;
    return length <= kHour && length > kHour - kAboutAnHour;
}

/// A tenth tells something of 12.6 and nothing of 5455.1.
std::string readable_times(double times) {
    return times < 100 ? fmt::format("{:.1f}", times) : fmt::format("{:.0f}", times);
}

}  // namespace

void Messages::add_spending(const Spending& spending, const base::TimeZone& zone,
                            Message& message) const {
    const bool zh = words_.chinese();
    const auto amount = format_amount(spending.dollars, currency_);
    const auto since = zone.format(spending.from).substr(11, 5);
    auto text =
        is_an_hour(spending)
            ? fmt::format(fmt::runtime(zh ? "最近 1 小时 {}" : "{} in the last hour"), amount)
        : zh ? fmt::format("自 {} 起 {}", since, amount)
             : fmt::format("{} since {}", amount, since);
    if (spending.usual && *spending.usual > 0) {
        const auto usual = format_amount(*spending.usual, currency_);
        const auto times = readable_times(spending.an_hour() / *spending.usual);
        text += zh ? fmt::format("，是平时此时（每小时 {}）的 {} 倍", usual, times)
                   : fmt::format(", {} times the usual {} an hour", times, usual);
    } else if (spending.usual) {
        text += words_.say("，平时此时没有花费", ", usually nothing at this time");
    }
    message.facts.push_back({std::string{words_.say("花费", "Spend")}, std::move(text)});
    const auto day = format_amount(spending.an_hour() * 24, currency_);
    message.facts.push_back({std::string{words_.say("按此速度", "At this pace")},
                             zh ? fmt::format("每天 {}", day) : fmt::format("{} a day", day)});
}

/// An estimate, and it says so: of a channel that is off nobody knows what it would have cost.
std::string Messages::saving(const TripResult& trip, const Spending& spending) const {
    const bool tripped = trip.kind == TripResult::Kind::tripped;
    const bool would_trip = trip.kind == TripResult::Kind::would_trip;
    const auto& target = trip.request.target;
    if (!tripped && !would_trip) return {};
    if (target.kind != circuit_breaker::Target::Kind::channel || spending.channel != target.channel)
        return {};
    const auto amount = format_amount(spending.an_hour(), currency_);
    return words_.chinese()
               ? fmt::format("按最近的速度，每小时{}约 {}", tripped ? "可止损" : "本可止损", amount)
               : fmt::format("At the latest pace, that {} about {} an hour",
                             tripped ? "stops" : "would have stopped", amount);
}

}  // namespace quotafuse::daemon
