#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::base {

/// Replaces invalid UTF-8 (overlong forms and surrogates too) by U+FFFD. Gateways store raw bytes
/// of clients.
std::string valid_utf8(std::string_view bytes);

/// At most `limit` bytes of valid UTF-8, cut before a character and ended with "…" when cut. limit
/// ≥ 3.
std::string cut_bytes(std::string_view text, std::size_t limit);

/// Number of code points in valid UTF-8.
std::size_t count_code_points(std::string_view text);

void replace_all(std::string& text, std::string_view from, std::string_view to);
std::string percent_encode(std::string_view text);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

/// Whole-text match with * (any run) and ? (any one character, a code point). Case counts. Linear
/// in text × stars.
bool glob_match(std::string_view pattern, std::string_view text);
inline bool is_glob(std::string_view text) {
    return text.find_first_of("*?") != std::string_view::npos;
}

/// The known word nearest to `word` (edit distance ≤ 3 and less than half its length), or empty.
/// For a word of over 64 bytes, which is no slip of the pen, it is not looked for.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace quotafuse::base
