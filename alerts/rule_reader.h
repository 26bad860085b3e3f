#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/rule.h"
#include "alerts/rule_checks.h"
#include "alerts/rule_loader.h"
#include "alerts/rule_test.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// A rule with what can only be judged beside the others.
struct LoadedRule {
    struct Inhibitor {
        std::string name;
        base::yaml::Place place;
    };
    Rule rule;
    std::vector<RuleTest> tests;
    std::vector<Inhibitor> inhibitors;
    std::string file;
};

/// Reads one rule. Keys that depend on others are checked after all have been read.
class RuleReader {
public:
    /// `node` and `context` must outlive it. `excused`: keys that were faulty in the defaults,
    /// which is told there.
    RuleReader(const std::string& file, const base::yaml::Node& node, const LoadContext& context,
               std::vector<std::string> excused, base::yaml::Diagnostics& diagnostics);

    LoadedRule read();
    /// Each key by itself, for the defaults of a file.
    void read_keys();
    /// Variables of the summary that no rule has; which of the others it has is known in read().
    void refuse_strange_variables();
    void refuse_unknown() { map_.refuse_unknown(); }

private:
    void fault(std::string_view key, std::string text);
    bool is_there(std::string_view key) const;
    void need(std::string_view key);
    void need_limit();
    void read_name();
    void read_summary();
    void read_metric();
    void read_gateway();
    std::optional<double> limit(std::string_view key);
    void read_limit();
    void read_zone();
    void read_frame();
    void read_durations();
    void read_min_requests();
    void read_inhibitors();
    void read_notify();
    void finish_gauge();
    void check_variables();
    void refuse_variables(const std::vector<std::string_view>& known);

    base::yaml::Mapping map_;
    const base::yaml::Node& node_;
    const LoadContext& context_;
    std::vector<std::string> excused_;
    ReadKeys read_;
    Rule rule_;
    std::vector<LoadedRule::Inhibitor> inhibitors_;
};

}  // namespace quotafuse::alerts
