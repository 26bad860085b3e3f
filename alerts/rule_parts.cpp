#include "alerts/rule_parts.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "alerts/series_key.h"
#include "base/local_time.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using base::yaml::Mapping;
using base::yaml::Node;

std::optional<std::size_t> index_of(std::string_view word,
                                    const std::vector<std::string_view>& known) {
    const auto at = std::find(known.begin(), known.end(), word);
    if (at == known.end()) return std::nullopt;
    return static_cast<std::size_t>(at - known.begin());
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
    return number;
}

/// "5xx" is how people write a class of statuses.
std::string status_pattern(std::string text) {
    std::replace(text.begin(), text.end(), 'x', '?');
    return text;
}

bool is_status_pattern(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789?*") == std::string_view::npos;
}

std::optional<Term> read_term(Mapping& where, Dimension dimension, const Node& node) {
    Term term;
    std::string_view text = node.text;
    if (node.kind != Node::Kind::scalar || (text.empty() && !node.quoted)) {
        where.error(node.place,
                    fmt::format("{}: a value is missing here; one that begins with ! or * "
                                "must stand in quotes",
                                dimension_name(dimension)));
        return std::nullopt;
    }
    if (text.starts_with('!')) {
        term.negated = true;
        text.remove_prefix(1);
    }
    // A quoted number is a name; behind a ! it cannot be told apart and is an id.
    if (has_id(dimension) && (!node.quoted || term.negated)) term.id = whole_number(text);
    if (term.id) return term;
    term.pattern = dimension == Dimension::status ? status_pattern(std::string{text}) : text;
    if (term.negated && text.empty()) {
        where.error(node.place, "! must be followed by what it leaves out");
        return std::nullopt;
    }
    if (dimension == Dimension::status && !is_status_pattern(term.pattern)) {
        where.error(node.place, fmt::format("a status is a number or a class such as 5xx, not {}",
                                            node.describe()));
        return std::nullopt;
    }
    return term;
}

bool contains(const std::vector<Dimension>& dimensions, Dimension dimension) {
    return std::find(dimensions.begin(), dimensions.end(), dimension) != dimensions.end();
}

/// The values of one dimension; no terms when it is not there.
Condition read_condition(Mapping& map, Dimension dimension) {
    Condition condition{dimension, {}};
    const auto name = dimension_name(dimension);
    const auto* const value = map.find(name);
    if (value != nullptr && value->kind == Node::Kind::null) {
        read_term(map, dimension, *value);  // which says what is wrong with it
        return condition;
    }
    for (const auto* const item : read_list(map, name)) {
        if (auto term = read_term(map, dimension, *item)) {
            condition.terms.push_back(std::move(*term));
        }
    }
    return condition;
}

constexpr int kMinutesOfDay = 24 * 60;

/// Minutes since midnight of "HH:MM", up to 24:00.
std::optional<int> time_of_day(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto digits = [&](std::size_t at) { return whole_number(text.substr(at, 2)); };
    const auto hours = digits(0);
    const auto minutes = digits(3);
    if (!hours || !minutes || *hours < 0 || *minutes < 0 || *minutes > 59) return std::nullopt;
    const auto total = *hours * 60 + *minutes;
    if (total > kMinutesOfDay) return std::nullopt;
    return static_cast<int>(total);
}

std::optional<ActiveHours::Range> read_range(Mapping& hours, const Node& node) {
    const auto parts = base::split(node.text, '-');
    const auto from = parts.size() == 2 ? time_of_day(base::trim(parts[0])) : std::nullopt;
    const auto to = parts.size() == 2 ? time_of_day(base::trim(parts[1])) : std::nullopt;
    if (!from || !to) {
        hours.error(node.place,
                    fmt::format("between takes ranges such as \"22:00-06:00\" (00:00 to "
                                "24:00), not {}",
                                node.describe()));
        return std::nullopt;
    }
    if (*from == *to) {
        hours.error(node.place, "this range is empty; the whole day is \"00:00-24:00\"");
        return std::nullopt;
    }
    return ActiveHours::Range{std::chrono::minutes{*from}, std::chrono::minutes{*to}};
}

