#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "support/chat_services.h"

// What the rules of several services need (see chat_services.h).
namespace quotafuse::tests {

bool is_json(const Call& call);

/// Decodes the entity at the start of `text` ("&#60;", "&lt;") and removes it; nothing when there
/// is none.
std::optional<std::string> take_entity(std::string_view& text,
                                       const std::map<std::string, std::string>& named);

/// HMAC-SHA256 in Base64.
std::string signature(const std::string& key, const std::string& message);

/// How often a part stands in a text.
std::size_t count_of(const std::string& text, const std::string& part);
/// Whether what is made bold ends.
inline bool bold_ends(const std::string& markdown) {
    return count_of(markdown, "**") % 2 == 0;
}

/// What common markdown shows: marks gone, links as "text: url". What is no markup of ours is
/// swallowed as the clients would.
std::string seen_of_markdown(const std::string& content);

}  // namespace quotafuse::tests
