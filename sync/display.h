#pragma once

#include <map>
#include <string>
#include <vector>

namespace quotafuse::sync {

/// How the gateway shows amounts. Its defaults where nobody changed them.
struct Display {
    enum class Kind { dollars, yuan, quota, custom };
    Kind kind = Kind::dollars;
    double yuan_per_dollar = 7.3;
    std::string symbol = "¤";  // of `custom`
    double custom_per_dollar = 1;
    bool operator==(const Display&) const = default;
};

/// The options that say it.
const std::vector<std::string>& display_keys();
/// What those that were ever saved say. A rate that is none (from 1e-6 to 1e9) is the default. Of a
/// currency of its own without a rate (the account's view is of an earlier version) nothing is
/// known: dollars.
Display display_of(const std::map<std::string, std::string>& options);

}  // namespace quotafuse::sync
