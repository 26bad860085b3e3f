#include "notifiers/rendering.h"

#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kMostTitle = 300;
constexpr std::size_t kMostFooter = 300;
constexpr std::size_t kMostLabel = 100;
constexpr std::size_t kMostValue = 1000;
constexpr std::size_t kMostUrl = 500;
/// Less room than this shows nothing worth reading.
constexpr std::size_t kLeastText = 16;

unsigned char byte_at(std::string_view text, std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

/// What stands for the character at i of valid UTF-8 when it must not reach a reader: a blank for
/// controls (a terminal obeys U+0080 … U+009F as well) and separators of lines, U+FFFD for what
/// turns the direction of writing. Empty for all others. `length` is that of the character.
std::string_view stand_in(std::string_view text, std::size_t i, std::size_t& length) {
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
    const auto first = byte_at(text, i);
    const auto second = byte_at(text, i + 1);
    const auto third = byte_at(text, i + 2);
    length = first < 0x80 ? 1 : first < 0xE0 ? 2 : 3;
    if (first < 0x20 || first == 0x7F || (first == 0xC2 && second < 0xA0)) return " ";
    if (first != 0xE2) return {};
    if (second == 0x80 && (third == 0xA8 || third == 0xA9)) return " ";
    const bool turns = (second == 0x80 && (third == 0x8E || third == 0x8F)) ||
                       (second == 0x80 && third >= 0xAA && third <= 0xAE) ||
                       (second == 0x81 && third >= 0xA6 && third <= 0xA9);
    return turns ? kReplacement : std::string_view{};
}

/// Only what no markup can end in, nor a reader take for something else.
std::string link_target(std::string_view url) {
    constexpr std::string_view kPlain = ":/?#@!$&+,;=%-_.";
    const auto line = one_line(url);
    // "http://[::1]:8080/": nowhere else do brackets mean anything.
    const auto scheme = std::min(line.find("://"), line.size());
    const auto host_end = line.find_first_of("/?#", scheme + 3);
    std::string target;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto c = line[i];
        const bool of_host = (c == '[' || c == ']') && i > scheme && i < host_end;
        const bool plain = of_host || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || kPlain.find(c) != std::string_view::npos;
        target += plain ? std::string{c} : base::percent_encode({&c, 1});
    }
    return target;
}

std::optional<Message::Link> cleaned(const std::optional<Message::Link>& link) {
    if (!link) return std::nullopt;
    Message::Link clean{base::cut_bytes(one_line(link->text), kMostLabel), link_target(link->url)};
    const bool web = clean.url.starts_with("http://") || clean.url.starts_with("https://");
    if (!web || clean.url.size() > kMostUrl) return std::nullopt;
    if (clean.text.empty()) clean.text = clean.url;
    return clean;
}

Message cleaned(const Message& message) {
    Message clean;
    clean.kind = message.kind;
    clean.severity = message.severity;
    clean.recovered = message.recovered;
    clean.title = base::cut_bytes(one_line(message.title), kMostTitle);
    clean.footer = base::cut_bytes(one_line(message.footer), kMostFooter);
    clean.link = cleaned(message.link);
    for (const auto& fact : message.facts) {
        clean.facts.push_back({base::cut_bytes(one_line(fact.label), kMostLabel),
                               base::cut_bytes(one_line(fact.value), kMostValue)});
    }
    for (const auto& section : message.sections) {
        auto& lines = clean.sections.emplace_back().lines;
        clean.sections.back().heading = base::cut_bytes(one_line(section.heading), kMostLabel);
        for (const auto& line : section.lines) lines.push_back(one_line(line));
    }
    return clean;
}

/// Room for text, in bytes. What does not fit is cut to what is left, or refused when that is next
/// to nothing; after that nothing is taken any more.
class Room {
public:
    explicit Room(std::size_t bytes) : left_(bytes) {}
    bool take(std::string& text) {
        if (text.size() > left_) {
            full_ = full_ || left_ < kLeastText;
            if (full_) return false;
            text = base::cut_bytes(text, left_);
        }
        left_ -= text.size();
        return !full_;
    }

private:
    std::size_t left_;
    bool full_ = false;
};

std::size_t lines_of(const Message& message) {
    std::size_t lines = message.facts.size();
    for (const auto& section : message.sections) lines += section.lines.size();
    return lines;
}

void take_section(const Message::Section& whole, Room& room, Message& part) {
    Message::Section section{whole.heading, {}};
    if (!room.take(section.heading)) return;
    for (auto line : whole.lines) {
        if (!room.take(line)) break;
        section.lines.push_back(std::move(line));
    }
    if (!section.lines.empty()) part.sections.push_back(std::move(section));
}

/// Of a cleaned message.
Message shortened(const Message& whole, std::size_t bytes) {
    auto part = whole;
    part.facts.clear();
    part.sections.clear();
    Room room{bytes};
    for (auto fact : whole.facts) {
        if (!room.take(fact.label) || !room.take(fact.value)) break;
        part.facts.push_back(std::move(fact));
    }
    for (const auto& section : whole.sections) take_section(section, room, part);
    const auto left_out = lines_of(whole) - lines_of(part);
    if (left_out == 0) return part;
    if (part.sections.empty()) part.sections.emplace_back();
    part.sections.back().lines.push_back(fmt::format("… +{}", left_out));
    return part;
}

