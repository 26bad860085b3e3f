#include <cstdlib>
#include <ostream>

#include <fmt/format.h>

#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// Prints to a terminal: for the demo, and for trying rules out without a chat.
namespace quotafuse::notifiers {
namespace {

/// ANSI: bold, then the colour.
std::string_view paint_of(const Message& message) {
    if (message.kind == Message::Kind::resolved) return "\x1b[1;32m";
    switch (message.severity) {
        case base::Severity::info:
            return "\x1b[1;34m";
        case base::Severity::warning:
            return "\x1b[1;33m";
        case base::Severity::critical:
            return "\x1b[1;31m";
    }
    std::abort();
}

std::string render(const Message& message, bool colour) {
    const std::string_view paint = colour ? paint_of(message) : std::string_view{};
    const std::string_view dim = colour ? "\x1b[2m" : "";
    const std::string_view normal = colour ? "\x1b[0m" : "";
    auto text = fmt::format("{}┃ {}{}\n", paint, message.title, normal);
    const auto add = [&](std::string_view style, std::string_view line) {
        text += fmt::format("{}┃{} {}{}{}\n", paint, normal, style, line, normal);
    };
    for (const auto& fact : message.facts) add("", fmt::format("{}: {}", fact.label, fact.value));
    for (const auto& line : message.lines) add("", line);
    if (!message.footer.empty()) add(dim, message.footer);
    return text + "\n";
}

class ConsoleProvider final : public Provider {
public:
    explicit ConsoleProvider(Console console) : console_(console) {}

    Outcome send(const Message& message) override {
        constexpr std::size_t kPlenty = 20'000;
        // Cleaning matters here too: a name with escape sequences could rewrite the terminal.
        console_.out << render_to_fit(
                            message, kPlenty,
                            [&](const Message& part) { return render(part, console_.colour); },
                            [](const std::string&) { return true; })
                     << std::flush;
        if (console_.out) return {};
        console_.out.clear();
        return {Outcome::Kind::transient, {}, "the terminal or file does not take the text", 3};
    }
    void interrupt() noexcept override {}

private:
    Console console_;
};

}  // namespace

std::unique_ptr<Provider> make_console(Console console) {
    return std::make_unique<ConsoleProvider>(console);
}

std::unique_ptr<Provider> make_provider(const Settings& settings, const base::Clock& clock,
                                        Console console) {
    switch (settings.type) {
        case Settings::Type::telegram:
            return make_telegram(settings);
        case Settings::Type::feishu:
            return make_feishu(settings, clock);
        case Settings::Type::wecom:
            return make_wecom(settings);
        case Settings::Type::console:
            return make_console(console);
    }
    std::abort();
}

}  // namespace quotafuse::notifiers
