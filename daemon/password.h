#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace quotafuse::daemon {

constexpr std::size_t kShortestPassword = 8;   // code points; below that it is weak
constexpr std::size_t kLongestPassword = 512;  // bytes

/// Whether a password of the configuration is meant as a hash of crypt(5), by how it begins.
bool is_password_hash(std::string_view text);

/// Whether it is one that this host can check, and whole.
bool is_usable_hash(const std::string& text);

/// By crypt_r(3): takes a good part of a second and some memory, on purpose. Thread-safe.
bool fits_hash(const std::string& password, const std::string& hash);

/// A new hash of the kind that the system holds for best. Throws std::system_error where it cannot.
std::string hash_password(const std::string& password);

}  // namespace quotafuse::daemon
