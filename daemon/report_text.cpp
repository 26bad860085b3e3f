#include "daemon/report_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::daemon {
namespace {

using notifiers::Message;

constexpr std::size_t kMostLines = 5;  // of alerts and of trips
constexpr std::size_t kMostName = 80;  // bytes

std::int64_t requests_of(const sync::Traffic& traffic) {
    return traffic.answers + traffic.errors + traffic.client_errors;
}

double error_rate_of(const sync::Traffic& traffic) {
    const auto attempts = traffic.answers + traffic.errors;
    return attempts == 0
               ? 0
               : 100 * static_cast<double>(traffic.errors) / static_cast<double>(attempts);
}

/// Of a gateway without prices requests say what is large.
std::int64_t weight_of(const sync::Traffic& traffic, const ReportFacts& facts) {
    return facts.now.quota > 0 ? traffic.quota : requests_of(traffic);
}

/// "channel 3 (azure)", "model gpt-4o of channel 3 (azure)", "key k1 (alice)".
std::string object_of(const ReportFacts::Trip& trip, const Wording& words) {
    using Kind = circuit_breaker::Target::Kind;
    const bool zh = words.chinese();
    switch (trip.target.kind) {
        case Kind::channel:
            return fmt::format("{} {}", zh ? "渠道" : "channel", trip.name);
        case Kind::model:
            return zh ? fmt::format("渠道 {} 的模型 {}", trip.name, trip.target.model)
                      : fmt::format("model {} of channel {}", trip.target.model, trip.name);
        case Kind::token:
            return fmt::format("{} {}", zh ? "令牌" : "key", trip.name);
    }
    std::abort();
}

}  // namespace

ReportText::ReportText(const Config& config)
    : frame_(config), words_(config.language), zone_(config.timezone) {}

Message ReportText::operator()(const ReportFacts& facts, const notifiers::ReportPlan& plan,
                               const DueReport& due, std::string_view event_id,
                               const Currency& currency) const {
    Message message;
    message.kind = Message::Kind::digest;
    message.title = title(plan, due);
    add_sums(facts, currency, message);
    add_objects(words_.say("渠道", "Channels"), facts.channels, facts, currency, message);
    add_objects(words_.say("模型", "Models"), facts.models, facts, currency, message);
    add_objects(words_.say("令牌", "Keys"), facts.keys, facts, currency, message);
    add_alerts(facts, message);
    add_breaker(facts, plan.weekly, currency, message);
    frame_.close(message, event_id, zone_, due.at);
    return message;
}

std::string ReportText::title(const notifiers::ReportPlan& plan, const DueReport& due) const {
    const auto first = zone_.format(due.period.from).substr(0, 10);
    // The second before the end, however long the last day was.
    const auto last = zone_.format(due.period.until - base::Seconds{1}).substr(0, 10);
    if (!plan.weekly) return fmt::format("{} {}", words_.say("日报", "Daily report,"), first);
    return fmt::format("{} {} – {}", words_.say("周报", "Weekly report,"), first, last);
}

/// " (+12 %)"; empty where nothing changed.
std::string ReportText::change(double now, double before) const {
    if (before <= 0) return now > 0 ? std::string{words_.say("（新）", " (new)")} : std::string{};
    const auto percent = std::round(100 * (now / before - 1));
    if (percent == 0) return words_.chinese() ? "（持平）" : " (as before)";
    return words_.chinese() ? fmt::format("（{}）", words_.change(percent))
                            : fmt::format(" ({})", words_.change(percent));
}

void ReportText::add_sums(const ReportFacts& facts, const Currency& currency,
                          Message& message) const {
    const auto add = [&](std::string_view label, std::string text, auto what) {
        if (facts.before)
            text += change(static_cast<double>(what(facts.now)),
                           static_cast<double>(what(*facts.before)));
        message.facts.push_back({std::string{label}, std::move(text)});
    };
    add(words_.say("花费", "Spend"), format_amount(facts.dollars, currency),
        [](const sync::Traffic& t) { return t.quota; });
    add(words_.say("Token 用量", "Tokens"), group_digits(facts.now.tokens),
        [](const sync::Traffic& t) { return t.tokens; });
    add(words_.say("请求数", "Requests"), group_digits(requests_of(facts.now)), requests_of);
    if (!facts.errors_known) return;
    const auto number = group_digits(facts.now.errors);
    auto errors = words_.chinese() ? fmt::format("{}（{:.1f}%）", number, error_rate_of(facts.now))
                                   : fmt::format("{} ({:.1f} %)", number, error_rate_of(facts.now));
    if (facts.before) {
        errors += words_.chinese()
                      ? fmt::format("，上一期 {:.1f}%", error_rate_of(*facts.before))
                      : fmt::format(", {:.1f} % the time before", error_rate_of(*facts.before));
    }
    message.facts.push_back({std::string{words_.say("错误", "Errors")}, std::move(errors)});
}

