#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "alerts/rule.h"
#include "circuit_breaker/action.h"
#include "daemon/config.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {

/// A message is read on a telephone, at night.
inline constexpr std::size_t kMostDimensionsTold = 5;

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
    /// channel() with what became of it: "Channel 3 (azure-eu) not tripped".
    std::string outcome(const circuit_breaker::TripResult& trip) const;
    /// The same behind an alert: ", not tripped".
    std::string_view short_outcome(const circuit_breaker::TripResult& trip) const;
    /// The same as a sentence with its reason. Begins with channel().
    std::string outcome_and_cause(const circuit_breaker::TripResult& trip) const;
    /// Why a trip ended as it did, without naming its channel; empty for no cause. What a server
    /// or a library said is left as it is.
    std::string cause(const circuit_breaker::TripCause& cause) const;

private:
    std::string parts(const alerts::Contribution& contribution) const;
    std::string former_period(const alerts::Frame& frame) const;
    std::string sentence(const circuit_breaker::TripResult& trip) const;
    std::string pairs(const std::vector<circuit_breaker::UsedPair>& pairs) const;
    Language language_;
};

}  // namespace quotafuse::daemon