/// Marks the days of "mon" or "mon-fri"; a range may go over the end of the week.
void mark_days(Mapping& hours, const Node& node, std::array<bool, 7>& days) {
    static const std::vector<std::string_view> kDays{"mon", "tue", "wed", "thu",
                                                     "fri", "sat", "sun"};
    const auto parts = base::split(node.text, '-');
    const auto first = index_of(base::trim(parts.front()), kDays);
    const auto last = index_of(base::trim(parts.back()), kDays);
    if (parts.size() > 2 || !first || !last) {
        hours.error(node.place, fmt::format("days takes {} and ranges such as mon-fri, not {}",
                                            fmt::join(kDays, ", "), node.describe()));
        return;
    }
    for (auto day = *first;; day = (day + 1) % 7) {
        days[day] = true;
        if (day == *last) return;
    }
}

std::optional<Frame> read_fixed(Mapping& rule, const Node& node, const base::TimeZone& zone) {
    Mapping map{rule.file(), node, "window", rule.diagnostics()};
    map.require("from");
    map.require("to");
    const auto from = read_local_time(map, "from", zone);
    const auto to = read_local_time(map, "to", zone);
    map.refuse_unknown();
    if (!from || !to) return std::nullopt;
    if (*to <= *from) {
        map.error(node.find("to")->place, "to must be after from");
        return std::nullopt;
    }
    return Frame{Frame::Kind::fixed, {}, *from, *to};
}

}  // namespace

std::string list_of(const std::vector<Dimension>& dimensions) {
    std::vector<std::string_view> names;
    for (const auto dimension : dimensions) names.push_back(dimension_name(dimension));
    return fmt::format("{}", fmt::join(names, ", "));
}

std::optional<std::chrono::seconds> read_seconds(Mapping& map, std::string_view key,
                                                 std::chrono::seconds least,
                                                 std::chrono::seconds most) {
    const auto value = map.duration(key, least, most);
    if (!value) return std::nullopt;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*value);
    if (seconds != *value) {
        map.error(map.find(key)->place, fmt::format("{} must be whole seconds", key));
    }
    return seconds;
}

std::optional<base::Second> read_local_time(Mapping& map, std::string_view key,
                                            const base::TimeZone& zone) {
    const auto* const node = map.find(key);
    if (node == nullptr) return std::nullopt;
    // A date alone would leave open whether its day counts.
    const bool has_time =
        node->kind == Node::Kind::scalar && node->text.find(':') != std::string::npos;
    const auto time = has_time ? base::parse_local_time(node->text, zone) : std::nullopt;
    if (!time) {
        map.error(node->place, fmt::format("{} must be a local time such as \"2026-01-05 09:00\", "
                                           "not {}",
                                           key, node->describe()));
    }
    return time;
}

std::optional<Frame> read_window(Mapping& rule, const base::TimeZone& zone) {
    using namespace std::chrono_literals;
    static const std::vector<std::string_view> kPeriods{"today", "this_week", "this_month"};
    const auto* const node = rule.find("window");
    if (node == nullptr) return std::nullopt;
    if (node->kind == Node::Kind::map) return read_fixed(rule, *node, zone);
    const auto period = index_of(node->text, kPeriods);
    if (period) {
        return Frame{static_cast<Frame::Kind>(static_cast<int>(Frame::Kind::today) +
                                              static_cast<int>(*period)),
                     {},
                     {},
                     {}};
    }
    const auto close = base::nearest(node->text, kPeriods);
    if (node->kind == Node::Kind::scalar && !close.empty()) {
        rule.error(node->place,
                   fmt::format("window must be a duration such as 1h, or one of {}, not "
                               "{}; did you mean '{}'?",
                               fmt::join(kPeriods, ", "), node->describe(), close));
        return std::nullopt;
    }
    const auto length = read_seconds(rule, "window", 1min, 30 * 24h);
    return length ? std::optional{Frame::rolling(*length)} : std::nullopt;
}