void ReportText::add_objects(std::string_view heading,
                             const std::vector<ReportFacts::Object>& objects,
                             const ReportFacts& facts, const Currency& currency,
                             Message& message) const {
    Message::Section section{std::string{heading}, {}};
    const auto total = weight_of(facts.now, facts);
    for (const auto& object : objects) {
        const auto weight = weight_of(object.now, facts);
        if (weight <= 0) continue;
        const auto share = 100 * static_cast<double>(weight) / static_cast<double>(total);
        const auto text =
            facts.now.quota > 0 ? format_amount(object.dollars, currency) : group_digits(weight);
        const auto former = object.before
                                ? change(static_cast<double>(weight),
                                         static_cast<double>(weight_of(*object.before, facts)))
                                : std::string{};
        section.lines.push_back(fmt::format(
            fmt::runtime(words_.say("{}：{}，{}{}", "{}: {}, {}{}")),
            base::cut_bytes(object.name, kMostName), text, words_.percent(share), former));
    }
    if (!section.lines.empty()) message.sections.push_back(std::move(section));
}

void ReportText::add_alerts(const ReportFacts& facts, Message& message) const {
    Message::Section section{std::string{words_.say("告警", "Alerts")}, {}};
    if (facts.alerts.empty()) section.lines.emplace_back(words_.say("无", "none"));
    std::int64_t rest = 0;
    for (std::size_t i = 0; i < facts.alerts.size(); ++i) {
        const auto& [rule, episodes] = facts.alerts[i];
        const auto own = words_.self_alert(rule);
        if (i < kMostLines)
            section.lines.push_back(fmt::format(fmt::runtime(words_.say("{}：{} 次", "{}: {}")),
                                                own.empty() ? rule : own, group_digits(episodes)));
        else
            rest += episodes;
    }
    if (rest > 0) {
        const auto rules = facts.alerts.size() - kMostLines;
        section.lines.push_back(words_.chinese()
                                    ? fmt::format("另有 {} 条规则的 {} 次", rules, rest)
                                    : fmt::format("and {} more, of {} rules", rest, rules));
    }
    message.sections.push_back(std::move(section));
}

std::string ReportText::trip_line(const ReportFacts::Trip& trip, bool with_date,
                                  const Currency& currency) const {
    const bool zh = words_.chinese();
    const auto at = zone_.format(trip.at);
    const auto when =
        at.substr(with_date || trip.earlier ? 5 : 11, with_date || trip.earlier ? 11 : 5);
    const auto object = object_of(trip, words_);
    auto line = trip.earlier ? std::string{} : when + " ";
    if (trip.earlier) {
        line += zh ? fmt::format("{} 自 {} 起被禁用", object, when)
                   : fmt::format("{} disabled since {}", object, when);
    } else if (trip.live) {
        line += zh ? fmt::format("禁用{}", object) : fmt::format("{} disabled", object);
    } else {
        line += zh ? fmt::format("影子模式：本应禁用{}", object)
                   : fmt::format("shadow: {} would have been disabled", object);
    }
    if (trip.taken_back)
        line += words_.say("，很快被人重新启用（可能是误熔断）",
                           ", enabled again by somebody soon after: perhaps a false trip");
    if (!trip.dollars) return line;
    const auto amount = format_amount(*trip.dollars, currency);
    if (trip.live)
        return line + (zh ? fmt::format("，按当时的速度约省 {}", amount)
                          : fmt::format(", at its pace about {} saved", amount));
    return line + (zh ? fmt::format("，此后又花费 {}", amount)
                      : fmt::format("; it went on to cost {}", amount));
}

void ReportText::add_counts(const ReportFacts& facts, Message::Section& section) const {
    const auto count = [&](std::string_view what, std::int64_t number) {
        if (number > 0) section.lines.push_back(fmt::format("{}{}", what, group_digits(number)));
    };
    count(words_.say("因保护条件未执行：", "Held back by a guard: "), facts.refused);
    count(words_.say("执行失败或结果未知：", "Failed or unknown: "), facts.failed);
    if (!facts.counted_all)
        section.lines.emplace_back(
            words_.say("记录太多，只统计了最近的一部分",
                       "There were too many decisions: only the newest count here"));
}

void ReportText::add_breaker(const ReportFacts& facts, bool with_date, const Currency& currency,
                             Message& message) const {
    const bool zh = words_.chinese();
    Message::Section section{std::string{words_.say("熔断", "Breaker")}, {}};
    double saved = 0;
    std::int64_t taken_back = 0;
    for (std::size_t i = 0; i < facts.trips.size(); ++i) {
        const auto& trip = facts.trips[i];
        if (i < kMostLines) section.lines.push_back(trip_line(trip, with_date, currency));
        if (trip.live) saved += trip.dollars.value_or(0);
        taken_back += trip.taken_back ? 1 : 0;
    }
    if (facts.trips.size() > kMostLines) {
        const auto rest =
            facts.trips.size() - kMostLines + static_cast<std::size_t>(facts.more_trips);
        section.lines.push_back(zh ? fmt::format("另有 {} 次", rest)
                                   : fmt::format("and {} more", rest));
        if (saved > 0)
            section.lines.push_back(fmt::format("{}{}",
                                                words_.say("合计约省 ", "Saved in all: about "),
                                                format_amount(saved, currency)));
        if (taken_back > 0)
            section.lines.push_back(
                fmt::format("{}{}", words_.say("可能的误熔断：", "Perhaps false: "), taken_back));
    }
    add_counts(facts, section);
    if (section.lines.empty()) section.lines.emplace_back(words_.say("无", "nothing"));
    message.sections.push_back(std::move(section));
}

}  // namespace quotafuse::daemon
