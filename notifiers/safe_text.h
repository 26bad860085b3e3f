#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::notifiers {

/// Makes what services and programs say fit to be shown: valid UTF-8 in one short line without
/// control characters, our secrets (also percent-encoded) replaced by ***.
class SafeText {
public:
    explicit SafeText(const std::vector<std::string>& secrets);
    std::string operator()(std::string_view text) const;

private:
    std::vector<std::string> secrets_;  // longest first
};

/// What may be a secret in a URL of which nothing is known: its user and password, the values of
/// its query and the parts of its path that are long enough to be a token.
std::vector<std::string> secrets_in_url(std::string_view url);

/// Whether a header or variable of that name and value may hold a secret: its name says so, or the
/// value is long enough and no plain word, which would be blanked wherever it stands ("prod").
bool may_be_secret(std::string_view name, std::string_view value);

}  // namespace quotafuse::notifiers
