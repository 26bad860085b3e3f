#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/breaker_report.h"

namespace quotafuse::daemon {

/// What held a trip back, in a few words: "protected", "breaker.max_open reached". `cause` is a
/// circuit_breaker::cause_name(); what an older version did not record is "not recorded".
std::string_view guard_words(std::string_view cause);

/// What one column of the report's table means; empty for one that needs no words.
struct ColumnWords {
    std::string_view column;
    std::string meaning;
};
/// Of all columns that need it, in the order of the table. `all_saved`: as text, of all rules.
std::vector<ColumnWords> column_words(const BreakerReport& report, const std::string& all_saved);

}  // namespace quotafuse::daemon
