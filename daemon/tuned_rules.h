#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/replay.h"
#include "alerts/rule.h"
#include "alerts/rule_loader.h"

namespace quotafuse::daemon {

/// What becomes of a default rule's limit on this gateway.
struct Tuning {
    std::string rule;
    double was = 0;
    double limit = 0;
    std::string why;  // for people: "fired 2 times in what is stored", or why it is kept
    bool changed() const { return limit != was; }
};

/// History under this says nothing about a month.
inline constexpr std::chrono::hours kEnoughHistory{7 * 24};

/// Lower ones are not proposed, and a gateway that needs higher ones is not for defaults.
inline constexpr alerts::LimitRange kTunedRange{0.1, 1024};

/// Whether a limit of the rule follows from how busy a gateway is: of sums, counts, rates and times
/// of rows, but not of changes in percent, of what the gateway's tables say, and of a silence.
bool can_be_tuned(const alerts::Rule& rule);
/// The limit for about one firing a month, but not so low that every ripple is an alert.
Tuning tune(const alerts::Rule& rule, const alerts::Suggestion& once_a_month);

/// A limit as a rule file has it: times as durations, counts whole.
std::string written_limit(const alerts::Rule& rule, double limit);

/// The files, and what other rule files there are in the folder.
std::vector<alerts::RuleText> with_others(std::vector<alerts::RuleText> files,
                                          const std::string& folder);

/// The text of a rule file with a first line by which is_marked() knows it again, until somebody
/// edits it.
std::string marked(const std::string& text);
bool is_marked(const std::string& text);

/// The text of a rule file with the limit (and `clear`, in proportion) of one rule replaced; all
/// else, the comments and tests included, stays. Empty where the rule is not written one key a
/// line.
std::optional<std::string> with_limit(const std::string& text, const alerts::Rule& rule,
                                      double limit);

}  // namespace quotafuse::daemon
