#include "notifiers/safe_text.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "notifiers/entry_reader.h"
#include "notifiers/http_client.h"
#include "notifiers/login.h"
#include "notifiers/rendering.h"

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kMostBytes = 300;
constexpr std::size_t kLeastSecret = 4;  // less would blank ordinary words
constexpr std::size_t kLeastToken = 8;   // "webhook" and "alerts" are none
constexpr std::size_t kMostWord = 16;

bool is_plain_word(std::string_view text) {
    return text.size() <= kMostWord && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '/';
           });
}

}  // namespace

SafeText::SafeText(const std::vector<std::string>& secrets) {
    for (const auto& secret : secrets) {
        if (secret.size() < kLeastSecret) continue;
        secrets_.push_back(secret);
        secrets_.push_back(base::percent_encode(secret));
    }
    // A secret that contains another must not leave its tail behind.
    std::sort(secrets_.begin(), secrets_.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string SafeText::operator()(std::string_view text) const {
    auto line = base::valid_utf8(text);
    for (const auto& secret : secrets_) base::replace_all(line, secret, "***");
    return base::cut_bytes(base::trim(one_line(line)), kMostBytes);
}

bool may_be_secret(std::string_view name, std::string_view value) {
    constexpr std::array<std::string_view, 6> kNames = {"auth", "key",    "token",
                                                        "pass", "cookie", "secret"};
    const auto plain = lower(std::string{name});
    const bool named = std::any_of(kNames.begin(), kNames.end(), [&](std::string_view one) {
        return plain.find(one) != std::string::npos;
    });
    return named || (value.size() >= kLeastToken && !is_plain_word(value));
}

std::vector<std::string> secrets_in_url(std::string_view text) {
    const auto url = parse_url(text);
    std::vector<std::string> secrets;
    const auto add = [&](std::string_view part, std::size_t least) {
        if (part.size() >= least) secrets.emplace_back(part);
    };
    if (const auto at = url.authority.rfind('@'); at != std::string_view::npos && at > 0) {
        for (const auto& secret : secrets_in_login(url.authority.substr(0, at)))
            add(secret, kLeastSecret);
    }
    for (const auto part : base::split(url.path, '/')) add(part, kLeastToken);
    for (const auto pair : base::split(url.query, '&'))
        add(pair.substr(pair.find('=') + 1), kLeastSecret);  // npos + 1 = 0: all of it
    return secrets;
}

}  // namespace quotafuse::notifiers
