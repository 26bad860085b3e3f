#include "notifiers/rendering.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kMostTitle = 300;
constexpr std::size_t kMostFooter = 300;
constexpr std::size_t kMostLabel = 100;
constexpr std::size_t kMostValue = 1000;
/// Less room than this shows nothing worth reading.
constexpr std::size_t kLeastText = 16;

/// Valid UTF-8 in one line. A terminal obeys the control characters U+0080 … U+009F as well.
std::string clean(std::string_view text) {
    auto line = base::valid_utf8(text);
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto byte = static_cast<unsigned char>(line[i]);
        if (byte < 0x20 || byte == 0x7f) line[i] = ' ';
        if (byte == 0xC2 && static_cast<unsigned char>(line[i + 1]) < 0xA0) line.replace(i, 2, " ");
    }
    return line;
}

Message cleaned(const Message& message) {
    Message clean_one{message.kind, message.severity,     clean(message.title), {},
                      {},           clean(message.footer)};
    for (const auto& fact : message.facts) {
        clean_one.facts.push_back({clean(fact.label), clean(fact.value)});
    }
    for (const auto& line : message.lines) clean_one.lines.push_back(clean(line));
    return clean_one;
}

/// Room for text, in bytes. What does not fit is cut to what is left, or refused when that is next
/// to nothing.
class Room {
public:
    explicit Room(std::size_t bytes) : left_(bytes) {}
    bool take(std::string& text) {
        if (text.size() > left_) {
            if (left_ < kLeastText) return false;
            text = base::cut_bytes(text, left_);
        }
        left_ -= text.size();
        return true;
    }

private:
    std::size_t left_;
};

Message shortened(const Message& whole, std::size_t bytes) {
    Message part{whole.kind,
                 whole.severity,
                 base::cut_bytes(whole.title, kMostTitle),
                 {},
                 {},
                 base::cut_bytes(whole.footer, kMostFooter)};
    Room room{bytes};
    for (auto fact : whole.facts) {
        fact.label = base::cut_bytes(fact.label, kMostLabel);
        fact.value = base::cut_bytes(fact.value, kMostValue);
        if (!room.take(fact.label) || !room.take(fact.value)) break;
        part.facts.push_back(std::move(fact));
    }
    const bool facts_fit = part.facts.size() == whole.facts.size();
    for (auto line : whole.lines) {
        if (!facts_fit || !room.take(line)) break;
        part.lines.push_back(std::move(line));
    }
    const auto left_out =
        whole.facts.size() - part.facts.size() + whole.lines.size() - part.lines.size();
    if (left_out > 0) part.lines.push_back(fmt::format("… +{}", left_out));
    return part;
}

}  // namespace

std::string_view mark_of(const Message& message) {
    if (message.kind == Message::Kind::resolved) return "✅";
    if (message.kind == Message::Kind::breaker) return "⚡";
    switch (message.severity) {
        case base::Severity::info:
            return "🔵";
        case base::Severity::warning:
            return "🟠";
        case base::Severity::critical:
            return "🔴";
    }
    std::abort();
}

std::string plain_text(const Message& message) {
    auto text = fmt::format("{} {}\n", mark_of(message), message.title);
    for (const auto& fact : message.facts) text += fmt::format("{}: {}\n", fact.label, fact.value);
    if (!message.lines.empty()) text += fmt::format("\n{}\n", fmt::join(message.lines, "\n"));
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

}  // namespace quotafuse::notifiers
