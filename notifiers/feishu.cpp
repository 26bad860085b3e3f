#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// Feishu's (and Lark's) custom bot: a card, signed afresh on each try, limited by the bytes of the
// whole request; a refused card goes out as text. HTTP 200 says nothing, the number in the body
// decides.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;

constexpr std::size_t kMostBytes = 20'000;
constexpr std::chrono::seconds kRateWait{5};
/// A number that nobody has documented may be anything, so it does not block the queue for ever.
constexpr int kTriesOfUnknown = 3;

enum Code : std::int64_t {
    bad_request = 9499,  // also "too many request"
    rate_limited = 11232,
    gateway_limited = 99991400,
    internal_error = 2200,
    card_refused = 11246,
    sign_refused = 19021,
    too_large = 19036,
};

/// HMAC-SHA256 of nothing, keyed with timestamp and secret: Feishu's way, not DingTalk's.
std::string sign(const std::string& timestamp, const base::Secret& secret) {
    const auto key = timestamp + "\n" + secret.reveal();
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    const unsigned char nothing = 0;
    unsigned int size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), &nothing, 0, digest.data(),
             &size) == nullptr) {
        throw std::runtime_error("OpenSSL cannot sign");
    }
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
    const auto length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return {text.begin(), text.begin() + length};
}

/// The length of an entity such as "&#60;" at the start of `text`, 0 if there is none.
std::size_t entity_length(std::string_view text) {
    const auto end = text.find(';');
    if (end == std::string_view::npos || end < 2 || end > 32) return 0;
    const auto name = text.substr(1, end - 1);
    const bool plain = name.find_first_not_of(
                           "#0123456789abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
    return plain ? end + 1 : 0;
}

/// Card markdown has no backslash escapes; its own way are entities. A "&" alone stays as it is.
std::string escape(std::string_view text) {
    constexpr std::string_view kSpecial = "<>*_`[]()#-!\\:$+\"'/";
    std::string escaped;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = text[i];
        const bool special = kSpecial.find(c) != std::string_view::npos ||
                             (c == '&' && entity_length(text.substr(i)) > 0);
        if (c == '~') {
            escaped += "&sim;";
        } else if (special) {
            escaped += fmt::format("&#{};", static_cast<int>(c));
        } else {
            escaped += c;
        }
    }
    return escaped;
}

const char* colour_of(const Message& message) {
    if (message.kind == Message::Kind::resolved) return "green";
    switch (message.severity) {
        case base::Severity::info:
            return "blue";
        case base::Severity::warning:
            return "orange";
        case base::Severity::critical:
            return "red";
    }
    std::abort();
}

/// Card 2.0 with the parts that are least likely to be refused. The title is plain text: nothing to
/// escape.
json card(const Message& message) {
    std::string text;
    for (const auto& fact : message.facts) {
        text += fmt::format("**{}**: {}\n", escape(fact.label), escape(fact.value));
    }
    if (!message.facts.empty() && !message.lines.empty()) text += '\n';
    for (const auto& line : message.lines) text += escape(line) + '\n';

    auto elements = json::array();
    if (!text.empty()) elements.push_back({{"tag", "markdown"}, {"content", text}});
    if (!message.footer.empty()) {
        elements.push_back({{"tag", "hr"}});
        elements.push_back({{"tag", "markdown"}, {"content", escape(message.footer)}});
    }
    return {{"msg_type", "interactive"},
            {"card",
             {{"schema", "2.0"},
              {"header",
               {{"template", colour_of(message)},
                {"title", {{"tag", "plain_text"}, {"content", message.title}}}}},
              {"body", {{"elements", std::move(elements)}}}}}};
}

/// In a text "<at …>" would call people.
json text(const Message& message) {
    auto content = plain_text(message);
    base::replace_all(content, "<", "＜");
    return {{"msg_type", "text"}, {"content", {{"text", content}}}};
}

/// How a message is sent; each correction is made at most once.
struct Form {
    bool card = true;
    bool signed_again = false;
    std::size_t bytes = kMostBytes;
};

