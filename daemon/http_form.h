#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::daemon {

/// A field of a form (application/x-www-form-urlencoded). Nothing where it is not there, there
/// twice, or not decodable.
std::optional<std::string> form_field(std::string_view body, std::string_view name);

/// The values of that cookie in a Cookie header, at most 8: another program of the same host may
/// have set one of the same name for another path.
std::vector<std::string_view> cookie_values(std::string_view header, std::string_view name);

}  // namespace quotafuse::daemon
