#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/bundle_text.h"

// What the messages for many say of the breaker.
namespace quotafuse::daemon {
namespace {

using notifiers::Bundle;
using notifiers::Message;

std::optional<AlertObject::Channel> channel_of(const Message& message) {
    if (message.alerts.empty()) return std::nullopt;
    return read_alert_object(message.alerts.front()).tripped;
}

/// What the breaker did about several alerts in the same words.
struct Told {
    std::string rest;  // of its line, behind the channel
    std::vector<std::string> more;
    std::vector<std::string> channels;
};

std::string in_plural(std::string rest) {
    for (const auto& [one, many] :
         {std::pair{" is ", " are "}, {" was ", " were "}, {" stays ", " stay "}}) {
        if (rest.starts_with(one)) return many + rest.substr(std::string_view{one}.size());
    }
    return rest;
}

}  // namespace

/// Each refusal is told with its reason, and what has no channel left: the same words once, with
/// all the channels that they are about.
void BundleText::add_breaker(const Bundle& bundle, Message& whole) const {
    std::vector<Told> all;
    for (const auto& item : bundle.items) {
        const auto section =
            std::ranges::find(item.message.sections, words_.breaker(), &Message::Section::heading);
        if (section == item.message.sections.end() || section->lines.empty()) continue;
        const auto tripped = channel_of(item.message);
        auto channel = tripped ? words_.channel(tripped->id, tripped->name) : std::string{};
        Told told{section->lines.front(), {section->lines.begin() + 1, section->lines.end()}, {}};
        if (tripped && told.rest.starts_with(channel))
            told.rest.erase(0, channel.size());
        else
            channel.clear();
        const auto same = std::ranges::find_if(all, [&](const Told& other) {
            return other.rest == told.rest && other.more == told.more;
        });
        auto& place = same == all.end() ? all.emplace_back(std::move(told)) : *same;
        if (std::ranges::count(place.channels, channel) == 0) place.channels.push_back(channel);
    }
    if (all.empty()) return;
    Message::Section section{std::string{words_.breaker()}, {}};
    for (const auto& told : all) {
        section.lines.push_back(breaker_line(told.channels, told.rest));
        section.lines.insert(section.lines.end(), told.more.begin(), told.more.end());
    }
    whole.sections.push_back(std::move(section));
}

/// `channels` as Wording::channel() says them.
std::string BundleText::breaker_line(const std::vector<std::string>& channels,
                                     const std::string& rest) const {
    if (channels.size() == 1) return channels.front() + rest;
    std::vector<std::string_view> names;
    for (const auto& channel : channels)
        names.push_back(std::string_view{channel}.substr(channel.find(' ') + 1));
    return words_.chinese() ? fmt::format("渠道 {}{}", fmt::join(names, "、"), rest)
                            : fmt::format("Channels {}{}", fmt::join(names, ", "), in_plural(rest));
}

}  // namespace quotafuse::daemon
