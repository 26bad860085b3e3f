#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/event_json.h"
#include "notifiers/providers.h"

// POST of JSON to a program of the operator's own. With a secret two headers prove where it comes
// from, both HMAC-SHA256, in hex: X-Signature-256 over the body alone, as GitHub's is, which stays
// the same in a repeat; and X-Timestamp-Signature over "timestamp.body" with the X-Timestamp of
// this very attempt. Who checks the second one and refuses old timestamps is safe from a replay
// without remembering anything; who remembers event ids, which are part of the signed body, is safe
// anyway.
namespace quotafuse::notifiers {
namespace {

using Kind = Outcome::Kind;

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
/// What the request says itself.
constexpr std::array<std::string_view, 7> kOurHeaders = {
    "content-length", "transfer-encoding",     "expect",         "idempotency-key",
    "x-timestamp",    "x-timestamp-signature", "x-signature-256"};

std::string sign(const base::Secret& secret, std::string_view text) {
    std::string hex = "sha256=";
    for (const char c : hmac_sha256(secret.reveal(), text))
        hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return hex;
}

struct WebhookSettings {
    base::Secret url;
    base::Secret secret;  // empty: not signed
    std::vector<HttpHeader> headers;
    HttpOptions http;
};

std::vector<std::string> secrets_of(const WebhookSettings& settings) {
    auto secrets = secrets_in_url(settings.url.reveal());
    const auto proxy = secrets_of(settings.http);
    secrets.insert(secrets.end(), proxy.begin(), proxy.end());
    if (!settings.secret.empty()) secrets.push_back(settings.secret.reveal());
    for (const auto& header : settings.headers) {
        const auto& value = header.value.reveal();
        if (!may_be_secret(header.name, value)) continue;
        secrets.push_back(value);
        // Of "Bearer abc" a receiver may well quote the abc alone.
        if (const auto blank = value.rfind(' '); blank != std::string::npos)
            secrets.push_back(value.substr(blank + 1));
    }
    return secrets;
}

class Webhook final : public Provider {
public:
    Webhook(WebhookSettings settings, const base::Clock& clock)
        : settings_(std::move(settings)), api_(settings_.http, secrets_of(settings_), clock) {}

    Outcome send(const Mail& mail) override {
        HttpRequest request{HttpRequest::Method::post, settings_.url, settings_.headers,
                            event_json(mail)};
        add(request, "Idempotency-Key", base::percent_encode(mail.event_id));
        const auto now = std::to_string(base::unix_seconds(api_.clock().now()));
        add(request, "X-Timestamp", now);
        if (!settings_.secret.empty()) {
            add(request, "X-Signature-256", sign(settings_.secret, request.body));
            add(request, "X-Timestamp-Signature", sign(settings_.secret, now + "." + request.body));
        }
        return judge(api_.send(request));
    }
    void interrupt() noexcept override { api_.interrupt(); }

private:
    static void add(HttpRequest& request, const char* name, std::string value) {
        request.headers.push_back({name, base::Secret{std::move(value)}});
    }

    Outcome judge(const HttpReply& reply) const {
        const bool accepted = reply.status >= 200 && reply.status < 300;
        if (accepted && reply.endless) return {};  // what else it had to say is nothing to us
        if (reply.transport != Kind::ok) {
            auto none = api_.without_verdict(reply);
            // It may be this very message that the receiver dies of.
            return none.kind == Kind::ambiguous ? for_a_day(std::move(none)) : none;
        }
        if (accepted) return {};
        const auto kind = may_pass(reply.status) ? Kind::transient : Kind::permanent;
        auto outcome = api_.outcome(kind, fmt::format("HTTP {}: {}", reply.status, reply.body));
        if (kind == Kind::transient) outcome.wait = reply.retry_after(api_.clock().now());
        if (fails_at_it(reply.status)) outcome = for_a_day(std::move(outcome));
        outcome.of_this_text = reply.status == 400 || reply.status == 413 || reply.status == 422;
        outcome.advice = advice(reply.status);
        return outcome;
    }

    /// 407 is of a proxy, which says nothing about the message.
    static bool may_pass(int status) {
        return status == 407 || status == 408 || status == 425 || status == 429 || status >= 500;
    }

    /// Not 502 to 504, with which what stands before the receiver says that it does not answer.
    static bool fails_at_it(int status) {
        return status == 408 || status == 425 || status == 500 || status == 501 || status > 504;
    }

    static std::string advice(int status) {
        switch (status) {
            case 401:
            case 403:
                return "the receiver does not let us in: check `headers` and `secret`";
            case 404:
                return "nothing is there: check `url`";
            case 405:
                return "the receiver takes no POST there: check `url`";
            case 407:
                return "the proxy wants another user or password: check `proxy`";
            case 410:
                return "the receiver is gone for good: change `url` or remove the notifier";
            case 413:
                return "the receiver must take bodies of up to 256 KiB";
            default:
                break;
        }
        if (status >= 300 && status < 400)
            return "redirects are not followed: set `url` to where it really is";
        return {};
    }

    WebhookSettings settings_;
    Api api_;
};

class WebhookRecipe final : public Recipe {
public:
    explicit WebhookRecipe(WebhookSettings settings) : settings_(std::move(settings)) {}

    std::unique_ptr<Provider> make(const Tools& tools) const override {
        return std::make_unique<Webhook>(settings_, tools.clock);
    }
    Pace pace() const override { return {robot_of(settings_.url.reveal())}; }
    std::vector<std::string> secrets() const override { return secrets_of(settings_); }
    std::string route() const override { return route_of(settings_.http); }

private:
    WebhookSettings settings_;
};

bool is_header_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of(kNameCharacters) == std::string_view::npos &&
           std::find(kOurHeaders.begin(), kOurHeaders.end(), lower(std::string{name})) ==
               kOurHeaders.end();
}

std::vector<HttpHeader> read_headers(EntryReader& entry) {
    using Node = base::yaml::Node;
    std::vector<HttpHeader> headers;
    const auto* const map = entry.map().find("headers");
    if (map == nullptr) return headers;
    if (map->kind != Node::Kind::map) {
        entry.error(map->place, "headers must be a map of names and texts");
        return headers;
    }
    for (const auto& [name, name_place, value] : map->members) {
        if (!is_header_name(name)) {
            entry.error(name_place,
                        fmt::format("'{}' cannot be set in headers: it is none, or the request "
                                    "has it already",
                                    name));
        }
        const auto& text = value.text;
        if (value.kind != Node::Kind::scalar || std::any_of(text.begin(), text.end(), [](char c) {
                return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
            })) {
            entry.error(value.place, fmt::format("the header {} must be a text of one line", name));
        }
        headers.push_back({name, base::Secret{text}});
    }
    return headers;
}

}  // namespace

std::shared_ptr<const Recipe> read_webhook(EntryReader& entry) {
    WebhookSettings settings;
    if (const auto* const url = entry.needed("url")) {
        if (!is_url(url->text, {"http", "https"}))
            entry.error(url->place, "url must be an http:// or https:// URL");
        settings.url = base::Secret{url->text};
    }
    settings.secret = base::Secret{entry.map().text("secret").value_or("")};
    settings.headers = read_headers(entry);
    settings.http = entry.transport();
    return std::make_shared<WebhookRecipe>(std::move(settings));
}

}  // namespace quotafuse::notifiers
