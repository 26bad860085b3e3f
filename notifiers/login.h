#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::notifiers {

/// What tells the password of "user:password", as a URL writes it: that itself, decoded, and as a
/// header says it. `login` is not empty.
std::vector<std::string> secrets_in_login(std::string_view login);

}  // namespace quotafuse::notifiers
