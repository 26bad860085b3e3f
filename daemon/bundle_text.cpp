#include "daemon/bundle_text.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "daemon/messages_json.h"
#include "daemon/number_format.h"
#include "notifiers/rendering.h"

namespace quotafuse::daemon {
namespace {

using notifiers::Bundle;
using notifiers::Message;

constexpr std::string_view kSeparator = " · ";  // between the parts of a title
/// A tail is a number with its limit; one that is longer is no tail worth keeping whole.
constexpr std::size_t kMostTail = 90;
constexpr std::size_t kMostRule = 60;
constexpr std::size_t kMostRules = 3;  // in a title
constexpr base::Seconds kNoWait{60};

std::string count_of(std::size_t number) {
    return group_digits(static_cast<std::int64_t>(number));
}

AlertObject about(const Message& message) {
    return message.alerts.empty() ? AlertObject{} : read_alert_object(message.alerts.front());
}

std::string line_of(const Message& message) {
    return brief_of(message.brief.empty() ? message.title : message.brief);
}

std::string date_of(const base::TimeZone& zone, base::Second at) {
    return zone.format(at).substr(0, 10);
}

/// "23:04", with the date "01-05 23:04".
std::string time_of(const base::TimeZone& zone, base::Second at, bool with_date) {
    const auto text = zone.format(at);
    return with_date ? text.substr(5, 11) : text.substr(11, 5);
}

/// Not before the newest of its letters: the clock may have been set back since.
base::Second now_of(const Bundle& bundle) {
    return std::max(bundle.now, bundle.items.back().put_at);
}

bool calls_people(const Message& message) {
    return message.kind != Message::Kind::resolved && message.kind != Message::Kind::digest &&
           message.kind != Message::Kind::test;
}

/// What holds for many: their kind where they share it, and the severity of what still matters.
Message frame_of(const Bundle& bundle) {
    const auto& first = bundle.items.front().message;
    Message whole;
    whole.kind = first.kind;
    whole.link = first.link;
    whole.footer = first.footer;
    for (const auto& item : bundle.items) {
        const auto& message = item.message;
        if (message.kind != whole.kind) whole.kind = Message::Kind::summary;
        whole.recovered = whole.recovered && message.recovered;
        whole.alerts.insert(whole.alerts.end(), message.alerts.begin(), message.alerts.end());
    }
    for (const auto& item : bundle.items) {
        if (whole.kind == Message::Kind::summary && !calls_people(item.message)) continue;
        whole.severity = std::max(whole.severity, item.message.severity);
    }
    return whole;
}

std::vector<Listed> listed(const Bundle& bundle) {
    std::vector<Listed> all;
    for (const auto& item : bundle.items) {
        const auto object = about(item.message);
        all.push_back({item.put_at, line_of(item.message),
                       object.rule.empty() ? item.message.title : object.rule, object.kind});
    }
    return all;
}

bool all_begin_with(const std::vector<std::string>& lines, std::string_view text) {
    return std::ranges::all_of(lines, [&](const auto& line) { return line.starts_with(text); });
}

/// What many share: empty where they differ.
struct Common {
    std::string rule;
    std::string kind;
    /// Of the key's parts, which are of the same dimensions in all.
    std::vector<AlertObject::Label> labels;
    std::vector<bool> shared;
};

Common common_of(const Bundle& bundle) {
    const auto first = about(bundle.items.front().message);
    Common common{first.rule, first.kind, first.labels,
                  std::vector<bool>(first.labels.size(), true)};
    for (const auto& item : bundle.items) {
        const auto object = about(item.message);
        if (object.rule != common.rule) common.rule.clear();
        if (object.kind != common.kind) common.kind.clear();
        if (!std::ranges::equal(object.labels, common.labels, {}, &AlertObject::Label::dimension,
                                &AlertObject::Label::dimension)) {
            common.labels.clear();
            common.shared.clear();
        }
        for (std::size_t i = 0; i < common.labels.size(); ++i)
            common.shared[i] = common.shared[i] && object.labels[i].name == common.labels[i].name;
    }
    return common;
}

struct RuleCount {
    std::string rule;
    std::size_t messages = 0;
    std::map<std::string, std::size_t> kinds;
    base::Second first{};
    base::Second last{};
};

/// In order of their first ones.
std::vector<RuleCount> by_rule(const std::vector<Listed>& all) {
    std::vector<RuleCount> counts;
    std::map<std::string, std::size_t> places;
    for (const auto& one : all) {
        const auto [place, is_new] = places.emplace(one.rule, counts.size());
        if (is_new) counts.push_back({one.rule, 0, {}, one.at, one.at});
        auto& count = counts[place->second];
        ++count.messages;
        ++count.kinds[one.kind];
        count.first = std::min(count.first, one.at);
        count.last = std::max(count.last, one.at);
    }
    return counts;
}

std::string kind_text(const Wording& words, const std::string& kind) {
    static const std::map<std::string, std::string_view> kChinese{
        {"firing", "告警"},  {"reminder", "提醒"}, {"resolved", "结束"}, {"breaker", "熔断"},
        {"summary", "汇总"}, {"digest", "摘要"},   {"test", "测试"}};
    const auto found = kChinese.find(kind);
    return words.chinese() && found != kChinese.end() ? std::string{found->second} : kind;
}

std::string line_of(const RuleCount& count, const Wording& words, const base::TimeZone& zone,
                    bool with_date) {
    std::vector<std::string> kinds;
    for (const auto& [kind, number] : count.kinds) {
        if (!kind.empty())
            kinds.push_back(fmt::format("{} {}", kind_text(words, kind), count_of(number)));
    }
    const bool zh = words.chinese();
    const auto list = fmt::format("{}", fmt::join(kinds, zh ? "，" : ", "));
    const auto what = kinds.empty() ? "" : fmt::format(fmt::runtime(zh ? "（{}）" : " ({})"), list);
    const auto own = words.self_alert(count.rule);
    return fmt::format(fmt::runtime(zh ? "{}：{} 条{}，{} – {}" : "{}: {}{}, {} – {}"),
                       own.empty() ? base::cut_bytes(notifiers::one_line(count.rule), kMostRule)
                                   : std::string{own},
                       count_of(count.messages), what, time_of(zone, count.first, with_date),
                       time_of(zone, count.last, with_date));
}

}  // namespace

std::string brief_of(std::string_view text, std::string_view tail) {
    const auto end = base::cut_bytes(notifiers::one_line(tail), kMostTail);
    return base::cut_bytes(notifiers::one_line(text), kMostBrief - end.size()) + end;
}

std::vector<std::string> list_or_count(const std::vector<Listed>& all, std::size_t most,
                                       base::Second now, const Wording& words,
                                       const base::TimeZone& zone) {
    std::vector<std::string> lines;
    const auto day = date_of(zone, now);
    const bool dates =
        std::ranges::any_of(all, [&](const Listed& one) { return date_of(zone, one.at) != day; });
    if (all.size() <= most) {
        for (const auto& one : all)
            lines.push_back(fmt::format("{} {}", time_of(zone, one.at, dates), one.brief));
        return lines;
    }
    const auto counts = by_rule(all);
    const auto told = counts.size() <= most ? counts.size() : most - 1;
    std::size_t rest = all.size();
    for (std::size_t i = 0; i < told; ++i) {
        lines.push_back(line_of(counts[i], words, zone, dates));
        rest -= counts[i].messages;
    }
    if (rest > 0) {
        const auto rules = count_of(counts.size() - told);
        lines.push_back(words.chinese()
                            ? fmt::format("另有 {} 条，来自 {} 条规则", count_of(rest), rules)
                            : fmt::format("and {} more, of {} rules", count_of(rest), rules));
    }
    return lines;
}

BundleText::BundleText(const Config& config) : words_(config.language), zone_(config.timezone) {}

Message BundleText::operator()(const Bundle& bundle) const {
    switch (bundle.why) {
        case Bundle::Why::batch:
            return batch(bundle);
        case Bundle::Why::queue:
            return queue(bundle);
        case Bundle::Why::both:
            return both(bundle);
        case Bundle::Why::expired:
            return expired(bundle);
    }
    std::abort();
}

std::string BundleText::label_text(const AlertObject::Label& label) const {
    const auto name = base::cut_bytes(notifiers::one_line(label.name), kMostRule);
    const auto dimension = words_.dimension(label.dimension);
    return dimension.empty() ? name : fmt::format("{} {}", dimension, name);
}

/// "12 channels": what tells them apart, where that is one thing.
std::string BundleText::title_of_rule(const Bundle& bundle, std::string_view rule,
                                      std::string_view kind, std::string_view things) const {
    const auto number = count_of(bundle.items.size());
    const bool zh = words_.chinese();
    const auto own = words_.self_alert(rule);
    if (!own.empty()) {
        const auto over = kind == "resolved" ? words_.say("已结束", " over") : "";
        return zh ? fmt::format("{} 条告警{}：{}", number, over, own)
                  : fmt::format("{} alerts{}: {}", number, over, own);
    }
    const auto title = [&](std::string_view chinese, std::string_view english) {
        return zh ? fmt::format("{} 个{}{}：{}", number, things, chinese, rule)
                  : fmt::format("{} {} {}: {}", english, number, things, rule);
    };
    if (kind == "firing") return title("告警", "Firing for");
    if (kind == "reminder") return title("仍在告警", "Still firing for");
    if (kind == "resolved") return title("告警已结束", "Over for");
    return zh ? fmt::format("{} 条消息：{}", number, rule)
              : fmt::format("{} messages: {}", number, rule);
}

/// What the lines share stands here, so that they need not say it.
std::string BundleText::batch_title(const Bundle& bundle) const {
    const auto common = common_of(bundle);
    const auto number = count_of(bundle.items.size());
    if (common.rule.empty()) return fmt::format("{}{}", number, words_.say(" 条消息", " messages"));
    std::string_view varies;
    int varying = 0;
    for (std::size_t i = 0; i < common.labels.size(); ++i) {
        if (common.shared[i]) continue;
        varies = common.labels[i].dimension;
        ++varying;
    }
    auto title = title_of_rule(bundle, common.rule, common.kind,
                               words_.several(varying == 1 ? varies : std::string_view{}));
    for (std::size_t i = 0; i < common.labels.size(); ++i) {
        if (common.shared[i])
            title += fmt::format("{}{}", kSeparator, label_text(common.labels[i]));
    }
    return title;
}

/// Takes from the lines what they begin with and the title says.
void BundleText::shorten(const Bundle& bundle, std::vector<std::string>& lines) const {
    const auto common = common_of(bundle);
    const auto end = lines.front().find(kSeparator);
    if (common.rule.empty() || end == std::string::npos) return;
    auto told = lines.front().substr(0, end + kSeparator.size());  // "Firing: rule · "
    if (!all_begin_with(lines, told)) return;
    for (std::size_t i = 0; i < common.labels.size() && common.shared[i]; ++i) {
        const auto longer = told + label_text(common.labels[i]) + std::string{kSeparator};
        if (!all_begin_with(lines, longer)) break;
        told = longer;
    }
    for (auto& line : lines) line.erase(0, told.size());
}

Message BundleText::batch(const Bundle& bundle) const {
    auto whole = frame_of(bundle);
    whole.title = batch_title(bundle);
    std::vector<std::string> lines;
    for (const auto& item : bundle.items) lines.push_back(line_of(item.message));
    shorten(bundle, lines);
    whole.sections.push_back({{}, std::move(lines)});
    add_breaker(bundle, whole);
    whole.brief = brief_of(whole.title);
    return whole;
}

/// What came in one minute has not waited.
/// "alerts", where nothing else is among them.
std::string_view BundleText::kind_of_all(const Bundle& bundle) const {
    using Kind = Message::Kind;
    const auto all = [&](auto is) {
        return std::ranges::all_of(bundle.items,
                                   [&](const Bundle::Item& item) { return is(item.message.kind); });
    };
    if (all([](Kind kind) { return kind == Kind::firing || kind == Kind::reminder; }))
        return words_.say("条告警", "alerts");
    if (all([](Kind kind) { return kind == Kind::resolved; }))
        return words_.say("条告警已结束", "alerts over");
    return words_.say("条消息", "messages");
}

std::string BundleText::queue_title(const Bundle& bundle) const {
    const auto number = count_of(bundle.items.size());
    const bool zh = words_.chinese();
    if (now_of(bundle) - bundle.items.front().put_at > kNoWait) {
        return zh ? fmt::format("积压的 {} 条消息", number)
                  : fmt::format("{} messages that had to wait", number);
    }
    std::vector<std::string> rules;
    for (const auto& item : bundle.items) {
        const auto rule = about(item.message).rule;
        const auto own = words_.self_alert(rule);
        auto name =
            own.empty() ? base::cut_bytes(notifiers::one_line(rule), kMostRule) : std::string{own};
        if (!rule.empty() && std::ranges::count(rules, name) == 0) rules.push_back(std::move(name));
    }
    const std::string more = rules.size() > kMostRules ? " …" : "";
    rules.resize(std::min(rules.size(), kMostRules));
    const auto what = fmt::format("{} {}", number, kind_of_all(bundle));
    if (rules.empty()) return what;
    return fmt::format("{}{}{}{}", what, words_.say("：", ": "), fmt::join(rules, zh ? "、" : ", "),
                       more);
}

Message BundleText::queue(const Bundle& bundle) const {
    auto whole = frame_of(bundle);
    whole.title = queue_title(bundle);
    whole.sections.push_back(
        {{}, list_or_count(listed(bundle), bundle.most_lines, now_of(bundle), words_, zone_)});
    add_breaker(bundle, whole);
    whole.brief = brief_of(whole.title);
    return whole;
}

/// What the breaker did, and the newest of what else has a heading. The rest was said of an alert
/// that was not over.
void BundleText::add_what_stays_true(const Message& said, Message& whole) const {
    for (const auto& section : said.sections) {
        if (section.heading.empty()) continue;
        const bool is_known = section.heading == words_.breaker()
                                  ? std::ranges::count(whole.sections, section) > 0
                                  : std::ranges::count(whole.sections, section.heading,
                                                       &Message::Section::heading) > 0;
        if (!is_known) whole.sections.push_back(section);
    }
}

/// The last word on the alert, with what was said before it.
Message BundleText::both(const Bundle& bundle) const {
    const auto& first = bundle.items.front();
    const auto& last = bundle.items.back();
    const auto frame = frame_of(bundle);
    auto whole = last.message;
    whole.alerts = frame.alerts;
    whole.footer = frame.footer;
    const bool dates = date_of(zone_, first.put_at) != date_of(zone_, last.put_at);
    const auto from = time_of(zone_, first.put_at, dates);
    const auto to = time_of(zone_, last.put_at, dates);
    const auto times = words_.chinese() ? fmt::format("{} 告警，{} 结束", from, to)
                                        : fmt::format("Fired {}, over at {}", from, to);
    whole.sections.insert(whole.sections.begin(), Message::Section{{}, {times}});
    for (auto item = bundle.items.rbegin(); item != bundle.items.rend(); ++item)
        add_what_stays_true(item->message, whole);
    whole.brief =
        brief_of(last.message.brief.empty() ? last.message.title : last.message.brief,
                 fmt::format(fmt::runtime(words_.say("（{} – {}）", " ({} – {})")), from, to));
    return whole;
}

Message BundleText::expired(const Bundle& bundle) const {
    auto whole = frame_of(bundle);
    whole.kind = Message::Kind::digest;
    const auto number = count_of(bundle.items.size());
    whole.title = words_.chinese() ? fmt::format("{} 条消息未能及时送达", number)
                                   : fmt::format("{} messages came too late to be news", number);
    whole.sections.push_back(
        {{}, list_or_count(listed(bundle), bundle.most_lines, now_of(bundle), words_, zone_)});
    whole.brief = brief_of(whole.title);
    return whole;
}

}  // namespace quotafuse::daemon
