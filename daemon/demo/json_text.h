#pragma once

#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace quotafuse::demo {

/// A JSON object written as Go writes a map: the caller adds keys in order, < > & are escaped. A
/// DOM would cost more than everything else in a generated row.
class JsonText {
public:
    template <class Number>
    JsonText& number(std::string_view key, Number value) {
        return raw(key, fmt::format("{}", value));
    }
    JsonText& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    JsonText& text(std::string_view key, std::string_view value) { return raw(key, quoted(value)); }
    /// `json` is JSON already.
    JsonText& raw(std::string_view key, std::string_view json) {
        if (!body_.empty()) body_ += ',';
        fmt::format_to(std::back_inserter(body_), "\"{}\":{}", key, json);
        return *this;
    }
    std::string object() const { return '{' + body_ + '}'; }

    static std::string quoted(std::string_view value) {
        std::string result = "\"";
        for (const char c : value) {
            const bool escape = c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
            if (escape || static_cast<unsigned char>(c) < 0x20) {
                fmt::format_to(std::back_inserter(result), "\\u{:04x}",
                               static_cast<unsigned>(static_cast<unsigned char>(c)));
            } else {
                result += c;
            }
        }
        return result + '"';
    }

private:
    std::string body_;
};

}  // namespace quotafuse::demo
