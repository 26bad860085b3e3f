#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/bundle_text.h"

// What the messages for many say of the breaker.
namespace quotafuse::daemon {
namespace {

using notifiers::Bundle;
using notifiers::Message;

using circuit_breaker::Target;

struct Named {
    Target::Kind kind = Target::Kind::channel;
    std::string text;  // as Wording::target() says it
};

/// What the breaker did about several targets in the same words.
struct Told {
    std::string rest;               // of its line, behind the target
    std::vector<std::string> more;  // lines that belong to it
    std::vector<Named> targets;
};

/// The target that a line of the breaker's section begins with, the longest such.
const Named* named_in(const std::vector<Named>& targets, const std::string& line) {
    const Named* found = nullptr;
    for (const auto& one : targets) {
        const bool is_longer = found == nullptr || one.text.size() > found->text.size();
        if (line.starts_with(one.text) && is_longer) found = &one;
    }
    return found;
}

/// The lines of one section, each with those that belong to it.
std::vector<Told> read_section(const std::vector<std::string>& lines,
                               const std::vector<Named>& targets) {
    std::vector<Told> all;
    for (const auto& line : lines) {
        const auto* const target = named_in(targets, line);
        if (target != nullptr)
            all.push_back({line.substr(target->text.size()), {}, {*target}});
        else if (all.empty())
            all.push_back({line, {}, {}});
        else
            all.back().more.push_back(line);
    }
    return all;
}

std::string in_plural(std::string rest) {
    for (const auto& [one, many] :
         {std::pair{" is ", " are "}, {" was ", " were "}, {" stays ", " stay "}}) {
        if (rest.starts_with(one)) return many + rest.substr(std::string_view{one}.size());
    }
    return rest;
}

}  // namespace

/// Each refusal is told with its reason, and what has no channel left: the same words once, with
/// all the targets that they are about. What is offered to do about a key comes at the end, once.
void BundleText::add_breaker(const Bundle& bundle, Message& whole) const {
    std::vector<Told> all;
    std::map<std::string, std::string> offers;  // a line for each key
    for (const auto& item : bundle.items) {
        const auto& sections = item.message.sections;
        const auto section =
            std::ranges::find(sections, words_.breaker(), &Message::Section::heading);
        if (section == sections.end() || item.message.alerts.empty()) continue;
        std::vector<Named> targets;
        for (const auto& one : read_alert_object(item.message.alerts.front()).tripped)
            targets.push_back({one.target.kind, words_.target(one.target, one.name)});
        std::vector<std::string> lines;
        for (const auto& line : section->lines) {
            if (const auto key = words_.offered_key(line))
                offers.emplace(*key, line);
            else
                lines.push_back(line);
        }
        for (auto& told : read_section(lines, targets)) {
            const auto same = std::ranges::find_if(all, [&](const Told& other) {
                return other.rest == told.rest && other.more == told.more &&
                       other.targets.empty() == told.targets.empty() &&
                       (told.targets.empty() ||
                        other.targets.front().kind == told.targets.front().kind);
            });
            auto& place =
                same == all.end() ? all.emplace_back(Told{told.rest, told.more, {}}) : *same;
            for (auto& target : told.targets) {
                if (std::ranges::count(place.targets, target.text, &Named::text) == 0)
                    place.targets.push_back(std::move(target));
            }
        }
    }
    if (offers.size() > 1) offers.erase("");  // that key has its line
    if (all.empty() && offers.empty()) return;
    Message::Section section{std::string{words_.breaker()}, {}};
    for (const auto& told : all) {
        std::vector<std::string> names;
        for (const auto& target : told.targets) names.push_back(target.text);
        section.lines.push_back(
            names.empty() ? told.rest : breaker_line(told.targets.front().kind, names, told.rest));
        section.lines.insert(section.lines.end(), told.more.begin(), told.more.end());
    }
    for (const auto& [key, line] : offers) section.lines.push_back(line);
    whole.sections.push_back(std::move(section));
}

/// `names` as Wording::target() says them, all of one kind.
std::string BundleText::breaker_line(Target::Kind kind, std::vector<std::string> names,
                                     const std::string& rest) const {
    if (names.size() == 1) return names.front() + rest;
    const bool zh = words_.chinese();
    // A Chinese model's name stands behind its channel's.
    const bool repeats = zh && kind == Target::Kind::model;
    const auto word = names.front().substr(0, names.front().find(' '));
    if (!repeats) {
        for (auto& name : names) name.erase(0, word.size() + 1);
    }
    if (zh) return fmt::format("{}{}{}", repeats ? "" : word + " ", fmt::join(names, "、"), rest);
    return fmt::format("{}s {}{}", word, fmt::join(names, ", "), in_plural(rest));
}

}  // namespace quotafuse::daemon
