#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "alerts/rule.h"
#include "base/recovery.h"
#include "base/time_zone.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/target.h"
#include "daemon/config.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {

/// A message is read on a telephone, at night.
inline constexpr std::size_t kMostDimensionsTold = 5;

/// circuit_breaker::ReturnRequest::asked_by of what a person commanded.
inline constexpr std::string_view kAskedByPerson = "a person";

/// Of a command that switches a key off, before its id.
inline constexpr std::string_view kTripKey = "quotafuse breaker trip --token ";

/// The words of messages in one of the two languages.
class Wording {
public:
    explicit Wording(Language language) : language_(language) {}

    bool chinese() const { return language_ == Language::chinese; }
    std::string_view say(std::string_view chinese, std::string_view english) const {
        return language_ == Language::chinese ? chinese : english;
    }
    /// "模型", "Model"; by its name too, empty for what is none.
    std::string_view dimension(alerts::Dimension dimension) const;
    std::string_view dimension(std::string_view name) const;
    /// Behind a number: "渠道", "channels"; "series" for what is no dimension.
    std::string_view several(std::string_view dimension) const;
    /// "渠道 3 (azure-eu) · 模型 gpt-4o", "Channel 3 (azure-eu)"; empty without a key.
    std::string key(const std::vector<alerts::KeyName>& key) const;
    /// "错误率", "error_rate".
    std::string_view metric(alerts::Metric metric) const;
    /// "2 分钟", "1 小时 2 分", "1h2m".
    std::string duration(std::chrono::seconds duration) const;
    /// Of breaker.guard_traffic: "24 小时", "7 天", "6 h", "7 days".
    std::string span(base::Seconds span) const;
    /// The notice's value, limit or peak as people read it: with a comparison a change in percent
    /// with its sign, "–" for none.
    std::string value(const alerts::Notice& notice, const std::optional<double>& value,
                      const Currency& currency) const;
    /// The same of the metric itself, which with a comparison is no change.
    std::string value(alerts::Metric metric, double value, const Currency& currency) const;
    /// "35%", "35 %".
    std::string percent(double share) const;
    /// "+20%", "-17 %".
    std::string change(double percent) const;
    /// "> 2,000,000": with its window, if asked for; of what is over, named as the limit it is.
    std::string limit(const alerts::Notice& notice, const Currency& currency, bool window) const;
    /// "2,534,120 (> 2,000,000, 1h)".
    std::string value_and_limit(const alerts::Notice& notice, const Currency& currency,
                                bool window) const;
    /// "1 小时", "今天", "this month"; empty for a gauge, which has no window.
    std::string window(const alerts::Notice& notice) const;
    /// "与前 1 小时相比", "against the same time yesterday"; empty without a comparison.
    std::string comparison(const alerts::Notice& notice) const;
    /// Lines such as "Model gpt-4o 81 % · gpt-4 12 %", each part with its share of a rise where
    /// that is known, and what the shares are of where they are not of the whole value. At most
    /// kMostDimensionsTold dimensions: those with the largest parts, the largest first.
    std::vector<std::string> explanation(
        const std::vector<alerts::Contribution>& contributions) const;
    /// What a built-in alert says in a few words; empty for a rule of a file.
    std::string_view self_alert(std::string_view rule) const;

    /// The heading of what the breaker did.
    std::string_view breaker() const { return say("熔断", "Breaker"); }
    /// "渠道 3 (azure-eu)", "Channel 3".
    std::string channel(std::int64_t id, std::string_view name) const;
    /// The same of whatever the breaker switches off: "渠道 3 (azure-eu) 的模型 gpt-4o", "Key 17
    /// (ci)". `name` is that of the channel or key.
    std::string target(const circuit_breaker::Target& target, std::string_view name) const;
    /// target() with what became of it: "Channel 3 (azure-eu) not tripped".
    std::string outcome(const circuit_breaker::TripResult& trip) const;
    /// The same behind an alert: ", not tripped".
    std::string_view short_outcome(const circuit_breaker::TripResult& trip) const;
    /// The command for what a pause held up; empty where there is none to be given.
    std::string later(const circuit_breaker::TripResult& trip) const;
    /// outcome() as a sentence with its reason, its times in `zone`. Begins with target().
    std::string outcome_and_cause(const circuit_breaker::TripResult& trip,
                                  const base::TimeZone& zone) const;
    /// Why a trip ended as it did, without naming its target (of which `kind` tells the words);
    /// empty for no cause. What a server or a library said is left as it is.
    std::string cause(const circuit_breaker::TripCause& cause, circuit_breaker::Target::Kind kind,
                      const base::TimeZone& zone) const;
    /// How what was just switched off comes back: "Recovery: by hand (quotafuse breaker …)".
    /// `waits`: by itself only when its alert is over, too.
    std::string recovery(const circuit_breaker::TripRequest& trip, bool waits,
                         const base::TimeZone& zone) const;
    /// "Key ci (alice) makes 94 % of the value. To disable the key alone: …"; the command only
    /// where the key's id is known, and nothing else where the rest `is_said`.
    std::string leading_key(const circuit_breaker::LeadingKey& key, std::string_view rule,
                            bool is_said) const;
    /// Which key a line offers to disable: its id, else its name, empty where neither stands in the
    /// line. Nothing for other lines.
    std::optional<std::string> offered_key(std::string_view line) const;
    /// Why a target was tripped, as the gateway, the audit and messages have it: "channel-burn:
    /// tokens over 2,000,000 in 1h".
    std::string reason(const alerts::Notice& notice) const;
    /// The same of a person's order: "by hand: leaked", with their own words as they are.
    std::string reason_by_hand(std::string_view words) const;
    /// The same of an order to undo the return of a trip.
    std::string reason_of_undo(std::string_view trip_id) const;
    /// The same while it is on trial.
    std::string reason_on_trial(std::string_view reason) const;
    /// "These now have no channel left: …", and such of them that nobody asked for; none where
    /// nothing goes dark.
    std::vector<std::string> dark(const circuit_breaker::TripResult& trip) const;
    /// What became of a return, as a title: "Channel 3 (azure-eu) on trial".
    std::string outcome(const circuit_breaker::ReturnResult& result) const;
    /// What that means, and what to do: sentences, one a line.
    std::vector<std::string> consequences(const circuit_breaker::ReturnResult& result,
                                          const base::TimeZone& zone) const;
    /// What a person or the gateway made of a target: "Key 17 (ci) was switched on again".
    std::string released(const circuit_breaker::Circuit& circuit,
                         circuit_breaker::Change change) const;
    /// What that means, and what to do: sentences, one a line.
    std::vector<std::string> consequences(const circuit_breaker::Circuit& circuit,
                                          circuit_breaker::Change change) const;

private:
    std::string parts(const alerts::Contribution& contribution) const;
    std::string former_period(const alerts::Frame& frame) const;
    std::string sentence(const circuit_breaker::TripResult& trip) const;
    std::string status(std::int64_t status, circuit_breaker::Target::Kind kind) const;
    std::string_view by_its_page() const;
    std::string first_of(const std::vector<std::string>& names) const;
    std::string not_done(const circuit_breaker::ReturnResult& result) const;
    std::string trial_terms(const base::Recovery& recover) const;
    std::string next_trial(const circuit_breaker::Circuit& circuit,
                           const base::TimeZone& zone) const;
    std::string_view returned_how(const circuit_breaker::ReturnResult& result) const;
    std::string pairs(const circuit_breaker::TripCause& cause) const;
    Language language_;
};

}  // namespace quotafuse::daemon
