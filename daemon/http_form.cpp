#include "daemon/http_form.h"

#include "base/text.h"

namespace quotafuse::daemon {
namespace {

constexpr std::size_t kMostCookies = 8;

/// -1 for what is no hexadecimal digit.
int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = digit(text[i + 1]);
        const int low = digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

}  // namespace

std::optional<std::string> form_field(std::string_view body, std::string_view name) {
    std::optional<std::string> found;
    for (const auto pair : base::split(body, '&')) {
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || decode(pair.substr(0, equals)) != name) continue;
        if (found) return std::nullopt;
        found = decode(pair.substr(equals + 1));
        if (!found) return std::nullopt;
    }
    return found;
}

std::vector<std::string_view> cookie_values(std::string_view header, std::string_view name) {
    std::vector<std::string_view> values;
    for (const auto part : base::split(header, ';')) {
        const auto pair = base::trim(part);
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
        if (values.size() == kMostCookies) break;
        values.push_back(pair.substr(equals + 1));
    }
    return values;
}

}  // namespace quotafuse::daemon
