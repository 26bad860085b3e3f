#include "daemon/breaker_report_text.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "daemon/breaker_json.h"
#include "daemon/breaker_report_words.h"
#include "daemon/number_format.h"
#include "daemon/off_spans.h"
#include "daemon/replay_report.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;
using Trip = BreakerReport::Trip;
using RuleSum = BreakerReport::RuleSum;

/// From this share on, in percent, false trips ask for another limit rather than for live mode.
constexpr std::int64_t kManyUndone = 20;

std::string times(std::int64_t count, const std::string& word) {
    return fmt::format("{} {}{}", group_digits(count), word, count == 1 ? "" : "s");
}

std::string rule_name(const std::string& rule) {
    return rule.empty() ? "by hand" : rule;
}

/// "protected (1), last usable channel of a model (2)"
std::string guards_text(const std::map<std::string, std::int64_t>& refused_by) {
    std::string text;
    for (const auto& [cause, count] : refused_by) {
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", guard_words(cause),
                            group_digits(count));
    }
    return text;
}

const char* kind_word(Trip::Kind kind) {
    switch (kind) {
        case Trip::Kind::shadow:
            return "shadow";
        case Trip::Kind::live:
            return "live";
        case Trip::Kind::refused:
            return "refused";
    }
    std::abort();
}

std::string action_key(const alerts::Rule& rule) {
    return rule.action->what == alerts::RuleAction::What::token ? "disable_token"
                                                                : "disable_channel";
}

/// Columns after those of shadow trips go where no rule has anything in them.
std::vector<std::vector<std::string>> without_empty(std::vector<std::vector<std::string>> rows) {
    constexpr std::size_t kStay = 5;
    for (auto column = rows.front().size(); column-- > kStay;) {
        const bool empty = std::all_of(rows.begin() + 1, rows.end(), [&](const auto& row) {
            return row[column] == "0" || row[column] == "$0.00";
        });
        if (!empty) continue;
        for (auto& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
    }
    return rows;
}

}  // namespace

double BreakerReportText::dollars(double quota) const {
    return report_.quota_per_dollar > 0 ? quota / report_.quota_per_dollar : 0;
}

std::string BreakerReportText::amount(double quota) const {
    return format_value(alerts::Metric::cost, dollars(quota));
}

std::string BreakerReportText::mode_of(const RuleSum& sum) const {
    if (sum.now == nullptr || !sum.now->enabled || !sum.now->action) return "-";
    return std::string{circuit_breaker::mode_name(effective_mode(sum.now->action->mode, config_))};
}

std::string BreakerReportText::head() const {
    const auto& zone = config_.timezone;
    auto text =
        fmt::format("{} to {} ({}), breaker.mode is {}\n", zone.format(report_.from),
                    zone.format(report_.until), base::format_duration(report_.until - report_.from),
                    circuit_breaker::mode_name(config_.breaker.mode));
    if (!report_.all_read) {
        text += fmt::format(
            "note: there is more on record than the newest {} entries, which are "
            "what counts here; a shorter --since tells all of it\n",
            group_digits(BreakerReport::kMostEntries));
    }
    if (report_.more_trips > 0) {
        text +=
            fmt::format("note: only the newest {} count here; {} more came before\n",
                        times(BreakerReport::kMostTrips, "trip"), group_digits(report_.more_trips));
    }
    return text;
}

std::string BreakerReportText::table() const {
    if (report_.rules.empty()) return "no rule has an action, and nobody tripped anything\n";
    std::vector<std::vector<std::string>> rows{{"rule", "mode", "would trip", "would save",
                                                "undone", "tripped", "saved about", "taken back",
                                                "refused", "let through", "repeats", "failed"}};
    for (const auto& sum : report_.rules) {
        rows.push_back({rule_name(sum.rule), mode_of(sum), group_digits(sum.shadow),
                        amount(static_cast<double>(sum.shadow_quota)), group_digits(sum.undone),
                        group_digits(sum.live), amount(sum.live_quota),
                        group_digits(sum.taken_back), group_digits(sum.refused),
                        amount(static_cast<double>(sum.refused_quota)), group_digits(sum.repeats),
                        group_digits(sum.failed)});
    }
    rows = without_empty(std::move(rows));
    auto text = in_columns(rows);
    const auto& shown = rows.front();
    const auto all_saved = amount(static_cast<double>(report_.shadow_quota));
    for (const auto& [column, meaning] : column_words(report_, all_saved)) {
        if (std::ranges::find(shown, column) != shown.end())
            text += fmt::format("{}: {}\n", column, meaning);
    }
    return text + earlier() + guards();
}

/// What counts in the table although it was asked for before.
std::string BreakerReportText::earlier() const {
    std::string text;
    for (const auto& sum : report_.rules) {
        const auto rule = rule_name(sum.rule);
        if (sum.earlier > 0)
            text += fmt::format(
                "would save, {}: also what {} from before would have saved in this time\n", rule,
                times(sum.earlier, "shadow trip"));
        if (sum.earlier_live > 0)
            text += fmt::format("saved about, {}: also what {} from before saved in this time\n",
                                rule, times(sum.earlier_live, "trip"));
        if (sum.earlier_refused > 0)
            text += fmt::format(
                "let through, {}: also what guards that held {} from before let through in this "
                "time\n",
                rule, times(sum.earlier_refused, "trip"));
    }
    return text;
}