class Feishu final : public Provider {
public:
    Feishu(const Settings& settings, const base::Clock& clock)
        : api_(settings), webhook_(settings.webhook), secret_(settings.secret), clock_(clock) {}

    Outcome send(const Message& message) override {
        Form form;
        std::string corrections;
        for (;;) {
            const auto reply = api_.post(webhook_, body(message, form));
            const auto answer = json::parse(reply.body, nullptr, false);
            const auto correction = correct(form, answer);
            if (correction.empty()) return judge(reply, answer, corrections);
            corrections += correction + ". ";
        }
    }
    void interrupt() noexcept override { api_.interrupt(); }

private:
    std::string body(const Message& message, const Form& form) const {
        const auto timestamp = std::to_string(base::unix_seconds(clock_.now()));
        const auto signature = secret_.empty() ? std::string{} : sign(timestamp, secret_);
        const auto render = [&](const Message& part) {
            auto request = form.card ? card(part) : text(part);
            if (!secret_.empty()) {
                request["timestamp"] = timestamp;
                request["sign"] = signature;
            }
            return request.dump();
        };
        return render_to_fit(message, kMostBytes, render,
                             [&](const auto& request) { return request.size() <= form.bytes; });
    }

    /// The current form has "code", the older one "StatusCode".
    static std::optional<std::int64_t> code_of(const json& answer) {
        const auto code = number_in(answer, "code");
        return code ? code : number_in(answer, "StatusCode");
    }

    static bool means_rate(std::int64_t code, const std::string& said) {
        return code == rate_limited || code == gateway_limited ||
               (code == bad_request && said.find("too many") != std::string::npos);
    }

    /// Changes what the answer complains of. Returns what was changed, empty when nothing can be.
    static std::string correct(Form& form, const json& answer) {
        const auto code = code_of(answer).value_or(0);
        const auto said = text_in(answer, "msg");
        if ((code == card_refused || code == bad_request) && !means_rate(code, said) && form.card) {
            form.card = false;
            return fmt::format("sent as text after {} '{}'", code, said);
        }
        if (code == sign_refused && !form.signed_again) {
            form.signed_again = true;
            return "signed again";
        }
        if (code == too_large && form.bytes == kMostBytes) {
            form.bytes /= 2;
            return fmt::format("shortened after {}", code);
        }
        return {};
    }

    Outcome judge(const HttpReply& reply, const json& answer,
                  const std::string& corrections) const {
        const auto code = code_of(answer);
        if (!code) return api_.without_verdict(reply);
        if (*code == 0) return api_.outcome(Outcome::Kind::ok, corrections);
        const auto said = text_in(answer, "msg");
        const auto why =
            fmt::format("{}Feishu {}: {}{}", corrections, *code, said, advice(reply, *code));
        if (means_rate(*code, said)) {
            return api_.wait(std::max(kRateWait, reply.seconds("x-ogw-ratelimit-reset")), why);
        }
        if (*code == internal_error || reply.status >= 500) {
            return api_.outcome(Outcome::Kind::transient, why);
        }
        const bool known =
            (*code >= 19001 && *code <= 19036) || *code == card_refused || *code == bad_request;
        auto outcome =
            api_.outcome(known ? Outcome::Kind::permanent : Outcome::Kind::transient, why);
        if (!known) outcome.most_attempts = kTriesOfUnknown;
        return outcome;
    }

    std::string advice(const HttpReply& reply, std::int64_t code) const {
        if (code != sign_refused) return {};
        const auto date = reply.headers.find("date");
        return fmt::format("; check `secret` and this host's clock (the service's says {})",
                           date == reply.headers.end() ? "nothing" : date->second);
    }

    Api api_;
    base::Secret webhook_;
    base::Secret secret_;
    const base::Clock& clock_;
};

}  // namespace

std::unique_ptr<Provider> make_feishu(const Settings& settings, const base::Clock& clock) {
    return std::make_unique<Feishu>(settings, clock);
}

}  // namespace quotafuse::notifiers
