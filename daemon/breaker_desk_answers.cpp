#include <algorithm>

#include <fmt/format.h>

#include "daemon/breaker_desk.h"
#include "daemon/breaker_json.h"

// What people are told of their orders, and of those of the rules.
namespace quotafuse::daemon {

using alerts::Notice;
using circuit_breaker::TripResult;

void BreakerDesk::log(const TripResult& result) const {
    log_.info(fmt::format(
        "breaker: {} ({}): {}{}{}", circuit_breaker::describe(result.request.target),
        circuit_breaker::mode_name(result.request.mode), circuit_breaker::kind_name(result.kind),
        result.why.empty() ? "" : ": ", result.why));
}

/// In the message of the alert that asked, where that still waits; else as news of its own.
void BreakerDesk::tell(const TripResult& result, const Order& order, base::Second now) {
    std::vector<std::string> told;
    const auto asking = askings_.find(order.event_id);
    if (asking != askings_.end()) told = amend(asking->second, &result);
    const auto* const asked = asking == askings_.end() ? nullptr : &asking->second.notice;
    const notifiers::Letter letter{
        fmt::format("trip-{}{}", result.request.trip_id, result.request.resumed ? "-known" : ""),
        {},
        {},
        rooms_.messages.breaker(result, now, asked),
        true};
    for (const auto& name : order.notifiers) {
        if (std::ranges::count(told, name) == 0) rooms_.outbox.put(letter, name, now, now);
    }
}

/// Many alerts of one rule and second go out as one message, with all that became of them: they
/// wait for each other.
std::vector<std::string> BreakerDesk::amend(const Asking& asking, const TripResult* result) {
    using Then = notifiers::Outbox::Then;
    auto all = asking.results;
    if (result != nullptr) all.push_back(*result);
    // Without a result it is one of a batch that is answered.
    const bool done = result == nullptr || batch_is_answered(asking.batch, result->request.trip_id);
    const auto* const spending = asking.spending ? &*asking.spending : nullptr;
    auto told = rooms_.outbox.replace_unsent(asking.notice.event_id,
                                             rooms_.messages.alert(asking.notice, all, spending),
                                             done ? Then::release : Then::wait);
    if (!done || result == nullptr) return told;
    for (const auto& [id, other] : askings_) {
        if (other.batch == asking.batch && id != asking.notice.event_id) amend(other, nullptr);
    }
    return told;
}

/// No order of these alerts waits any more but the one that is being answered.
bool BreakerDesk::batch_is_answered(const std::string& batch, const std::string& trip_id) const {
    const auto waits = [&](const Order& order) {
        const auto asking = askings_.find(order.event_id);
        return order.request.trip_id != trip_id && asking != askings_.end() &&
               asking->second.batch == batch;
    };
    return std::ranges::none_of(orders_, waits) && std::ranges::none_of(in_hand_, waits);
}

void BreakerDesk::note_answered(const TripResult& result, const Order& order) {
    const auto asking = askings_.find(order.event_id);
    if (asking == askings_.end()) return;
    asking->second.results.push_back(result);
    const auto batch = asking->second.batch;
    if (!batch_is_answered(batch, result.request.trip_id)) return;
    std::erase_if(askings_, [&](const auto& one) { return one.second.batch == batch; });
}

void BreakerDesk::answer(const TripResult& result) {
    if (!result.request.rule.empty()) return;
    const auto pause = pause_text(rooms_.pause.at(clock_.now()), config_.timezone);
    rooms_.answers.answer(result.request.trip_id, answer_json(result, pause));
}

}  // namespace quotafuse::daemon