std::string suggest(std::string_view word, const std::vector<std::string_view>& known) {
    const auto close = base::nearest(word, known);
    if (!close.empty()) return fmt::format("; did you mean '{}'?", close);
    if (known.empty()) return "; none is configured";
    return fmt::format("; known are {}", fmt::join(known, ", "));
}

std::vector<const Node*> read_list(Mapping& map, std::string_view key) {
    const auto* const node = map.find(key);
    std::vector<const Node*> items;
    if (node == nullptr) return items;
    if (node->kind == Node::Kind::scalar) {
        items.push_back(node);
    } else if (node->kind == Node::Kind::list) {
        for (const auto& item : node->items) items.push_back(&item);
        if (items.empty()) {
            map.error(node->place,
                      fmt::format("{} is an empty list: name at least one, or leave it out", key));
        }
    } else {
        map.error(node->place, fmt::format("{} must be a text or a list of texts, not {}", key,
                                           node->describe()));
    }
    return items;
}

Where read_where(Mapping& rule, std::optional<Metric> metric) {
    const auto* const node = rule.find("where");
    if (node == nullptr) return {};
    Mapping where{rule.file(), *node, "where", rule.diagnostics()};
    Where conditions;
    for (std::size_t i = 0; i < dimension_names().size(); ++i) {
        const auto dimension = static_cast<Dimension>(i);
        const auto* const value = node->find(dimension_names()[i]);
        if (value != nullptr && metric && !contains(dimensions_of(*metric), dimension)) {
            where.error(value->place,
                        fmt::format("{} knows no {}; its where takes {}", metric_name(*metric),
                                    dimension_names()[i], list_of(dimensions_of(*metric))));
        }
        auto condition = read_condition(where, dimension);
        if (!condition.terms.empty()) conditions.push_back(std::move(condition));
    }
    where.refuse_unknown();
    return conditions;
}

std::optional<ErrorsWhen> read_errors_when(Mapping& rule) {
    const auto* const node = rule.find("errors_when");
    if (node == nullptr) return std::nullopt;
    Mapping map{rule.file(), *node, "errors_when", rule.diagnostics()};
    ErrorsWhen errors;
    const auto read = [&](Dimension dimension, std::optional<Condition>& into) {
        auto condition = read_condition(map, dimension);
        if (!condition.terms.empty()) into = std::move(condition);
    };
    read(Dimension::status, errors.status);
    read(Dimension::code, errors.code);
    if (node->kind == Node::Kind::map && node->members.empty()) {
        map.error(node->place, "errors_when needs status, code or both");
    }
    map.refuse_unknown();
    return errors;
}

std::vector<Dimension> read_by(Mapping& rule) {
    std::vector<Dimension> by;
    for (const auto* const item : read_list(rule, "by")) {
        const auto index = index_of(item->text, dimension_names());
        if (!index) {
            rule.error(item->place, fmt::format("by cannot group by {}{}", item->describe(),
                                                suggest(item->text, dimension_names())));
            continue;
        }
        const auto dimension = static_cast<Dimension>(*index);
        if (std::find(by.begin(), by.end(), dimension) != by.end()) {
            rule.error(item->place, fmt::format("by names {} twice", item->text));
        } else if (by.size() == kMostDimensions) {
            rule.error(item->place, fmt::format("by takes at most {} dimensions", kMostDimensions));
        } else {
            by.push_back(dimension);
        }
    }
    return by;
}

ActiveHours read_active_hours(Mapping& rule) {
    ActiveHours hours;
    const auto* const node = rule.find("active_hours");
    if (node == nullptr) return hours;
    Mapping map{rule.file(), *node, "active_hours", rule.diagnostics()};
    std::array<bool, 7> days{};
    for (const auto* const item : read_list(map, "days")) mark_days(map, *item, days);
    if (std::find(days.begin(), days.end(), true) != days.end()) hours.days = days;
    for (const auto* const item : read_list(map, "between")) {
        if (const auto range = read_range(map, *item)) hours.ranges.push_back(*range);
    }
    map.refuse_unknown();
    return hours;
}

}  // namespace quotafuse::alerts