std::string BreakerReportText::guards() const {
    std::string text;
    for (const auto& sum : report_.rules) {
        if (sum.refused > 0)
            text +=
                fmt::format("refused, {}: {}\n", rule_name(sum.rule), guards_text(sum.refused_by));
    }
    return text;
}

/// What to write, and where.
std::string BreakerReportText::promotion(const RuleSum& sum) const {
    std::string text;
    if (sum.now->action->mode != alerts::ActionMode::live)
        text = fmt::format("write `action: {{{}: {{mode: live}}}}` in rule {}",
                           action_key(*sum.now), sum.rule);
    if (config_.breaker.mode == circuit_breaker::Mode::live) return text;
    const auto file = config_.file.empty() ? std::string{"quotafuse.yaml"} : config_.file;
    return fmt::format("{}{}`breaker: {{mode: live}}`{} in {}", text,
                       text.empty() ? "write " : " and ",
                       config_.breaker.dsn ? "" : " with its `dsn`", file);
}

std::string BreakerReportText::advice_on_shadow(const RuleSum& sum) const {
    if (sum.undone * 100 >= sum.shadow * kManyUndone) {
        return fmt::format(
            "tune it first: {} of {} would have been undone, since the value was "
            "back by itself within {}; a higher limit or a longer `for` helps",
            group_digits(sum.undone), times(sum.shadow, "trip"),
            base::format_duration(BreakerReport::kSoonClear));
    }
    if (sum.undecided == sum.shadow) {
        return fmt::format(
            "too early to tell: whether a value is back by itself shows {} after "
            "the trip, and its {} just now",
            base::format_duration(BreakerReport::kSoonClear),
            sum.shadow == 1 ? "trip came" : "trips came");
    }
    auto seen = sum.undone == 0 ? fmt::format("no one would have undone any of its {}",
                                              times(sum.shadow, "trip"))
                                : fmt::format("{} of its {} would have been undone",
                                              group_digits(sum.undone), times(sum.shadow, "trip"));
    if (sum.undecided > 0)
        seen += fmt::format(" so far ({} just now)", group_digits(sum.undecided));
    if (mode_of(sum) == "live") return fmt::format("live by now; {}", seen);
    return fmt::format("ready for live, {}: {}", seen, promotion(sum));
}

std::string BreakerReportText::advice_on_live(const RuleSum& sum) const {
    const auto hour = base::format_duration(kSoon);
    auto text = sum.taken_back == 0
                    ? fmt::format("live, and nobody took a trip back within {}", hour)
                    : fmt::format("live; people took back {} of {} within {}",
                                  group_digits(sum.taken_back), times(sum.live, "trip"), hour);
    if (sum.live_undecided > 0)
        text += fmt::format(" so far; {} of {} {} not so old yet", group_digits(sum.live_undecided),
                            times(sum.live, "trip"), sum.live_undecided == 1 ? "is" : "are");
    return text;
}

std::string BreakerReportText::advice(const RuleSum& sum) const {
    if (sum.rule.empty()) return {};
    if (sum.now == nullptr) return "there is no such rule any more";
    if (!sum.now->action) return "the rule has no action any more";
    if (sum.taken_back * 100 >= sum.live * kManyUndone && sum.taken_back > 0) {
        return fmt::format("tune it: people took back {} of {} within {}",
                           group_digits(sum.taken_back), times(sum.live, "trip"),
                           base::format_duration(kSoon));
    }
    if (sum.shadow > 0) return advice_on_shadow(sum);
    if (sum.live > 0) return advice_on_live(sum);
    if (sum.earlier + sum.earlier_live > 0)
        return fmt::format("asked for nothing new: what it {} off before went on",
                           sum.earlier_live > 0 ? "switched" : "would have switched");
    if (sum.refused > 0)
        return "nothing of it would happen in live mode either: guards refused all of it";
    if (sum.earlier_refused > 0) return "asked for nothing new: what a guard held back went on";
    return "asked for nothing: watch it longer, or see with `quotafuse replay` what it would find";
}

std::string BreakerReportText::worth(const Trip& trip) const {
    const auto& zone = config_.timezone;
    const auto quota = static_cast<double>(trip.quota);
    switch (trip.kind) {
        case Trip::Kind::shadow:
        case Trip::Kind::refused:
            if (trip.entry.rule.empty())
                return "asked for by hand";  // there is no alert to count until
            return fmt::format("{} {}{} until {}{}", amount(quota),
                               trip.kind == Trip::Kind::shadow ? "saved" : "let through",
                               trip.earlier ? " since " + zone.format(report_.from) : "",
                               zone.format(trip.counted_until),
                               trip.over ? "" : ", its alert goes on");
        case Trip::Kind::live:
            return worth_of_live(trip);
    }
    std::abort();
}