bool in_word(std::string_view text, std::size_t i) {
    const auto c = byte_at(text, i);
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The full-width twin of a character that could be markup where it stands; empty for others.
std::string_view twin(std::string_view text, std::size_t i) {
    switch (text[i]) {
        case '<':
            return "＜";
        case '`':
            return "'";
        case '*':
            return "＊";
        case '|':
            return "｜";
        case '\\':
            return "＼";
        case '[':
            return "［";
        case '~':
            return byte_at(text, i + 1) == '~' || (i > 0 && text[i - 1] == '~') ? "～" : "";
        case '&':
            return byte_at(text, i + 1) == '#' || in_word(text, i + 1) ? "＆" : "";
        case '_':
            return i > 0 && in_word(text, i - 1) && in_word(text, i + 1) ? "" : "＿";
        case '#':
            return i == 0 ? "＃" : "";
        case '>':
            return i == 0 ? "＞" : "";
        case '-':
            return i == 0 ? "－" : "";
        case '+':
            return i == 0 ? "＋" : "";
        default:
            return {};
    }
}

}  // namespace

Tone tone_of(const Message& message) {
    switch (message.kind) {
        case Message::Kind::resolved:
            return message.recovered ? Tone::good : Tone::calm;
        case Message::Kind::breaker:
            return Tone::action;
        case Message::Kind::digest:
            return Tone::report;
        case Message::Kind::test:
            return Tone::trial;
        case Message::Kind::firing:
        case Message::Kind::reminder:
        case Message::Kind::summary:
            break;
    }
    constexpr std::array kBySeverity = {Tone::calm, Tone::warning, Tone::alarm};
    return kBySeverity.at(static_cast<std::size_t>(message.severity));
}

std::string_view mark_of(const Message& message) {
    using Marks = std::array<std::string_view, 3>;
    constexpr Marks kFiring = {"🔵", "🟠", "🔴"};
    constexpr Marks kReminder = {"🔁🔵", "🔁🟠", "🔁🔴"};
    constexpr Marks kSummary = {"📋🔵", "📋🟠", "📋🔴"};
    const auto severity = static_cast<std::size_t>(message.severity);
    switch (message.kind) {
        case Message::Kind::firing:
            return kFiring.at(severity);
        case Message::Kind::reminder:
            return kReminder.at(severity);
        case Message::Kind::summary:
            return kSummary.at(severity);
        case Message::Kind::resolved:
            return message.recovered ? "✅" : "⚪";
        case Message::Kind::breaker:
            return "⚡";
        case Message::Kind::digest:
            return "📊";
        case Message::Kind::test:
            return "🧪";
    }
    std::abort();
}

std::string one_line(std::string_view text) {
    auto line = base::valid_utf8(text);
    for (std::size_t i = 0; i < line.size(); ++i) {
        std::size_t length = 1;
        const auto stand = stand_in(line, i, length);
        if (stand.empty()) continue;
        line.replace(i, length, stand);
        i += stand.size() - 1;
    }
    return line;
}

std::string neutral_markdown(std::string_view text) {
    std::string neutral;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto other = twin(text, i);
        neutral += other.empty() ? text.substr(i, 1) : other;
    }
    return neutral;
}

std::string_view colon_after(std::string_view label) {
    const bool wide = !label.empty() && (static_cast<unsigned char>(label.back()) & 0x80) != 0;
    return wide ? "：" : ": ";
}

std::string plain_text(const Message& message) {
    auto text = fmt::format("{} {}\n", mark_of(message), message.title);
    for (const auto& fact : message.facts)
        text += fmt::format("{}{}{}\n", fact.label, colon_after(fact.label), fact.value);
    for (const auto& section : message.sections) {
        text += '\n';
        if (!section.heading.empty()) text += section.heading + "\n";
        for (const auto& line : section.lines) text += line + "\n";
    }
    if (message.link) {
        const auto& [label, url] = *message.link;
        text += fmt::format("\n{}{}{}\n", label, colon_after(label), url);
    }
    if (!message.footer.empty()) text += "\n" + message.footer;
    return text;
}

std::string render_to_fit(const Message& message, std::size_t most_bytes,
                          const std::function<std::string(const Message&)>& render,
                          const std::function<bool(const std::string&)>& fits) {
    const auto whole = cleaned(message);
    auto text = render(shortened(whole, most_bytes));
    if (fits(text)) return text;
    std::size_t fitting = 0;
    std::size_t too_much = most_bytes;
    while (too_much - fitting > 1) {
        const auto middle = fitting + (too_much - fitting) / 2;
        (fits(render(shortened(whole, middle))) ? fitting : too_much) = middle;
    }
    return render(shortened(whole, fitting));
}

Message with_keyword(Message message, const std::string& keyword) {
    // What is cut off at the end of a long title is not seen by the service.
    const auto kept = base::cut_bytes(one_line(message.title), kMostTitle);
    if (!keyword.empty() && kept.find(keyword) == std::string::npos) {
        message.title = fmt::format("{} · {}", keyword, message.title);
    }
    return message;
}

}  // namespace quotafuse::notifiers
