#include "daemon/tuned_rules.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "alerts/stable_hash.h"
#include "base/duration.h"
#include "base/text.h"
#include "daemon/replay_report.h"
#include "daemon/setup_files.h"

namespace quotafuse::daemon {
namespace {

/// Ends with the sum of what stands below.
constexpr std::string_view kMark =
    "# With limits by `quotafuse init`, which leaves this file alone once it is edited: ";

std::string mark_of(std::string_view text) {
    return fmt::format("{}{}\n", kMark, alerts::base32(alerts::stable_hash(text)));
}

/// As a share of the default: a gateway so small is better served by a limit that it may grow
/// under.
double floor_share(const alerts::Rule& rule) {
    return alerts::needs_rows(rule.metric) ? 0.5 : 0.1;
}

/// "    above: 50   # why" with another value.
std::string with_value(const std::string& line, const std::string& value) {
    const auto colon = line.find(':');
    const auto comment = line.find(" #", colon);
    auto changed = line.substr(0, colon + 1) + ' ' + value;
    if (comment == std::string::npos) return changed;
    const auto from = line.find_last_not_of(' ', comment);
    return changed + line.substr(from + 1);
}

bool is_key(std::string_view line, std::string_view key) {
    const auto text = base::trim(line);
    return text.starts_with(key) && text.substr(key.size()).starts_with(':');
}

}  // namespace

bool can_be_tuned(const alerts::Rule& rule) {
    return rule.enabled && !alerts::is_gauge(rule.metric) && !rule.below &&
           rule.compare_to == alerts::Comparison::none && rule.limit > 0 &&
           rule.metric != alerts::Metric::since_last;
}

std::string written_limit(const alerts::Rule& rule, double limit) {
    const auto unit = alerts::metric_unit(rule.metric);
    const bool change = rule.compare_to != alerts::Comparison::none;
    if (change || (unit != "ms" && unit != "seconds")) return plain_number(limit);
    const auto ms = std::llround(unit == "ms" ? limit : limit * 1000);
    if (ms % 1000 != 0) return fmt::format("{}ms", ms);
    return base::format_duration(std::chrono::seconds{ms / 1000});
}

std::vector<alerts::RuleText> with_others(std::vector<alerts::RuleText> files,
                                          const std::string& folder) {
    std::error_code none;  // no folder yet: nothing else to load
    for (const auto& entry : std::filesystem::directory_iterator{folder, none}) {
        const auto path = entry.path().string();
        const bool known = std::ranges::count(files, path, &alerts::RuleText::file) > 0;
        if (entry.path().extension() == ".yaml" && !known) files.push_back({path, read_file(path)});
    }
    return files;
}

std::string marked(const std::string& text) {
    return mark_of(text) + text;
}

bool is_marked(const std::string& text) {
    const auto end = text.find('\n');
    if (end == std::string::npos) return false;
    const auto below = std::string_view{text}.substr(end + 1);
    return std::string_view{text}.substr(0, end + 1) == mark_of(below);
}

Tuning tune(const alerts::Rule& rule, const alerts::Suggestion& once_a_month) {
    if (!once_a_month.limit) {
        return {rule.name, rule.limit, rule.limit, "kept: no limit fires about once a month"};
    }
    const auto least = rule.limit * floor_share(rule);
    if (*once_a_month.limit < least) {
        return {rule.name, rule.limit, least,
                "as low as is sensible; nothing here came near the default"};
    }
    return {rule.name, rule.limit, *once_a_month.limit,
            fmt::format("fired {} time{} in what is stored", once_a_month.firings,
                        once_a_month.firings == 1 ? "" : "s")};
}

std::optional<std::string> with_limit(const std::string& text, const alerts::Rule& rule,
                                      double limit) {
    const auto changed = alerts::with_limit(rule, limit);
    std::string result;
    bool inside = false;
    bool replaced = false;
    for (const auto part : base::split(text, '\n')) {
        std::string line{part};
        const auto trimmed = base::trim(line);
        if (trimmed.starts_with("- ")) {
            inside = is_key(trimmed.substr(2), "name") &&
                     base::trim(trimmed.substr(trimmed.find(':') + 1)) == rule.name;
        } else if (inside && is_key(line, rule.below ? "below" : "above")) {
            line = with_value(line, written_limit(rule, changed.limit));
            replaced = true;
        } else if (inside && is_key(line, "clear")) {
            line = with_value(line, written_limit(rule, changed.clear));
        }
        result += line + '\n';
    }
    result.pop_back();
    if (!replaced) return std::nullopt;
    return result;
}

}  // namespace quotafuse::daemon