std::string BreakerReportText::worth_of_live(const Trip& trip) const {
    const auto off =
        fmt::format("off for {}{}{}", base::format_duration(trip.off),
                    trip.still_off ? " so far" : "", trip.earlier ? " in this time" : "");
    const auto worth = amount(trip.pace_quota());
    if (!trip.undone) return fmt::format("{}, about {} saved at its pace", off, worth);
    return fmt::format("{}; {} within {}, so that about {} at its pace do not count as saved", off,
                       trip.by_order
                           ? "a person had it given back (`quotafuse breaker restore` or `undo`)"
                           : "somebody enabled it at the gateway",
                       base::format_duration(kSoon), worth);
}

std::string BreakerReportText::line(const Trip& trip) const {
    static const auto kWhat = [](Trip::Kind kind) {
        if (kind == Trip::Kind::live) return "disabled";
        return kind == Trip::Kind::shadow ? "would have disabled" : "did not disable";
    };
    auto text = fmt::format("{}  {}: {} {}", config_.timezone.format(trip.entry.at),
                            rule_name(trip.entry.rule), kWhat(trip.kind),
                            object_text(trip.entry.target, trip.entry.name));
    if (trip.kind == Trip::Kind::refused) text += fmt::format(" ({})", trip.entry.why);
    text += "; " + worth(trip);
    if (trip.undone && trip.kind == Trip::Kind::shadow)
        text += "; the value was back by itself: a person would have undone it";
    if (trip.repeats > 0) text += fmt::format("; asked for again {}", times(trip.repeats, "time"));
    return text;
}

std::string BreakerReportText::trips() const {
    std::string text;
    const auto shown = std::min(report_.trips.size(), kMostShown);
    for (std::size_t i = 0; i < shown; ++i)
        text += line(report_.trips[report_.trips.size() - 1 - i]) + '\n';
    if (report_.trips.size() > shown)
        text += fmt::format("and {} more; --rule NAME shows one rule, --json all\n",
                            group_digits(static_cast<std::int64_t>(report_.trips.size() - shown)));
    return text;
}

std::string BreakerReportText::text() const {
    auto text = head() + '\n' + table();
    std::string advices;
    for (const auto& sum : report_.rules) {
        const auto said = advice(sum);
        if (!said.empty()) advices += fmt::format("{}: {}\n", sum.rule, said);
    }
    if (!advices.empty()) text += '\n' + advices;
    const auto list = trips();
    if (!list.empty()) text += '\n' + list;
    text.pop_back();
    return text;
}

std::string BreakerReportText::json() const {
    auto rules = Json::array();
    for (const auto& sum : report_.rules) {
        rules.push_back({{"rule", sum.rule},
                         {"mode", mode_of(sum)},
                         {"would_trip", sum.shadow},
                         {"earlier", sum.earlier},
                         {"earlier_tripped", sum.earlier_live},
                         {"earlier_refused", sum.earlier_refused},
                         {"would_save_usd", dollars(static_cast<double>(sum.shadow_quota))},
                         {"would_be_undone", sum.undone},
                         {"undecided", sum.undecided + sum.live_undecided},
                         {"tripped", sum.live},
                         {"saved_usd", dollars(sum.live_quota)},
                         {"taken_back", sum.taken_back},
                         {"refused", sum.refused},
                         {"refused_by", sum.refused_by},
                         {"let_through_usd", dollars(static_cast<double>(sum.refused_quota))},
                         {"repeats", sum.repeats},
                         {"failed", sum.failed},
                         {"advice", advice(sum)}});
    }
    auto trips = Json::array();
    for (const auto& trip : report_.trips) {
        const bool live = trip.kind == Trip::Kind::live;
        const auto worth = live ? trip.saved_quota() : static_cast<double>(trip.quota);
        trips.push_back(Json(entry_json(trip.entry)));
        trips.back().update(
            {{"what", kind_word(trip.kind)},
             {"over", trip.over ? Json(base::unix_seconds(*trip.over)) : Json(nullptr)},
             {"ending", trip.ending},
             {"counted_until", base::unix_seconds(trip.counted_until)},
             {"usd", dollars(worth)},
             {"off_seconds", live ? Json(trip.off.count()) : Json(nullptr)},
             {"undone", trip.undone},
             {"by_order", trip.by_order},
             {"undecided", trip.undecided},
             {"earlier", trip.earlier},
             {"repeats", trip.repeats}});
    }
    const Json all{{"from", base::unix_seconds(report_.from)},
                   {"until", base::unix_seconds(report_.until)},
                   {"mode", circuit_breaker::mode_name(config_.breaker.mode)},
                   {"cache_lag_seconds", report_.lag.count()},
                   {"complete", report_.all_read && report_.more_trips == 0},
                   {"more_trips", report_.more_trips},
                   {"would_save_usd", dollars(static_cast<double>(report_.shadow_quota))},
                   {"rules", std::move(rules)},
                   {"trips", std::move(trips)}};
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace quotafuse::daemon
