#include "notifiers/login.h"

#include <algorithm>
#include <charconv>

#include "notifiers/api.h"

namespace quotafuse::notifiers {
namespace {

std::string percent_decode(std::string_view text) {
    std::string decoded;
    while (!text.empty()) {
        unsigned char byte = 0;
        const auto* const digits = text.data() + 1;
        const bool encoded = text.starts_with('%') && text.size() >= 3 &&
                             std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
        decoded += encoded ? static_cast<char>(byte) : text.front();
        text.remove_prefix(encoded ? 3 : 1);
    }
    return decoded;
}

}  // namespace

std::vector<std::string> secrets_in_login(std::string_view login) {
    const auto colon = std::min(login.find(':'), login.size());
    const auto user = percent_decode(login.substr(0, colon));
    const auto password = login.substr(std::min(colon + 1, login.size()));
    std::vector<std::string> secrets{std::string{login}};
    if (!password.empty()) secrets.emplace_back(password);
    const auto decoded = percent_decode(password);
    if (decoded != password) secrets.push_back(decoded);
    secrets.push_back(base64(user + ":" + decoded));
    return secrets;
}

}  // namespace quotafuse::notifiers
