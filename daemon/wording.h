#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "alerts/rule.h"
#include "daemon/config.h"

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
    /// "模型", "Model".
    std::string_view dimension(alerts::Dimension dimension) const;
    /// "1h", "今天", "this month"; empty for a gauge, which has no window.
    std::string window(const alerts::Notice& notice) const;
    /// "与前 1h 相比", "against the same time yesterday"; empty without a comparison.
    std::string comparison(const alerts::Notice& notice) const;
    /// Lines such as "Model gpt-4o 81 % · gpt-4 12 %", each part with its share of a rise where
    /// that is known, and what the shares are of where they are not of the whole value. At most
    /// kMostDimensionsTold dimensions: those with the largest parts, the largest first.
    std::vector<std::string> explanation(
        const std::vector<alerts::Contribution>& contributions) const;
    /// What a built-in alert says in a few words; empty for a rule of a file.
    std::string_view self_alert(std::string_view rule) const;

private:
    std::string parts(const alerts::Contribution& contribution) const;
    std::string former_period(const alerts::Frame& frame) const;
    Language language_;
};

/// The notice's value, limit or peak as people read it: with a comparison a change in percent with
/// its sign, "–" for none.
std::string value_text(const alerts::Notice& notice, const std::optional<double>& value);

}  // namespace quotafuse::daemon
