#include "daemon/password.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include <crypt.h>
#include <openssl/crypto.h>

namespace quotafuse::daemon {
namespace {

constexpr std::array<std::string_view, 10> kKinds{"$y$",  "$gy$", "$7$",  "$6$",  "$5$",
                                                  "$2a$", "$2b$", "$2x$", "$2y$", "$1$"};
constexpr std::size_t kShortestSum = 22;  // that of $1$

/// Empty where it cannot be computed.
std::string crypted(const std::string& password, const std::string& setting) {
    const auto data = std::make_unique<crypt_data>();
    const auto* const text = ::crypt_r(password.c_str(), setting.c_str(), data.get());
    // A failure may be a text that begins with an asterisk, which no hash does.
    return text == nullptr || *text == '*' ? std::string{} : std::string{text};
}

}  // namespace

bool is_password_hash(std::string_view text) {
    return std::any_of(kKinds.begin(), kKinds.end(),
                       [&](auto kind) { return text.starts_with(kind); });
}

bool is_usable_hash(const std::string& text) {
    const auto sum = text.size() - 1 - text.rfind('$');
    if (!is_password_hash(text) || sum < kShortestSum) return false;
    const auto verdict = ::crypt_checksalt(text.c_str());
    return verdict == CRYPT_SALT_OK || verdict == CRYPT_SALT_METHOD_LEGACY ||
           verdict == CRYPT_SALT_TOO_CHEAP;
}

bool fits_hash(const std::string& password, const std::string& hash) {
    // crypt(3) sees nothing beyond a zero byte.
    if (password.size() > kLongestPassword || password.find('\0') != std::string::npos)
        return false;
    const auto made = crypted(password, hash);
    return made.size() == hash.size() && !made.empty() &&
           CRYPTO_memcmp(made.data(), hash.data(), hash.size()) == 0;
}

std::string hash_password(const std::string& password) {
    std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
    if (::crypt_gensalt_rn("$y$", 0, nullptr, 0, setting.data(),
                           static_cast<int>(setting.size())) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "crypt_gensalt");
    }
    auto hash = crypted(password, setting.data());
    if (hash.empty()) throw std::system_error(errno, std::generic_category(), "crypt");
    return hash;
}

}  // namespace quotafuse::daemon
