#pragma once

#include <span>
#include <string_view>

namespace quotafuse::daemon {

struct RuleFile {
    std::string_view name;
    std::string_view content;
};

/// The rules of the first day (etc/rules.d), compiled in for hosts that have no rule files.
std::span<const RuleFile> builtin_rules();

}  // namespace quotafuse::daemon
