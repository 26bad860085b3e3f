#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// WeCom's group robot: markdown without any escape syntax, limited in bytes of the content, in raw
// UTF-8 (a \uXXXX in the request is refused). HTTP is always 200; the errcode decides, its text may
// change.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;

constexpr std::size_t kMostBytes = 4096;
/// Exceeding 20 messages a minute blocks the robot for a minute.
constexpr std::chrono::seconds kRateWait{60};
constexpr int kTriesWhenBusy = 3;
/// A number that nobody has documented may be anything, so it does not block the queue for ever.
constexpr int kTriesOfUnknown = 3;

enum Code : std::int64_t {
    busy = -1,
    invalid_parameter = 40058,  // also: too long
    too_often = 45009,
    too_many_at_once = 45033,
};
constexpr std::array<std::int64_t, 8> kRefusals = {40008, 40033, 40035, 40058,
                                                   44004, 45002, 93000, 93017};

/// What has a meaning in markdown is replaced by its full-width twin.
std::string neutral(std::string_view text) {
    std::string line{text};
    base::replace_all(line, "<", "＜");
    base::replace_all(line, "`", "'");
    base::replace_all(line, "**", "*＊");
    base::replace_all(line, "](", "]（");
    if (line.starts_with('#')) line.replace(0, 1, "＃");
    if (line.starts_with('>')) line.replace(0, 1, "＞");
    return line;
}

/// Inside of backticks only the backtick itself means anything. "<" might still open a tag.
std::string inline_code(std::string_view text) {
    std::string line{text};
    base::replace_all(line, "<", "＜");
    base::replace_all(line, "`", "'");
    return line.empty() ? line : "`" + line + "`";
}

std::string render_markdown(const Message& message) {
    const bool calm =
        message.kind == Message::Kind::resolved || message.severity == base::Severity::info;
    auto text = fmt::format("### <font color=\"{}\">{} {}</font>\n", calm ? "info" : "warning",
                            mark_of(message), neutral(message.title));
    for (const auto& fact : message.facts) {
        text += fmt::format("> {}: {}\n", neutral(fact.label), inline_code(fact.value));
    }
    if (!message.lines.empty()) text += '\n';
    for (const auto& line : message.lines) text += neutral(line) + '\n';
    if (!message.footer.empty()) {
        text += fmt::format("\n<font color=\"comment\">{}</font>", neutral(message.footer));
    }
    return text;
}

class WeCom final : public Provider {
public:
    explicit WeCom(const Settings& settings) : api_(settings), webhook_(settings.webhook) {}

    Outcome send(const Message& message) override {
        auto reply = api_.post(webhook_, body(message, kMostBytes));
        auto answer = json::parse(reply.body, nullptr, false);
        std::string corrections;
        if (number_in(answer, "errcode") == invalid_parameter) {
            corrections = "shortened. ";
            reply = api_.post(webhook_, body(message, kMostBytes / 2));
            answer = json::parse(reply.body, nullptr, false);
        }
        return judge(reply, answer, corrections);
    }
    void interrupt() noexcept override { api_.interrupt(); }

private:
    static std::string body(const Message& message, std::size_t most_bytes) {
        const auto content =
            render_to_fit(message, kMostBytes, render_markdown,
                          [&](const auto& text) { return text.size() <= most_bytes; });
        return json{{"msgtype", "markdown"}, {"markdown", {{"content", content}}}}.dump();
    }

    Outcome judge(const HttpReply& reply, const json& answer,
                  const std::string& corrections) const {
        const auto code = number_in(answer, "errcode");
        if (!code) return api_.without_verdict(reply);
        const auto said = text_in(answer, "errmsg");
        if (*code == 0) {
            return api_.outcome(Outcome::Kind::ok, corrections + (said == "ok" ? "" : said));
        }
        const auto why = fmt::format("{}WeCom {}: {}", corrections, *code, said);
        if (*code == too_often) return api_.wait(kRateWait, why);
        if (std::find(kRefusals.begin(), kRefusals.end(), *code) != kRefusals.end()) {
            return api_.outcome(Outcome::Kind::permanent, why);
        }
        auto outcome = api_.outcome(Outcome::Kind::transient, why);
        if (*code == busy) {
            outcome.most_attempts = kTriesWhenBusy;
        } else if (*code != too_many_at_once) {
            outcome.most_attempts = kTriesOfUnknown;
        }
        return outcome;
    }

    Api api_;
    base::Secret webhook_;
};

}  // namespace

std::unique_ptr<Provider> make_wecom(const Settings& settings) {
    return std::make_unique<WeCom>(settings);
}

}  // namespace quotafuse::notifiers
