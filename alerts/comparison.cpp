#include "alerts/comparison.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "alerts/active_hours.h"
#include "alerts/decide.h"
#include "alerts/player.h"
#include "alerts/rule_watch.h"
#include "alerts/state_store.h"

namespace quotafuse::alerts {
namespace {

auto content_of(const Event& event) {
    return std::tie(event.at, event.rule, event.key, event.what, event.reason, event.id);
}

bool comes_before(const Event& a, const Event& b) {
    return content_of(a) < content_of(b);
}

/// A sum may be added up in another order.
bool is_about(std::optional<double> a, std::optional<double> b) {
    constexpr double kTolerance = 1e-9;
    if (!a || !b) return !a && !b;
    return std::abs(*a - *b) <= kTolerance * std::max({1.0, std::abs(*a), std::abs(*b)});
}

/// Counts what both sorted lists have, and notes what only one of them has.
void compare(const std::vector<Event>& recorded, const std::vector<Event>& replayed,
             HistoryComparison& result) {
    std::vector<HistoryComparison::Difference> not_recorded;
    auto a = recorded.begin();
    auto b = replayed.begin();
    while (a != recorded.end() || b != replayed.end()) {
        const bool ends_a = a == recorded.end();
        const bool ends_b = b == replayed.end();
        const bool both = !ends_a && !ends_b && content_of(*a) == content_of(*b);
        const bool same = both && is_about(a->value, b->value);
        const bool first_a = ends_b || (!ends_a && comes_before(*a, *b));
        if (same) ++result.same;
        if (!same && (both || first_a)) result.differences.push_back({*a, true});
        if (!same && (both || !first_a)) not_recorded.push_back({*b, false});
        a += both || first_a ? 1 : 0;
        b += both || !first_a ? 1 : 0;
    }
    std::ranges::move(not_recorded, std::back_inserter(result.differences));
    std::ranges::stable_sort(result.differences, {}, [](const auto& one) { return one.event.at; });
}

/// Rules that were evaluated as they are now.
std::vector<Rule> known_rules(const std::vector<Rule>& rules,
                              const std::map<std::string, base::Second>& looks,
                              std::vector<std::string>& notes) {
    std::vector<Rule> known;
    for (const auto& rule : rules) {
        if (!rule.enabled) continue;
        if (looks.contains(rule.name)) {
            known.push_back(rule);
        } else {
            notes.push_back(fmt::format(
                "rule {}: the daemon never evaluated it as it is now: not compared", rule.name));
        }
    }
    return known;
}

std::vector<Event> recorded_events(SQLite::Database& database,
                                   const std::map<std::string, base::Second>& looks,
                                   const HistoryComparison& span) {
    auto events = load_history(database, span.from + std::chrono::seconds{1}, span.until);
    std::erase_if(events, [&](const Event& event) {
        const auto look = looks.find(event.rule);
        return look == looks.end() || event.at < look->second;
    });
    return events;
}

using Series = std::pair<std::string, std::string>;  // rule and key

/// Series that had fired since before the span: a replay, which begins shortly before it, cannot
/// know since when. Until when each did.
std::map<Series, base::Second> older_episodes(SQLite::Database& database,
                                              const std::map<std::string, base::Second>& looks,
                                              const HistoryComparison& span) {
    std::map<Series, base::Second> open;
    for (const auto& event : load_history(database, {}, span.from)) {
        const auto look = looks.find(event.rule);
        if (look == looks.end() || event.at < look->second) continue;
        if (event.what == "firing") open[{event.rule, event.key}] = span.until;
        if (event.what == "over") open.erase({event.rule, event.key});
    }
    auto found = open;
    for (const auto& event : load_history(database, span.from, span.until)) {
        const auto series = found.find({event.rule, event.key});
        if (event.what == "over" && series != found.end() && open.erase(series->first) > 0) {
            series->second = event.at;
        }
    }
    return found;
}

void leave_out(const std::map<Series, base::Second>& older, std::vector<Event>& events) {
    std::erase_if(events, [&](const Event& event) {
        const auto series = older.find({event.rule, event.key});
        return series != older.end() && event.at <= series->second;
    });
}

/// The hours in which a replay began have been quiet since before it: what came and went in them is
/// told at their end, and it cannot know all of it. When what it tells of such a rule is complete;
/// empty for one that it heard from the beginning.
std::optional<base::Second> first_whole_digest(const Rule& rule, base::Second begin) {
    constexpr std::chrono::minutes kStep{1};
    const auto last = begin + kGoneAfter + kLeadIn;
    const auto is_active = [&](base::Second t) { return active(t, rule.hours, rule.zone); };
    if (rule.hours == ActiveHours{} || is_active(begin)) return std::nullopt;
    auto t = begin;
    while (t < last && !is_active(t)) t += kStep;
    while (t < last && is_active(t)) t += kStep;
    return t;
}

void leave_out_first_digests(const std::vector<Rule>& rules, base::Second begin,
                             std::vector<Event>& recorded, std::vector<Event>& replayed) {
    for (const auto& rule : rules) {
        const auto whole = first_whole_digest(rule, begin);
        if (!whole) continue;
        const auto is_partial = [&](const Event& event) {
            return event.rule == rule.name && event.what == "told" && event.at < *whole &&
                   event.reason == reason_name(Reason::came_and_went);
        };
        std::erase_if(recorded, is_partial);
        std::erase_if(replayed, is_partial);
    }
}

/// What cannot be compared, or may not be equal, because people changed the rules meanwhile.
void note_other_rules(SQLite::Database& database, const base::TimeZone& zone,
                      const std::map<std::string, base::Second>& looks, HistoryComparison& result) {
    std::set<std::string> others;
    for (const auto& event : load_history(database, result.from, result.until)) {
        const auto look = looks.find(event.rule);
        if (look != looks.end() && event.at < look->second) others.insert(event.rule);
    }
    for (const auto& rule : others) {
        result.notes.push_back(fmt::format("rule {}: compared from its first look on, at {}", rule,
                                           zone.format(looks.at(rule))));
    }
    if (result.differences.empty()) return;
    const auto events = load_events(database, result.from);
    const auto reload = std::find_if(events.rbegin(), events.rend(), [&](const auto& event) {
        return event.kind == EngineEvent::Kind::reloaded && event.at <= result.until;
    });
    if (reload == events.rend()) return;
    result.notes.push_back(
        fmt::format("the configuration was read anew at {}: before that rules may have had other "
                    "cooldowns, hours or inhibitors",
                    zone.format(reload->at)));
}

/// The daemon evaluated some seconds twice then, and a replay does so once.
void note_clock_set_back(SQLite::Database& database, const base::TimeZone& zone,
                         HistoryComparison& result) {
    for (const auto& event : load_events(database, result.from - kLeadIn)) {
        const auto former = second_of(event);
        if (event.kind == EngineEvent::Kind::late || !former || *former <= event.at) continue;
        if (event.at >= result.until || *former <= result.from) continue;
        result.notes.push_back(fmt::format(
            "the clock was set back from {} to {}: the daemon evaluated that time twice, "
            "and replay does so once",
            zone.format(*former), zone.format(event.at)));
    }
}

}  // namespace

HistoryComparison compare_with_history(const std::vector<Rule>& rules, sync::History& history,
                                       ReplayOptions options) {
    auto& database = history.handle();
    HistoryComparison result;
    const auto looks = first_looks(database, rules);
    const auto known = known_rules(rules, looks, result.notes);
    // Further on the daemon may not have looked yet, or not have written it down.
    if (const auto time = load_state(database).time) {
        options.until = std::min(options.until, *time);
    }
    options.as_it_was = true;
    auto replayed = replay(known, history, options);
    result.from = replayed.from;
    result.until = replayed.until;
    result.notes.insert(result.notes.end(), replayed.notes.begin(), replayed.notes.end());
    auto recorded = recorded_events(database, looks, result);
    auto& events = replayed.events;
    std::erase_if(events, [&](const Event& event) { return event.at <= result.from; });
    const auto older = older_episodes(database, looks, result);
    for (const auto& [series, end] : older) {
        result.notes.push_back(
            fmt::format("rule {}, series {}: fired since before: compared from {} on", series.first,
                        series.second, options.zone.format(end)));
    }
    leave_out(older, recorded);
    leave_out(older, events);
    leave_out_first_digests(known, result.from - kLeadIn, recorded, events);
    std::ranges::sort(recorded, comes_before);
    std::ranges::sort(events, comes_before);
    compare(recorded, events, result);
    note_clock_set_back(database, options.zone, result);
    note_other_rules(database, options.zone, looks, result);
    return result;
}

}  // namespace quotafuse::alerts
