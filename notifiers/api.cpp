#include "notifiers/api.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kMostWhy = 300;

std::vector<std::string> forms_of(const std::vector<std::string>& secrets) {
    std::vector<std::string> forms;
    for (const auto& secret : secrets) {
        if (secret.size() < 4) continue;  // would blank ordinary words
        forms.push_back(secret);
        forms.push_back(base::percent_encode(secret));
    }
    // A secret that contains another must not leave its tail behind.
    std::sort(forms.begin(), forms.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return forms;
}

}  // namespace

Api::Api(const Settings& settings)
    : client_(settings.http), secrets_(forms_of(secrets_of(settings))) {}

Outcome Api::outcome(Outcome::Kind kind, std::string_view why) const {
    auto line = base::valid_utf8(why);
    for (const auto& secret : secrets_) base::replace_all(line, secret, "***");
    for (auto& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return {kind, {}, base::cut_bytes(base::trim(line), kMostWhy), 0};
}

Outcome Api::wait(std::chrono::seconds wait, std::string_view why) const {
    auto result = outcome(Outcome::Kind::transient, why);
    result.wait = wait;
    return result;
}

Outcome Api::without_verdict(const HttpReply& reply) const {
    if (reply.transport != Outcome::Kind::ok) return outcome(reply.transport, reply.error);
    const auto status = reply.status;
    if (status >= 300 && status < 400) {
        return outcome(
            Outcome::Kind::permanent,
            fmt::format("HTTP {}: a redirect, which is not followed; check the URL", status));
    }
    return wait(reply.seconds("retry-after"),
                fmt::format("HTTP {}, not the service's own answer: {}", status, reply.body));
}

std::optional<std::int64_t> number_in(const nlohmann::json& answer, const char* key) {
    if (!answer.is_object()) return std::nullopt;
    const auto at = answer.find(key);
    if (at == answer.end() || !at->is_number_integer()) return std::nullopt;
    return at->get<std::int64_t>();
}

std::string text_in(const nlohmann::json& answer, const char* key) {
    if (!answer.is_object()) return {};
    const auto at = answer.find(key);
    return at != answer.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

}  // namespace quotafuse::notifiers
