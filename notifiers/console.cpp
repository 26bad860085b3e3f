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
    switch (tone_of(message)) {
        case Tone::good:
            return "\x1b[1;32m";
        case Tone::calm:
            return "\x1b[1;34m";
        case Tone::warning:
            return "\x1b[1;33m";
        case Tone::alarm:
            return "\x1b[1;31m";
        case Tone::action:
            return "\x1b[1;35m";
        case Tone::report:
            return "\x1b[1;36m";
        case Tone::trial:
            return "\x1b[1;37m";
    }
    std::abort();
}

std::string render(const Message& message, bool colour) {
    const std::string_view paint = colour ? paint_of(message) : std::string_view{};
    const std::string_view dim = colour ? "\x1b[2m" : "";
    const std::string_view bold = colour ? "\x1b[1m" : "";
    const std::string_view normal = colour ? "\x1b[0m" : "";
    auto text = fmt::format("{}┃ {}{}\n", paint, message.title, normal);
    const auto add = [&](std::string_view style, std::string_view line) {
        text += fmt::format("{}┃{} {}{}{}\n", paint, normal, style, line, normal);
    };
    for (const auto& fact : message.facts)
        add("", fmt::format("{}{}{}", fact.label, colon_after(fact.label), fact.value));
    for (const auto& section : message.sections) {
        if (!section.heading.empty()) add(bold, section.heading);
        for (const auto& line : section.lines) add("", line);
    }
    if (message.link)
        add(dim, fmt::format("{}{}{}", message.link->text, colon_after(message.link->text),
                             message.link->url));
    if (!message.footer.empty()) add(dim, message.footer);
    return text + "\n";
}

class Printer final : public Provider {
public:
    explicit Printer(Console console) : console_(console) {}

    Outcome send(const Mail& mail) override {
        constexpr std::size_t kPlenty = 20'000;
        // Cleaning matters here too: a name with escape sequences could rewrite the terminal.
        console_.out << render_to_fit(
                            mail.message, kPlenty,
                            [&](const Message& part) { return render(part, console_.colour); },
                            [](const std::string&) { return true; })
                     << std::flush;
        if (console_.out) return {};
        console_.out.clear();
        Outcome failed;
        failed.kind = Outcome::Kind::transient;
        failed.why = "the terminal or file does not take the text";
        failed.most_attempts = 3;
        return failed;
    }
    void interrupt() noexcept override {}

private:
    Console console_;
};

struct ConsoleRecipe final : Recipe {
    std::unique_ptr<Provider> make(const Tools& tools) const override {
        return std::make_unique<Printer>(tools.console);
    }
    Pace pace() const override { return {"console", std::chrono::milliseconds{0}, 0}; }
    std::vector<std::string> secrets() const override { return {}; }
    std::string route() const override { return "to this program's own output"; }
};

}  // namespace

std::shared_ptr<const Recipe> read_console(EntryReader&) {
    return std::make_shared<ConsoleRecipe>();
}

}  // namespace quotafuse::notifiers
