#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rule.h"
#include "alerts/rule_test.h"
#include "base/time_zone.h"
#include "base/yaml.h"
#include "sync/dialect.h"

namespace quotafuse::alerts {

/// What rule files may refer to.
struct LoadContext {
    std::vector<std::string> notifiers;  // names that `notify` may use
    base::TimeZone zone;                 // of rules without `timezone`
    ActionMode ceiling =
        ActionMode::shadow;  // breaker.mode: a rule that asks for more gets a warning
    /// store.keep.rows: a rule that looks further back is an error. Empty: rows stay for ever.
    std::optional<std::chrono::seconds> kept{};
    /// The gateway as configured; a rule over what it cannot give is then an error that says so,
    /// one that is for the other gateway comes disabled. Empty: told by its columns, not known yet.
    std::optional<sync::Gateway> gateway{};
};

/// Rules and their tests, in the order of the files.
struct RuleSet {
    std::vector<Rule> rules;
    std::vector<RuleTest> tests;
};

/// How many weeks `usual` can look back where rows are kept so long, at most kMostWeeks; under
/// kLeastWeeks a rule with `compare_to: usual` is a load error.
int weeks_kept(std::chrono::seconds window, std::optional<std::chrono::seconds> kept);

/// Reads rule files, each `rules: [ … ]` with or without `defaults: { … }` before it, whole or not
/// at all: with a single error (see diagnostics.ok()) the result is empty. Every fault is told,
/// with its place and what is allowed. Names are unique over all files, and none is a built-in
/// alert's. Disabled rules are checked and returned like the others.
RuleSet load_rules(const std::vector<std::string>& files, const LoadContext& context,
                   base::yaml::Diagnostics& diagnostics);
/// The text of a rule file and what messages call it.
struct RuleText {
    std::string file;
    std::string text;
};
/// load_rules for texts.
RuleSet parse_rules(const std::vector<RuleText>& texts, const LoadContext& context,
                    base::yaml::Diagnostics& diagnostics);
RuleSet parse_rules(const std::string& file, const std::string& text, const LoadContext& context,
                    base::yaml::Diagnostics& diagnostics);

}  // namespace quotafuse::alerts
