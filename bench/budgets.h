#pragma once

#include <iostream>
#include <set>
#include <string>

namespace quotafuse::bench {

/// What of the design's budgets a run met and missed.
class Budgets {
public:
    /// `name`: "P1", …; one may be judged by several figures.
    void judge(const std::string& name, bool is_met) { (is_met ? met_ : missed_).insert(name); }
    bool all_met() const { return missed_.empty(); }

    void tell(std::ostream& out) const {
        for (const auto& name : met_)
            if (!missed_.contains(name)) out << name << " met\n";
        for (const auto& name : missed_) out << name << " MISSED\n";
    }

private:
    std::set<std::string> met_;
    std::set<std::string> missed_;
};

}  // namespace quotafuse::bench
